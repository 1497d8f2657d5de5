"""A vehicle's reversing beeper: a tone of about 1 to 1.5 kHz, on half of the time, about once a second.

SAE J994 describes the class: one predominant tone, on and off for equal times, one to two beeps a second. Newer
vehicles pulse broadband noise instead ('white sound').
"""

from __future__ import annotations

import numpy as np

from .draws import Draws
from .tones import band, filtered, gate, noise, seconds_axis, steady, tone

TONE_HZ = (1000.0, 1500.0)
BEEPS_PER_SECOND = (0.8, 1.7)
DUTY = (0.44, 0.56)


def reversing_beeper(draws: Draws, rate_hz: int) -> np.ndarray:
    """Three to seven whole beeps with their pauses, float32 [n]."""
    period_seconds = 1.0 / draws.between("beeps_per_second", *BEEPS_PER_SECOND)
    beeps = draws.count(3, 7)
    starts = np.arange(beeps) * period_seconds
    lengths = np.full(beeps, period_seconds * draws.between("duty", *DUTY))
    seconds = beeps * period_seconds
    if draws.choose_variant({"tone": 0.8, "noise": 0.2}) == "noise":
        low_hz = draws.between("noise_low_hz", 300.0, 800.0)
        sound = filtered(noise(draws.rng, len(seconds_axis(seconds, rate_hz))), rate_hz, band(low_hz, 0.4 * rate_hz))
    else:
        frequency_hz = steady(seconds, draws.between("tone_hz", *TONE_HZ), draws.rng.uniform(-0.004, 0.004), rate_hz)
        third = draws.between("third_harmonic", 0.05, 0.4)
        sound = tone(frequency_hz, rate_hz, (1.0, third / 2, third, 0.0, third / 2))
    return sound * gate(len(sound), rate_hz, starts, lengths, 0.006)
