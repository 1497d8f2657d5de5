"""Reading a pipe without waiting in silence: who listens is told when nothing comes any more."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, BinaryIO

from . import Lost, nobody

STALL_SECONDS = 1.5
"""A program that brings audio in real time is never silent for so long."""


class PipeReader:
    """As many bytes as are asked for, fewer only at the end.

    Args:
        stream: binary. Its buffer, if it has one, is passed by: what lies in it could not be waited for.
        lost: called once when nothing came for STALL_SECONDS, and again only after something has.
    """

    def __init__(self, stream: BinaryIO, lost: Lost = nobody) -> None:
        self.lost = lost
        self._whole = stream  # kept: a buffer that nobody holds closes what is below it
        self._stream: Any = getattr(stream, "raw", stream)
        self._ready = _waiting_for(self._stream)

    def read(self, count: int) -> bytes:
        data = self._read_once(count)
        while data and len(data) < count:
            more = self._read_once(count - len(data))
            if not more:
                break
            data += more
        return data

    def _read_once(self, count: int) -> bytes:
        while count:
            if not self._ready(STALL_SECONDS):
                self.lost(f"Standard input has brought nothing for {STALL_SECONDS:g} s. Waiting for it")
                self._ready(None)
            data: bytes | None = self._stream.read(count)
            if data is not None:  # None: a pipe that does not wait by itself, and another reader was faster
                return data
        return b""


def _waiting_for(stream: Any) -> Callable[[float | None], bool]:
    """A function that waits at most so many seconds (None: for ever) and tells whether there is something to read."""
    try:
        import select

        poll = select.poll()
        poll.register(stream.fileno(), select.POLLIN)
    except (OSError, io.UnsupportedOperation, AttributeError):  # no file behind it, or a system without poll
        return lambda _seconds: True
    return lambda seconds: bool(poll.poll(None if seconds is None else 1000 * seconds))
