"""Speech-like babble (a hard negative): a glottal pulse train through formants, in syllables; no words."""

from __future__ import annotations

import numpy as np

from .draws import Draws
from .tones import add_at, band, filtered, noise, seconds_axis

VOWELS_HZ = (
    (730, 1090, 2440),
    (270, 2290, 3010),
    (300, 870, 2240),
    (530, 1840, 2480),
    (570, 840, 2410),
    (660, 1720, 2410),
    (440, 1020, 2240),
)
"""First three formants of a, i, u, e, o, ae, U: Peterson and Barney (1952), means of the men."""
FORMANT_LEVELS = (1.0, 0.5, 0.25)
FORMANT_WIDTHS_HZ = (80.0, 100.0, 140.0)
MAX_VOICES = 3


def speech_like(draws: Draws, rate_hz: int) -> np.ndarray:
    """Two to six seconds of one to three voices, float32 [n]."""
    voices = draws.count(1, MAX_VOICES)
    draws.variant = f"{voices}_voices"
    seconds = draws.between("seconds", 2.0, 6.0)
    return np.sum([voice(seconds, draws, rate_hz) for _ in range(voices)], axis=0)


def voice(seconds: float, draws: Draws, rate_hz: int) -> np.ndarray:
    """One voice: three to six syllables a second, a pause after each phrase, float32 [n]."""
    total = np.zeros(round(seconds * rate_hz), np.float32)
    pitch_hz = draws.between("pitch_hz", 85.0, 240.0)
    tract = draws.between("tract_scale", 0.95, 1.25)  # shorter tracts: women, children
    pace = draws.between("syllables_per_second", 3.0, 6.0)
    at_seconds = draws.rng.uniform(0, 0.3)
    while at_seconds < seconds:
        for syllable in range(draws.count(3, 9)):
            length_seconds = draws.rng.uniform(0.6, 1.1) / pace
            if draws.rng.random() < 0.4:
                add_at(total, _fricative(0.08, draws, rate_hz), round(at_seconds * rate_hz))
                at_seconds += 0.06
            fall = 1.0 - 0.02 * syllable + draws.rng.uniform(-0.08, 0.08)
            vowel = _vowel(length_seconds, pitch_hz * fall, tract, draws, rate_hz)
            add_at(total, vowel, round(at_seconds * rate_hz))
            at_seconds += length_seconds * draws.rng.uniform(0.9, 1.3)
        at_seconds += draws.rng.uniform(0.15, 0.6)
    return total


def _vowel(seconds: float, pitch_hz: float, tract: float, draws: Draws, rate_hz: int) -> np.ndarray:
    t = seconds_axis(seconds, rate_hz)
    cycles = np.cumsum(pitch_hz * (1 + draws.rng.uniform(-0.15, 0.15) * t / t[-1])) / rate_hz
    pulses = np.diff(np.floor(cycles), prepend=0.0).astype(np.float32)
    formants = [tract * hz * draws.rng.uniform(0.95, 1.05) for hz in draws.choose(VOWELS_HZ)]

    def gain(hz: np.ndarray) -> np.ndarray:
        glottis = 1.0 / (1.0 + (hz / 300.0) ** 1.5) * (hz > 50.0)
        peaks = [
            level / (1.0 + ((hz - middle) / width) ** 2)
            for middle, level, width in zip(formants, FORMANT_LEVELS, FORMANT_WIDTHS_HZ, strict=True)
        ]
        return glottis * np.sum(peaks, axis=0)

    shape = np.sin(np.pi * np.clip(t / t[-1], 0, 1)).astype(np.float32) ** 0.6
    vowel = filtered(pulses, rate_hz, gain) * shape
    return vowel / max(1e-6, float(np.abs(vowel).max())) * np.float32(draws.rng.uniform(0.5, 1.0))


def _fricative(seconds: float, draws: Draws, rate_hz: int) -> np.ndarray:
    n = len(seconds_axis(seconds, rate_hz))
    low_hz = draws.rng.uniform(1500.0, 3500.0)
    hiss = filtered(noise(draws.rng, n), rate_hz, band(low_hz, 0.45 * rate_hz))
    return 0.04 * hiss * np.hanning(n).astype(np.float32)
