"""Reading recordings and changing their rate: one resampler for import, files and the microphone.

soundfile and soxr (the extra `audio`) are imported where they are used; a 16-bit WAV needs neither.
"""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .errors import AuricleError, DataError, DeviceError
from .pcm import to_float, to_int16

MIN_RATE_HZ, MAX_RATE_HZ = 1000, 768000
MAX_SECONDS = 24 * 3600
QUALITY = "HQ"
"""soxr's quality; its name stands in every model's metadata as `soxr-hq`"""


def needs_soxr() -> Any:
    try:
        import soxr
    except ImportError as error:
        raise AuricleError(
            "Changing the sample rate needs the package soxr: pip install 'auricle-shared[audio]'."
        ) from error
    return soxr


class Resampler:
    """One channel from one rate to another, in pieces; the pieces together equal the whole.

    Linear phase and without delay in its output: sample i lies at i / to_hz seconds after the first input sample. What
    it has not given yet it gives with `last=True`.
    """

    def __init__(self, from_hz: float, to_hz: float) -> None:
        self.from_hz, self.to_hz = from_hz, to_hz
        self._stream = None if from_hz == to_hz else self._open()

    def _open(self) -> Any:
        return needs_soxr().ResampleStream(self.from_hz, self.to_hz, 1, dtype="float32", quality=QUALITY)

    def feed(self, samples: np.ndarray, last: bool = False) -> np.ndarray:
        """samples [n] float32 at from_hz -> [m] float32 at to_hz; `last` ends the stream and gives the rest."""
        if self._stream is None:
            return samples
        return self._stream.resample_chunk(np.ascontiguousarray(samples, np.float32), last=last)

    def reset(self) -> None:
        if self._stream is not None:
            self._stream = self._open()


def resample(samples: np.ndarray, from_hz: float, to_hz: float) -> np.ndarray:
    """A whole clip [n] float32 to another rate."""
    return Resampler(from_hz, to_hz).feed(samples, last=True)


def one_channel(samples: np.ndarray, channel: int | None) -> np.ndarray:
    """float32 [n, channels] -> [n]: one of them, counted from 1, or the mean of all of them."""
    if samples.shape[1] == 1:
        return samples[:, 0]
    return samples.mean(axis=1) if channel is None else samples[:, channel - 1]


def check_channel(channel: int | None, channels: int, where: str) -> None:
    """Raises DataError when there is no such channel."""
    if channel is not None and not 1 <= channel <= channels:
        raise DataError(f"{where} has {channels} channel(s); channel {channel} is not one of them.")


class AudioFile:
    """A recording that is read in pieces, mono float32, at its own rate.

    16-bit PCM WAV goes through the standard library, everything else through libsndfile.

    Args:
        channel: the one that is read, counted from 1; None: the mean of all.

    Raises:
        DataError: no such file, nothing in it, not a recording that can be read, or no such channel.
    """

    def __init__(self, path: str | Path, channel: int | None = None) -> None:
        self.path, self._channel = Path(path), channel
        if not self.path.is_file():
            raise DataError(f"{self.path} does not exist or is not a file.")
        self._wave = _open_plain_wave(self.path)
        if self._wave is not None:
            self.rate_hz, self.channels = self._wave.getframerate(), self._wave.getnchannels()
            self.length_samples = self._wave.getnframes()
        else:
            self._sound = _open_sound(self.path)
            self.rate_hz, self.channels = self._sound.samplerate, self._sound.channels
            self.length_samples = self._sound.frames
        if not MIN_RATE_HZ <= self.rate_hz <= MAX_RATE_HZ:
            raise DataError(f"{self.path} has a rate of {self.rate_hz} Hz; wanted {MIN_RATE_HZ} to {MAX_RATE_HZ}.")
        if self.length_samples == 0:
            raise DataError(f"{self.path} holds no audio (0 samples).")
        check_channel(channel, self.channels, str(self.path))

    def blocks(self, samples: int) -> Iterator[np.ndarray]:
        """Mono float32 pieces of `samples` samples; the last may be shorter.

        Raises:
            DataError: values that are not numbers, or a file that breaks off with an error.
        """
        while True:
            block = self._read(samples)
            if not len(block):
                return
            if not np.isfinite(block.sum()):
                raise DataError(f"{self.path} holds values that are not numbers (NaN or infinity).")
            yield block

    def _read(self, samples: int) -> np.ndarray:
        if self._wave is not None:
            data = self._wave.readframes(samples)
            frame_bytes = 2 * self.channels
            values = to_float(np.frombuffer(data[: len(data) // frame_bytes * frame_bytes], "<i2"))
            return one_channel(values.reshape(-1, self.channels), self._channel)
        import soundfile

        try:
            values = self._sound.read(samples, dtype="float32", always_2d=True)
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise DataError(f"{self.path} breaks off while being read ({error}).") from error
        return one_channel(values, self._channel)

    def part(self, first: int, count: int) -> np.ndarray:
        """Samples first to first + count, mono float32; the next read goes on behind them.

        Raises:
            DataError: as `blocks`.
        """
        if self._wave is not None:
            self._wave.setpos(first)
        else:
            self._sound.seek(first)
        return next(self.blocks(count), np.zeros(0, np.float32))

    def close(self) -> None:
        (self._wave or self._sound).close()

    def __enter__(self) -> AudioFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_audio(path: str | Path, rate_hz: int | None = None) -> tuple[np.ndarray, int]:
    """A whole recording as mono float32 [n], at `rate_hz` or at its own rate; also returns that rate."""
    with AudioFile(path) as file:
        if file.length_samples > MAX_SECONDS * file.rate_hz:
            raise DataError(f"{path} lasts over {MAX_SECONDS // 3600} hours; cut it into pieces first.")
        pieces = list(file.blocks(1 << 20))
        if not pieces:
            raise DataError(f"{path} holds no audio (0 samples could be read).")
        samples = np.concatenate(pieces)
        if rate_hz is None or rate_hz == file.rate_hz:
            return samples, file.rate_hz
        return resample(samples, file.rate_hz, rate_hz), rate_hz


def write_wav(path: str | Path, samples: np.ndarray, rate_hz: int) -> None:
    """Mono 16-bit WAV, written aside and renamed."""
    from .files import write_whole

    stored = samples if samples.dtype.kind == "i" else to_int16(samples)

    def write(file: Any) -> None:
        with wave.open(file, "wb") as wav:
            wav.setnchannels(1)
            wav.setsampwidth(2)
            wav.setframerate(rate_hz)
            wav.writeframes(stored.astype("<i2").tobytes())

    write_whole(path, write)


def _open_plain_wave(path: Path) -> wave.Wave_read | None:
    try:
        file = wave.open(str(path), "rb")
    except (wave.Error, EOFError, OSError, RuntimeError):  # RuntimeError: a chunk that claims to end behind its parent
        return None
    if file.getsampwidth() == 2 and file.getnchannels() >= 1 and file.getframerate() > 0:
        return file
    file.close()
    return None


def _open_sound(path: Path) -> Any:
    try:
        import soundfile
    except ImportError as error:
        raise DataError(
            f"{path} is not a 16-bit WAV file. Other formats need the package soundfile: "
            "pip install 'auricle-shared[audio]'."
        ) from error
    except OSError as error:
        raise DeviceError(f"soundfile cannot load libsndfile ({error}). On Debian: apt install libsndfile1.") from error
    try:
        return soundfile.SoundFile(str(path))
    except (soundfile.LibsndfileError, RuntimeError, TypeError) as error:
        raise DataError(f"{path} is not a recording that can be read ({error}).") from error
