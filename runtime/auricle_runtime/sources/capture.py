"""One opened microphone, from its opening to its loss: a callback that copies and leaves, and a bounded queue.

    sound card --callback thread--> queue of Captured --pieces()--> one channel, with every gap in its place

Three things lose samples, and each is seen in its own way: the sound system, which raises a flag; this program, which
drops what does not fit its queue and counts it; and what raises no flag at all, which only the wall clock shows.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from auricle_shared.audio import check_channel, one_channel
from auricle_shared.errors import DeviceError

from . import Gap, samples_per_block
from .portaudio import MicrophoneInfo, needs_sounddevice

QUEUE_SECONDS = 5.0
"""Audio that waits while the program is held up; what comes beyond it is dropped and counted."""
STALL_SECONDS = 1.5
"""A sound server that hangs raises no error and sets no flag: only the wall clock shows it."""
FIRST_PIECE_SECONDS = 6.0
"""The first block of a sound server that has to wake up was seen 2 s late."""
POLL_SECONDS = 0.25
CLOCK_WINDOW_SECONDS = 1.0
CLOCK_BENDS = 0.005
"""What a sound card's clock, or the one a sound server bends, may differ from the machine's: 5 ms a second"""
CLOCK_LOST_SECONDS = 0.2
"""Audio that is this much later than it was, in every block of a window, is missing and not merely late."""


class Captured(NamedTuple):
    first_sample: int
    """number of its first sample since the stream began, counted in the callback"""
    samples: np.ndarray
    """float32 [n, channels]"""
    overflowed: bool
    """the sound system says that it lost samples just before"""
    arrived_seconds: float
    """monotonic clock at the callback"""
    arrived_utc: float
    """wall clock at the callback, seconds since 1970"""


class Piece(NamedTuple):
    samples: np.ndarray
    """float32 [n], one channel at the device's rate"""
    gap: Gap | None
    """what is missing before it"""
    arrived_seconds: float
    arrived_utc: float


