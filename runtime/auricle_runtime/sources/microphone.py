"""The microphone: captured, brought to the model's rate, and opened again whenever it was lost.

    Capture --pieces--> Run (resampler, stream time) --> blocks
       ^ lost: said at once, opened again with back-off, the hole measured by the wall clock

Stream time runs on through every hole, so that times stay true.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, TypeVar

from auricle_shared.audio import Resampler
from auricle_shared.errors import AuricleError, DeviceError

from ..attempt import Attempt
from . import DEFAULT_BLOCK_MS, Block, Gap, Lost, nobody
from .capture import POLL_SECONDS, Capture
from .portaudio import (
    MicrophoneInfo,
    find_microphone,
    leave_portaudio_behind,
    list_microphones,
    needs_sounddevice,
    quiet_stderr,
    start_anew,
)
from .run import Run

MAX_BLOCK_MS = 500.0
"""Longer blocks are for recordings: a microphone's would look like a stall."""
HANG_SECONDS = 10.0
"""A sound server that does not answer for so long hangs."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 2.0
"""Between attempts to open a lost microphone, doubled each time: looking for devices costs about 0.1 s of CPU."""
CLOSE_SECONDS = 1.0
"""Closing a stream whose server hangs would hang too; after this long it is left behind."""

T = TypeVar("T")

__all__ = ["Microphone", "MicrophoneInfo", "find_microphone", "list_microphones", "needs_sounddevice"]


class Microphone:
    """Blocks of what a microphone hears, without an end.

    Args:
        rate_hz: the model's rate; the device runs at its own. None: not known yet. It listens from now on all the same,
            and is told by setting `rate_hz` before `blocks`.
        device: index, name or part of a name; None is the default one.
        block_ms: length of the blocks that PortAudio is asked for, at most MAX_BLOCK_MS.
        channel: the one that is heard, counted from 1; None: the mean of what the device gives.

    Raises:
        DeviceError: missing or unusable at the beginning. Once it was open, it is waited for.
    """

    def __init__(
        self,
        rate_hz: int | None,
        device: str | None = None,
        block_ms: float = DEFAULT_BLOCK_MS,
        channel: int | None = None,
    ) -> None:
        self.rate_hz, self._wanted = rate_hz, device
        self._block_ms, self._channel = min(block_ms, MAX_BLOCK_MS), channel
        self._attempt: Attempt[Any] = Attempt(lambda: self._open(find_microphone(device)))
        with quiet_stderr():  # given back here even if sounddevice, which closes it too, hangs meanwhile
            answered = self._attempt.done_within(HANG_SECONDS)
        if not answered:
            leave_portaudio_behind()
            raise DeviceError(
                f"The sound system did not answer within {HANG_SECONDS:.0f} s. Its server hangs; start it again."
            )
        self._capture: Capture = self._attempt.result()
        self.info = self._capture.info
        self._gaps, self._lost_seconds = 0, 0.0
        self._pause_seconds = FIRST_PAUSE_SECONDS

    def _open(self, info: MicrophoneInfo) -> Capture:
        return Capture(info, self._block_ms, self._channel)

    @property
    def description(self) -> str:
        info = self.info
        to = "" if info.rate_hz == self.rate_hz else f", resampled to {self.rate_hz} Hz"
        return f"microphone {info.index}: {info.name} ({info.rate_hz:g} Hz{to}). Ctrl-C ends"

    @property
    def problems(self) -> list[str]:
        if not self._gaps:
            return []
        return [f"{self._lost_seconds:.2f} s of audio were lost in {self._gaps} gap(s), each of them told above"]

    def blocks(self, lost: Lost = nobody) -> Iterator[Block]:
        assert self.rate_hz is not None
        rate_hz = self.rate_hz
        heard_until, arrived_seconds = 0.0, time.monotonic()
        away = False
        while True:
            run = Run(Resampler(self.info.rate_hz, rate_hz))
            try:
                for piece in self._capture.pieces():
                    length_seconds = len(piece.samples) / self.info.rate_hz
                    missing_seconds = piece.arrived_seconds - length_seconds - arrived_seconds
                    gap = Gap("the microphone was away", max(0.0, missing_seconds)) if away else piece.gap
                    away, self._pause_seconds = False, FIRST_PAUSE_SECONDS
                    if gap is not None:
                        yield from _if_any(run.rest())
                        heard_until += gap.lost_seconds
                        run.begin(heard_until)
                        self._gaps, self._lost_seconds = self._gaps + 1, self._lost_seconds + gap.lost_seconds
                    yield from _if_any(run.feed(piece.samples, gap, piece.arrived_utc))
                    heard_until, arrived_seconds = heard_until + length_seconds, piece.arrived_seconds
            except DeviceError as error:
                if not away:
                    lost(f"{error} Trying to open it again")
                yield from _if_any(run.rest())
            away = True
            self._open_again(lost)

    def close(self) -> None:
        """Stop listening. A stream that cannot be closed because its server hangs is left to the process's end."""
        free = self._attempt.done_within(0) and Attempt(self._capture.close).done_within(CLOSE_SECONDS)
        if not free:
            leave_portaudio_behind()

    def _open_again(self, lost: Lost) -> None:
        """Until it works."""
        self._wait_for(Attempt(self._capture.close), lost)
        while True:
            time.sleep(self._pause_seconds)
            self._pause_seconds = min(2 * self._pause_seconds, LONGEST_PAUSE_SECONDS)
            try:
                self._capture = self._wait_for(Attempt(self._find_again), lost)
                self.info = self._capture.info
                return
            except AuricleError:  # not there yet
                continue

    def _find_again(self) -> Capture:
        """The same microphone, not whatever stands at its index now."""
        start_anew()
        by_index = self._wanted is not None and self._wanted.isdecimal()
        return self._open(find_microphone(_lasting_name(self.info.name) if by_index else self._wanted))

    def _wait_for(self, attempt: Attempt[T], lost: Lost) -> T:
        """Its result, however long it takes; said once when that is long. Ctrl-C ends the wait."""
        self._attempt = attempt
        began, told = time.monotonic(), False
        with quiet_stderr():
            while not attempt.done_within(POLL_SECONDS):
                if not told and time.monotonic() - began > HANG_SECONDS:
                    lost("The sound system does not answer. Waiting for it")
                    told = True
        return attempt.result()


def _lasting_name(name: str) -> str:
    """ALSA's names end with a card number, which another port may change: 'USB Microphone: Audio (hw:1,0)'."""
    return name.rpartition(" (hw:")[0] or name


def _if_any(block: Block | None) -> Iterator[Block]:
    if block is not None:
        yield block
