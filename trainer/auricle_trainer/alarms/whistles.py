"""Whistling that is no alarm (hard negatives): a kettle, a person, birds."""

from __future__ import annotations

import numpy as np

from .draws import Draws
from .tones import add_at, band, fade, filtered, noise, seconds_axis, tone


def kettle_whistle(draws: Draws, rate_hz: int) -> np.ndarray:
    """Steam through a whistle: pitch and loudness climb, then stay; breathy and unsteady. float32 [n], 3 to 8 s."""
    rising = draws.choose_variant({"rising": 0.7, "steady": 0.3}) == "rising"
    t = seconds_axis(draws.between("seconds", 3.0, 8.0), rate_hz)
    final_hz = draws.between("final_hz", 1900.0, 3500.0)
    start_share = draws.between("start_share", 0.3, 0.7) if rising else 1.0
    climb = np.clip(t / (draws.between("climb_share", 0.3, 0.8) * t[-1]), 0, 1)
    flutter = _wander(draws.rng, len(t), rate_hz, 8.0)
    frequency_hz = final_hz * (start_share + (1 - start_share) * climb**0.7) * (1 + 0.006 * flutter)
    steam = filtered(noise(draws.rng, len(t)), rate_hz, band(1200.0, 0.42 * rate_hz))
    breath = draws.between("breath", 0.05, 0.3)
    loudness = (0.15 + 0.85 * climb if rising else 1.0) * (1 + 0.25 * _wander(draws.rng, len(t), rate_hz, 12.0))
    sound = tone(frequency_hz, rate_hz, (1.0, draws.between("second_harmonic", 0.02, 0.2))) + breath * steam
    return fade((sound * loudness).astype(np.float32), rate_hz, 0.3, 0.4)


def human_whistle(draws: Draws, rate_hz: int) -> np.ndarray:
    """Notes that glide into one another, nearly pure, with vibrato and breath; or one 'wolf' sweep. float32 [n]."""
    if draws.choose_variant({"tune": 0.7, "sweep": 0.3}) == "tune":
        notes = draws.count(4, 9)
        steps = np.cumsum(draws.rng.integers(-4, 5, notes))
        pitches = draws.between("base_hz", 900.0, 1500.0) * 2.0 ** (np.clip(steps, -7, 9) / 12.0)
        lengths = draws.rng.uniform(0.15, 0.5, notes)
    else:
        pitches = draws.between("base_hz", 900.0, 1500.0) * np.array([0.7, 1.7, 0.8, 1.3, 0.6])
        lengths = draws.rng.uniform(0.2, 0.5, 5)
    t = seconds_axis(float(lengths.sum()) + 0.1, rate_hz)
    middles = np.cumsum(lengths) - lengths / 2
    shoulder = np.minimum(0.35 * lengths, 0.08)
    corners = np.stack([middles - shoulder, middles + shoulder], axis=1).ravel()
    frequency_hz = np.interp(t, corners, np.repeat(pitches, 2))
    vibrato = np.sin(2 * np.pi * draws.between("vibrato_hz", 4.5, 7.0) * t)
    frequency_hz = frequency_hz * (1 + draws.between("vibrato_depth", 0.002, 0.02) * vibrato)
    breath = filtered(noise(draws.rng, len(t)), rate_hz, band(800.0, 3500.0))
    loudness = 0.75 + 0.25 * _wander(draws.rng, len(t), rate_hz, 5.0)
    sound = (tone(frequency_hz, rate_hz, (1.0, 0.03)) + 0.04 * breath) * loudness
    return fade(sound.astype(np.float32), rate_hz, 0.05, 0.1)


def bird_chirps(draws: Draws, rate_hz: int) -> np.ndarray:
    """Phrases of short, fast sweeps between 2.4 and 6.5 kHz, float32 [n]."""
    total = np.zeros(round(draws.between("seconds", 2.0, 5.0) * rate_hz), np.float32)
    high_hz = min(6500.0, 0.42 * rate_hz)
    at_seconds = 0.0
    while at_seconds * rate_hz < len(total):
        from_hz, to_hz = draws.rng.uniform(2400.0, high_hz, 2)
        chirp_seconds = draws.between("chirp_seconds", 0.03, 0.14)
        every_seconds = chirp_seconds + draws.between("chirp_gap_seconds", 0.02, 0.15)
        t = seconds_axis(chirp_seconds, rate_hz) / chirp_seconds
        bow = draws.rng.uniform(-0.3, 0.3) * np.sin(np.pi * t)
        frequency_hz = np.clip(from_hz + (to_hz - from_hz) * (t + bow), 2000.0, high_hz)
        chirp = tone(frequency_hz, rate_hz) * np.sin(np.pi * t).astype(np.float32)
        for _ in range(draws.count(1, 6)):
            add_at(total, chirp, round(at_seconds * rate_hz))
            at_seconds += every_seconds * draws.rng.uniform(0.9, 1.1)
        at_seconds += draws.rng.uniform(0.2, 0.8)
    return total


def _wander(rng: np.random.Generator, n: int, rate_hz: int, bandwidth_hz: float) -> np.ndarray:
    """A slow random curve within about -1 to 1: random points, two per period of `bandwidth_hz`, joined by lines."""
    points = np.clip(0.5 * rng.standard_normal(int(2 * bandwidth_hz * n / rate_hz) + 2), -1, 1)
    return np.interp(np.linspace(0, len(points) - 1, n), np.arange(len(points)), points)