class Clock:
    """Compares the samples that came with the time that passed: audio that nobody says is lost shows here.

    A block may come late and be made up for; so only the most punctual block of a window counts.
    """

    def __init__(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self.begin()

    def begin(self) -> None:
        """Nothing is known, as after a gap."""
        self._punctual_seconds: float | None = None
        self._begin_window(0.0)

    def _begin_window(self, at_seconds: float) -> None:
        self._window_began = at_seconds
        self._earliest = float("inf")

    def missing_seconds(self, end_sample: int, arrived_seconds: float) -> float:
        """Take a block that ended with `end_sample`; how much audio is found to be missing now, mostly 0."""
        self._earliest = min(self._earliest, arrived_seconds - end_sample / self._rate_hz)
        if arrived_seconds - self._window_began < CLOCK_WINDOW_SECONDS:
            return 0.0
        earliest, usual = self._earliest, self._punctual_seconds
        bent = CLOCK_BENDS * (arrived_seconds - self._window_began) if self._window_began else 0.0
        self._begin_window(arrived_seconds)
        if usual is None or earliest - usual <= CLOCK_LOST_SECONDS + bent:
            self._punctual_seconds = earliest if usual is None else min(earliest, usual + bent)
            return 0.0
        self._punctual_seconds = earliest
        return earliest - usual


class Capture:
    """An open stream.

    Args:
        info: which microphone.
        block_ms: length of the blocks that PortAudio is asked for.
        channel: the one that is heard, counted from 1; None: the mean of what the device gives.

    Raises:
        DeviceError: it cannot be opened; from `pieces` that it is lost, in words.
    """

    def __init__(self, info: MicrophoneInfo, block_ms: float, channel: int | None = None) -> None:
        check_channel(channel, info.channels, f"The microphone {info.name}")
        self.info, self._channel = info, channel
        self.overflows = 0  # written by the callback's thread only, like the two counts below
        self.dropped_samples = 0
        self._next_sample = 0
        block = samples_per_block(block_ms, info.rate_hz)
        self._most = max(4, round(QUEUE_SECONDS * info.rate_hz / block))
        self._queue: queue.SimpleQueue[Captured] = queue.SimpleQueue()
        self._clock = Clock(info.rate_hz)
        self._stream = self._open(needs_sounddevice(), block)
        try:
            self._stream.start()
        except Exception:
            self._stream.close()
            raise

    def pieces(self) -> Iterator[Piece]:
        """What is heard until the microphone is lost, which is a DeviceError.

        It begins with what was heard since the opening; with now, where that was too much to be kept.
        """
        before: Captured | None = None
        if self.dropped_samples:  # nobody has listened yet: a later beginning, not a gap
            self._queue = queue.SimpleQueue()
        while True:
            captured = self._next(FIRST_PIECE_SECONDS if before is None else STALL_SECONDS)
            gap = self._gap(before, captured)
            samples = one_channel(captured.samples, self._channel)
            yield Piece(samples, gap, captured.arrived_seconds, captured.arrived_utc)
            before = captured

    def close(self) -> None:
        """May hang where the sound server hangs."""
        self._stream.close()

    def _gap(self, before: Captured | None, captured: Captured) -> Gap | None:
        rate_hz, count = self.info.rate_hz, len(captured.samples)
        found: Gap | None = None
        missing = self._clock.missing_seconds(captured.first_sample + count, captured.arrived_seconds)
        if missing:
            found = Gap("the sound system lost samples without a word", missing)
        if before is not None and captured.overflowed:
            late = captured.arrived_seconds - before.arrived_seconds - count / rate_hz
            found = Gap("the sound system lost samples (input overflow)", max(missing, late, 0.0))
            self._clock.begin()
        if before is not None and captured.first_sample != before.first_sample + len(before.samples):
            skipped = captured.first_sample - before.first_sample - len(before.samples)
            found = Gap("this machine could not keep up", skipped / rate_hz)
        return found

    def _open(self, sounddevice: Any, block: int) -> Any:
        """One channel where the device gives one; some sound cards only give all of theirs."""
        problem: Exception | None = None
        all_of_them = self.info.channels
        for channels in sorted({1, min(2, all_of_them), all_of_them} if self._channel is None else {all_of_them}):
            try:
                return sounddevice.InputStream(
                    device=self.info.index,
                    channels=channels,
                    samplerate=self.info.rate_hz,
                    dtype="float32",
                    blocksize=block,
                    callback=self._callback,
                )
            except (sounddevice.PortAudioError, ValueError) as error:
                problem = problem or error
        raise DeviceError(
            f"The microphone {self.info.index}: {self.info.name} cannot be opened ({problem}). Is another program "
            "using it? 'auricle devices' lists the others."
        )

    def _callback(self, indata: np.ndarray, frames: int, _time: Any, status: Any) -> None:
        """In PortAudio's thread: copy and leave."""
        overflowed = bool(status.input_overflow)
        self.overflows += overflowed
        if self._queue.qsize() < self._most:
            now = time.monotonic()
            self._queue.put(Captured(self._next_sample, indata.copy(), overflowed, now, time.time()))
        else:
            self.dropped_samples += frames
        self._next_sample += frames

    def _next(self, patience_seconds: float) -> Captured:
        """Wait for the callback. Raises DeviceError when it has stopped coming."""
        began = time.monotonic()
        while True:
            try:
                return self._queue.get(timeout=POLL_SECONDS)
            except queue.Empty:
                silent = time.monotonic() - began
            if not self._stream.active:
                raise DeviceError(f"The microphone {self.info.name} is gone: unplugged, or its sound server ended.")
            if silent > patience_seconds:
                raise DeviceError(
                    f"The microphone {self.info.name} gives no audio: nothing came for {silent:.1f} s. Its sound "
                    "server hangs, or the device was suspended."
                )
