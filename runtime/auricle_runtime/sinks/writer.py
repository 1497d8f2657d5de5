"""Text to standard output or a pipe, through a thread: a reader that has stopped reading stops nobody."""

from __future__ import annotations

import io
import os
from typing import TextIO

from . import Tell
from .queued import QueuedSink

CAPACITY_TEXTS = 1024


class Writer(QueuedSink[str]):
    """`write(text)` returns at once.

    Args:
        stream: written through its descriptor where it has one: the lock of its buffer would be held by the thread.
        tell: see QueuedSink.
        waits: wait for a slow reader instead of dropping, as for a recording, where nothing is lost by waiting.
        alone: nobody else gets the events, so a reader who is gone ends the listening: `write` raises BrokenPipeError.
    """

    def __init__(self, stream: TextIO, tell: Tell, waits: bool = False, alone: bool = True) -> None:
        self._stream, self._waits, self._alone = stream, waits, alone
        self._descriptor = _descriptor(stream)
        self._broken: BrokenPipeError | None = None
        super().__init__("Standard output", tell, CAPACITY_TEXTS)

    def write(self, text: str) -> None:
        if self._broken is not None:
            raise self._broken
        if self._waits:
            self._queue.put(text)
        else:
            self.put(text)

    @property
    def busy(self) -> bool:
        """Something still waits to be written."""
        return not self._queue.empty()

    def deliver(self, item: str) -> None:
        try:
            self._write(item)
        except BrokenPipeError as error:
            if not self._alone:
                raise
            self._broken = error

    def _write(self, text: str) -> None:
        if self._descriptor is None:
            self._stream.write(text)
            self._stream.flush()
            return
        data = text.encode(self._stream.encoding or "utf-8", self._stream.errors or "replace")
        while data:
            data = data[os.write(self._descriptor, data) :]


def _descriptor(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (OSError, io.UnsupportedOperation, AttributeError):
        return None
