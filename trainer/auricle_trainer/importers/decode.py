"""From a recording to the samples that a pack stores, or the reason why not."""

from __future__ import annotations

import numpy as np

from auricle_shared.audio import MAX_RATE_HZ, MIN_RATE_HZ, AudioFile, read_audio, resample
from auricle_shared.errors import DataError
from auricle_shared.metadata import BACKGROUND
from auricle_shared.pack import to_int16

from .recording import Recording

LOUDEST = 16.0
"""Float samples beyond this are not in [-1, 1] with an overshoot, but in another unit"""
END_TOLERANCE_SECONDS = 0.1
"""An end this far behind the file's end is a rounded time, not a mistake"""


def decode(recording: Recording, rate_hz: int) -> np.ndarray:
    """Mono int16 [n] at `rate_hz`.

    Raises:
        DataError: whatever is wrong with this one recording, in words.
    """
    if recording.problem:
        raise DataError(recording.problem)
    if not recording.labels:
        raise DataError("has no label")
    if BACKGROUND in recording.labels and len(recording.labels) > 1:
        raise DataError(f"is labelled {BACKGROUND} and something else at once")
    samples, own_hz = _read(recording)
    peak = float(np.abs(samples).max())
    if peak > LOUDEST:
        raise DataError(f"has values up to {peak:g}; wanted -1 to 1 (full scale)")
    stored = to_int16(samples if own_hz == rate_hz else resample(samples, own_hz, rate_hz))
    if not len(stored):
        raise DataError(f"is too short: {len(samples)} samples at {own_hz} Hz")
    if BACKGROUND not in recording.labels and not stored.any():
        raise DataError("is silent: all its samples are 0")
    return stored


def _read(recording: Recording) -> tuple[np.ndarray, int]:
    if recording.path is None:
        return _samples(recording)
    if not recording.start_seconds and recording.end_seconds is None:
        return read_audio(recording.path)
    with AudioFile(recording.path) as file:
        return _part(file, recording), file.rate_hz


def _samples(recording: Recording) -> tuple[np.ndarray, int]:
    samples, rate_hz = recording.samples, recording.rate_hz
    assert samples is not None
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise DataError(f"has a rate of {rate_hz} Hz; wanted {MIN_RATE_HZ} to {MAX_RATE_HZ}")
    if not len(samples):
        raise DataError("holds no audio (0 samples)")
    if not np.isfinite(samples).all():
        raise DataError("holds values that are not numbers (NaN or infinity)")
    return samples, rate_hz


def _part(file: AudioFile, recording: Recording) -> np.ndarray:
    """Only what is asked for is read: of hours, many short parts may be wanted."""
    length = file.length_samples / file.rate_hz
    start, end = recording.start_seconds, recording.end_seconds
    end = length if end is None else end
    if end > length + END_TOLERANCE_SECONDS or start >= min(end, length):
        raise DataError(f"lasts {length:.2f} s; the part from {start:g} to {end:g} s is not in it")
    first, last = round(start * file.rate_hz), round(end * file.rate_hz)
    part = file.part(first, last - first) if last > first else np.zeros(0, np.float32)
    if not len(part):
        raise DataError(f"the part from {start:g} to {end:g} s holds no sample at {file.rate_hz} Hz")
    return part
