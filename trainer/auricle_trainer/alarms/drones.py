"""Sounds that go on (hard negatives): fans and vacuum cleaners, a car's horn."""

from __future__ import annotations

import numpy as np

from .draws import Draws
from .tones import fade, filtered, gate, noise, seconds_axis, tone


def machine_hum(draws: Draws, rate_hz: int) -> np.ndarray:
    """Broadband rush over the harmonics of a motor, float32 [n], 3 to 8 s; a vacuum cleaner also runs up."""
    running_up = draws.choose_variant({"fan": 0.5, "vacuum": 0.5}) == "vacuum"
    t = seconds_axis(draws.between("seconds", 3.0, 8.0), rate_hz)
    slope = draws.between("slope", 0.3, 1.3)
    rush = filtered(noise(draws.rng, len(t)), rate_hz, lambda hz: (np.maximum(hz, 60.0) / 60.0) ** -slope)
    motor_hz = draws.between("motor_hz", 45.0, 65.0) * (draws.count(4, 9) if running_up else 1)
    speed = 1.0 - 0.6 * np.exp(-t / draws.between("run_up_seconds", 0.2, 0.6)) if running_up else np.ones(len(t))
    harmonics = draws.between("motor_brightness", 0.3, 0.8) ** np.arange(10)
    motor = tone(motor_hz * speed, rate_hz, harmonics)
    share = draws.between("motor_share", 0.1, 0.7)
    sound = rush / rush.std() * (1 - share) + motor / motor.std() * share
    return fade((sound * speed).astype(np.float32), rate_hz, 0.2, 0.4)


def car_horn(draws: Draws, rate_hz: int) -> np.ndarray:
    """One to three blasts of two rich tones a third apart (near 400 and 500 Hz), float32 [n]."""
    low_hz = draws.between("low_hz", 330.0, 430.0)
    ratio = draws.between("ratio", 1.19, 1.27)
    blasts = draws.count(1, 3)
    lengths = draws.rng.uniform(0.15, 0.4, blasts) if blasts > 1 else draws.rng.uniform(0.4, 1.8, 1)
    starts = np.concatenate([[0.0], np.cumsum(lengths + draws.rng.uniform(0.1, 0.35, blasts))[:-1]])
    n = len(seconds_axis(float(starts[-1] + lengths[-1]) + 0.3, rate_hz))
    harmonics = draws.between("brightness", 0.7, 0.92) ** np.arange(14)
    sound = tone(np.full(n, low_hz), rate_hz, harmonics) + tone(np.full(n, low_hz * ratio), rate_hz, harmonics)
    return sound * gate(n, rate_hz, starts, lengths, 0.015)
