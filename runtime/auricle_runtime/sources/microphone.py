"""The microphone, through PortAudio: a callback that copies and leaves, a bounded queue, a watchdog on wall time.

    sound card --callback thread--> queue of (first sample, samples) --> one channel --> model's rate --> blocks

A hole in the stream is seen by the numbers of the samples, so stream time stays true when blocks had to be dropped.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from auricle_shared.audio import Resampler
from auricle_shared.errors import DeviceError

from . import DEFAULT_BLOCK_MS, Block, resampled, samples_per_block

QUEUE_SECONDS = 5.0
"""Audio that waits while the program is held up; what comes beyond it is dropped and counted."""
MAX_BLOCK_MS = 500.0
"""Longer blocks are for recordings: a microphone's would look like a stall."""
STALL_SECONDS = 2.0
"""A sound server that hangs raises no error and sets no flag: only the wall clock shows it."""
FIRST_BLOCK_SECONDS = 6.0
"""The first block of a sound server that has to wake up was seen 2 s late."""
POLL_SECONDS = 0.25
CLOSE_SECONDS = 1.0
"""Closing a stream whose server hangs would hang too; after this long it is left behind."""
NO_MICROPHONE = (
    "No microphone was found. Plug one in, or start the sound server (PipeWire, PulseAudio) of this user; in a "
    "container, pass the sound devices through. Recordings (--wav) and pipes (--stdin) work without."
)


@dataclass(frozen=True)
class MicrophoneInfo:
    index: int
    name: str
    channels: int
    rate_hz: float
    """the device's native rate; audio is captured at it and resampled here"""
    is_default: bool

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class Captured(NamedTuple):
    first_sample: int
    """number of its first sample since the stream began, counted in the callback"""
    samples: np.ndarray
    """float32 [n, channels]"""
    overflowed: bool
    """the sound system says that it lost samples just before"""


def needs_sounddevice() -> Any:
    """The package sounddevice with its PortAudio, or a DeviceError that says which of the two is missing."""
    try:
        import sounddevice
    except ImportError as error:
        raise DeviceError(
            "The microphone needs the package sounddevice: pip install 'auricle-runtime[mic]'. "
            "Recordings (--wav) and pipes (--stdin) need nothing."
        ) from error
    except OSError as error:
        raise DeviceError(
            f"The PortAudio library cannot be loaded ({error}). On Debian, Ubuntu and Raspberry Pi OS: "
            "sudo apt install libportaudio2. Recordings (--wav) and pipes (--stdin) need nothing."
        ) from error
    return sounddevice


def list_microphones() -> list[MicrophoneInfo]:
    """Every device with at least one input channel. Raises DeviceError: no sounddevice or no PortAudio."""
    sounddevice = needs_sounddevice()
    default = _default_index(sounddevice)
    return [
        MicrophoneInfo(
            int(d["index"]),
            d["name"],
            int(d["max_input_channels"]),
            float(d["default_samplerate"]),
            int(d["index"]) == default,
        )
        for d in sounddevice.query_devices()
        if d["max_input_channels"] > 0
    ]


def find_microphone(wanted: str | None) -> MicrophoneInfo:
    """The microphone of an index, a name or a part of a name; None is the default one.

    Raises:
        DeviceError: none there, no such one (lists the real ones), or several that fit.
    """
    found = list_microphones()
    if not found:
        raise DeviceError(NO_MICROPHONE)
    if wanted is None:
        fitting = [m for m in found if m.is_default] or found[:1]
    elif wanted.isdecimal():
        fitting = [m for m in found if m.index == int(wanted)]
    else:
        fitting = [m for m in found if m.name == wanted][:1]
        fitting = fitting or [m for m in found if wanted.casefold() in m.name.casefold()]
    if len(fitting) == 1:
        return fitting[0]
    said = "fits several microphones" if fitting else "is no microphone here"
    names = "; ".join(f"{m.index}: {m.name}" for m in fitting or found)
    raise DeviceError(f"{wanted!r} {said}. {'These' if fitting else 'There are'}: {names}. Give an index or a name.")


