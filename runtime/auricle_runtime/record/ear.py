"""A source that is asked for pieces: it listens all the time, and gives what is heard from now on."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from auricle_shared.errors import DeviceError

from ..sources import Block, Source

PATIENCE_SECONDS = 15.0
"""A microphone that came back within this time only spoils the take; the first block of a server can be 2 s late."""
CLOSE_SECONDS = 1.0
WAITING_BLOCKS = 1000


class Heard(NamedTuple):
    samples: np.ndarray
    """float32 [n] at the source's rate"""
    lost: str
    """why audio is missing inside; empty where it is whole"""


class Ear:
    """Reads a source in a thread of its own, so that nothing old waits in front of a take.

    ear = Ear(Microphone(16000), rate_hz=16000)
    heard = ear.take(3.0)                   # the next three seconds
    ear.close()
    """

    def __init__(self, source: Source, rate_hz: int) -> None:
        self._source, self._rate_hz = source, rate_hz
        self._blocks: queue.Queue[Block | Exception] = queue.Queue(WAITING_BLOCKS)
        self._wanted = threading.Event()
        self._stop = False
        self._lost = ""
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def take(self, seconds: float, look: Callable[[np.ndarray], object] = len) -> Heard:
        """What is heard in the next `seconds`.

        Args:
            look: is shown every block on its way, for a level meter.

        Raises:
            DeviceError: nothing was heard for so long that the microphone must be gone.
        """
        missing, pieces = round(seconds * self._rate_hz), []
        self._lost = ""
        self._forget()
        self._wanted.set()
        try:
            while missing > 0:
                samples = self._next().samples[:missing]
                look(samples)
                pieces.append(samples)
                missing -= len(samples)
        finally:
            self._wanted.clear()
        return Heard(np.concatenate(pieces or [np.zeros(0, np.float32)]), self._lost)

    def close(self) -> None:
        self._stop = True
        self._thread.join(CLOSE_SECONDS)
        self._source.close()

    def _next(self) -> Block:
        began = time.monotonic()
        while True:
            try:
                found = self._blocks.get(timeout=0.5)
            except queue.Empty as error:
                if time.monotonic() - began > PATIENCE_SECONDS:
                    reason = self._lost or f"nothing was heard for {PATIENCE_SECONDS:g} s"
                    raise DeviceError(f"The microphone gives no audio: {reason}.") from error
                continue
            if isinstance(found, Exception):
                raise found
            if found.gap is not None:
                self._lost = self._lost or f"audio was lost ({found.gap.reason})"
            return found

    def _forget(self) -> None:
        while not self._blocks.empty():
            found = self._blocks.get_nowait()
            if isinstance(found, Exception):
                raise found

    def _listen(self) -> None:
        try:
            for block in self._source.blocks(self._note_loss):
                if self._stop:
                    return
                if self._wanted.is_set():
                    self._blocks.put(block)
        except Exception as error:  # handed over to whoever takes next
            self._blocks.put(error)
        else:
            self._blocks.put(DeviceError("The source came to its end."))

    def _note_loss(self, reason: str) -> None:
        self._lost = self._lost or reason
