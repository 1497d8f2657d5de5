"""A background for those who have recorded none: coloured noise, mains hum, fans, dishes and chatter, made in NumPy.

It stands in for real rooms and is no match for them: ten minutes recorded where the device will listen are worth more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from auricle_shared.metadata import BACKGROUND
from auricle_shared.pack import Pack, PackWriter

from .alarms.draws import Draws
from .alarms.events import event_rng
from .alarms.impacts import clatter, footsteps, keyboard
from .alarms.pack import LICENCE
from .alarms.speech_like import speech_like
from .alarms.tones import add_at, band, filtered, noise, tone

RECORDING_SECONDS = (20.0, 40.0)
LEVEL_DB = (-62.0, -32.0)
"""Root mean square of a recording below full scale: a quiet bedroom to a busy kitchen at a usual microphone gain."""
NOISE_SLOPES = {"white": 0.0, "pink": 0.5, "brown": 1.0}
"""Amplitude falls as 1 / frequency ** slope: 0, 3 and 6 dB an octave."""
MAINS_HZ = (50.0, 60.0)
HAPPENINGS: tuple[Callable[[Draws, int], np.ndarray], ...] = (clatter, footsteps, keyboard, speech_like)
SPLITS = ("train", "train", "val", "train", "test")
"""Of every five recordings in a row; no recording is on two sides."""
DEFAULT_SECONDS = 300.0


def synthetic_background(seconds: float, rate_hz: int, seed: int, ranges: str = "train") -> np.ndarray:
    """`seconds` of background, recording after recording of 20 to 40 s, float32 [n]; the last one is cut short.

    The same seed gives the same sound, and a longer one begins with the shorter one.

    Raises:
        SettingsError: ranges that are neither 'train' nor 'unseen'.
    """
    return np.concatenate(list(recordings(seconds, rate_hz, seed, ranges)) or [np.zeros(0, np.float32)])


def recordings(seconds: float, rate_hz: int, seed: int, ranges: str = "train") -> Iterator[np.ndarray]:
    """The recordings of `synthetic_background`, one by one."""
    left, number = round(seconds * rate_hz), 0
    while left > 0:
        recording = _recording(Draws(event_rng(seed, ranges, BACKGROUND, number), ranges), rate_hz)[:left]
        yield recording
        left, number = left - len(recording), number + 1


def write_background_pack(
    path: str | Path,
    seconds: float = DEFAULT_SECONDS,
    rate_hz: int = 16000,
    seed: int = 0,
    ranges: str = "train",
    overwrite: bool = False,
) -> Pack:
    """The background as a pack: a clip a recording, all labelled `background`, split by recording.

    Raises:
        SettingsError: unknown ranges; DataError: `path` is taken.
    """
    recipe = {"seconds": seconds, "seed": seed, "ranges": ranges}
    with PackWriter(path, rate_hz, licence=LICENCE, overwrite=overwrite, synthetic_background=recipe) as writer:
        for number, recording in enumerate(recordings(seconds, rate_hz, seed, ranges)):
            name = f"synthetic_background/{seed}/{number}"
            writer.add(recording, [BACKGROUND], split=SPLITS[number % len(SPLITS)], group=name, source=name)
    return Pack.open(path)


def _recording(draws: Draws, rate_hz: int) -> np.ndarray:
    """One place: a floor of noise, perhaps hum, perhaps things that happen in it."""
    n = round(draws.between("seconds", *RECORDING_SECONDS) * rate_hz)
    sound = _floor(n, draws, rate_hz)
    if draws.rng.random() < 0.5:
        sound += np.float32(draws.between("hum_share", 0.1, 1.0)) * _mains_hum(n, draws, rate_hz)
    if draws.rng.random() < 0.6:
        sound += np.float32(draws.between("happenings_share", 0.3, 1.2)) * _happenings(n, draws, rate_hz)
    rms = 10.0 ** (draws.between("level_db", *LEVEL_DB) / 20.0)
    sound *= np.float32(rms / np.sqrt(np.square(sound).mean()))
    return np.clip(sound, -0.99, 0.99)


def _floor(n: int, draws: Draws, rate_hz: int) -> np.ndarray:
    """Noise of one colour or of one band, swelling and falling slowly, root mean square 1."""
    kind = draws.choose_variant({"white": 0.15, "pink": 0.35, "brown": 0.25, "band": 0.25})
    if kind == "band":
        low_hz = draws.between("band_low_hz", 80.0, 600.0)
        gain = band(low_hz, low_hz * draws.between("band_ratio", 3.0, 12.0), order=2)
    else:
        slope = NOISE_SLOPES[kind]

        def gain(hz: np.ndarray) -> np.ndarray:
            return (np.maximum(hz, 40.0) / 40.0) ** -slope

    sound = filtered(noise(draws.rng, n), rate_hz, gain)
    swell_db = draws.between("swell_db", 0.0, 6.0) * np.clip(draws.rng.standard_normal(12), -1.5, 1.5)
    swell = 10.0 ** (np.interp(np.linspace(0, 11, n), np.arange(12), swell_db) / 20.0)
    sound *= swell.astype(np.float32)
    return sound / np.sqrt(np.square(sound).mean())


def _mains_hum(n: int, draws: Draws, rate_hz: int) -> np.ndarray:
    """Mains frequency and its harmonics, root mean square 1."""
    frequency_hz = draws.choose(MAINS_HZ) * (1.0 + draws.rng.uniform(-0.001, 0.001))
    harmonics = draws.between("hum_brightness", 0.3, 0.85) ** np.arange(12) * draws.rng.uniform(0.2, 1.0, 12)
    sound = tone(np.full(n, frequency_hz), rate_hz, harmonics)
    return sound / np.sqrt(np.square(sound).mean())


def _happenings(n: int, draws: Draws, rate_hz: int) -> np.ndarray:
    """Dishes, steps, keys or chatter now and then, peaks of 2 to 10."""
    total = np.zeros(n, np.float32)
    recipe = draws.choose(HAPPENINGS)
    at_seconds = draws.rng.uniform(0, 4)
    while at_seconds * rate_hz < n:
        piece = recipe(draws, rate_hz)
        add_at(total, 10.0 / np.abs(piece).max() * draws.rng.uniform(0.2, 1.0) * piece, round(at_seconds * rate_hz))
        at_seconds += len(piece) / rate_hz + draws.rng.uniform(0.5, 8.0)
    return total