class Microphone:
    """Blocks of what a microphone hears, without an end.

    Args:
        rate_hz: the model's rate; the device runs at its own.
        device: index, name or part of a name; None is the default one.
        block_ms: length of the blocks that PortAudio is asked for, at most MAX_BLOCK_MS.

    Raises:
        DeviceError: missing or unusable; from `blocks` also one that stopped.
    """

    def __init__(self, rate_hz: int, device: str | None = None, block_ms: float = DEFAULT_BLOCK_MS) -> None:
        sounddevice = needs_sounddevice()
        self.info = find_microphone(device)
        self._rate_hz = rate_hz
        self._resampler = Resampler(self.info.rate_hz, rate_hz)
        block = samples_per_block(min(block_ms, MAX_BLOCK_MS), self.info.rate_hz)
        self._queue: queue.Queue[Captured] = queue.Queue(max(4, round(QUEUE_SECONDS * self.info.rate_hz / block)))
        self._next_sample = 0  # written by the callback's thread only, like the two counts below
        self._dropped_samples = 0
        self._overflows = 0
        self._stream = self._open(sounddevice, block)

    @property
    def description(self) -> str:
        info = self.info
        to = "" if info.rate_hz == self._rate_hz else f", resampled to {self._rate_hz} Hz"
        return f"microphone {info.index}: {info.name} ({info.rate_hz:g} Hz{to}). Ctrl-C ends"

    @property
    def problems(self) -> list[str]:
        said = []
        if self._overflows:
            said.append(f"the sound system lost samples {self._overflows} time(s) (input overflow)")
        if self._dropped_samples:
            seconds = self._dropped_samples / self.info.rate_hz
            said.append(f"{seconds:.2f} s of audio were dropped because this machine could not keep up")
        return said

    def blocks(self) -> Iterator[Block]:
        self._stream.start()
        captured = self._next_captured(FIRST_BLOCK_SECONDS)
        after_gap = False
        while True:
            run = _Run(captured, self)
            for block in resampled(run, self._resampler, captured.first_sample / self.info.rate_hz):
                yield block._replace(after_gap=after_gap)
                after_gap = False
            self._resampler.reset()
            captured, after_gap = run.next_run(), True

    def close(self) -> None:
        """Stop listening. A stream that cannot be closed because its server hangs is left to the process's end."""
        closer = threading.Thread(target=self._stream.close, daemon=True)
        closer.start()
        closer.join(CLOSE_SECONDS)
        if closer.is_alive():
            _leave_portaudio_behind()

    def _open(self, sounddevice: Any, block: int) -> Any:
        """One channel where the device gives one; some sound cards only give all of theirs."""
        problem: Exception | None = None
        for channels in sorted({1, min(2, self.info.channels), self.info.channels}):
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
        self._overflows += overflowed
        try:
            self._queue.put_nowait(Captured(self._next_sample, indata.copy(), overflowed))
        except queue.Full:
            self._dropped_samples += frames
        self._next_sample += frames

    def _next_captured(self, patience_seconds: float) -> Captured:
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


class _Run:
    """Iterates over the pieces of one unbroken run of samples, as one channel; ends at a hole."""

    def __init__(self, first: Captured, microphone: Microphone) -> None:
        self._captured, self._microphone = first, microphone

    def __iter__(self) -> Iterator[np.ndarray]:
        while True:
            first, samples, _ = self._captured
            yield samples.mean(axis=1) if samples.shape[1] > 1 else samples[:, 0]
            self._captured = self._microphone._next_captured(STALL_SECONDS)
            if self._captured.overflowed or self._captured.first_sample != first + len(samples):
                return

    def next_run(self) -> Captured:
        """What came after the hole."""
        return self._captured


def _default_index(sounddevice: Any) -> int | None:
    try:
        return int(sounddevice.query_devices(kind="input")["index"])
    except (sounddevice.PortAudioError, ValueError):  # PortAudio has no default input
        return None


def _leave_portaudio_behind() -> None:
    """Take back sounddevice's clean-up at exit: it would wait for the same hanging server, for ever."""
    import atexit

    atexit.unregister(needs_sounddevice()._exit_handler)
