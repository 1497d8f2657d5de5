"""Things that hit things (hard negatives): keys, steps, knuckles on wood, dishes."""

from __future__ import annotations

import numpy as np

from .draws import Draws
from .tones import EDGE, add_at, band, filtered, noise, seconds_axis, struck


def keyboard(draws: Draws, rate_hz: int) -> np.ndarray:
    """Typing: a click down and a duller one up, at irregular times, float32 [n]."""
    total = np.zeros(round(draws.between("seconds", 2.0, 6.0) * rate_hz), np.float32)
    low_hz = draws.between("click_low_hz", 900.0, 2200.0)
    pace_seconds = draws.between("pace_seconds", 0.08, 0.3)
    at_seconds = 0.05
    while at_seconds * rate_hz < len(total):
        loud = draws.rng.uniform(0.3, 1.0)
        click = _burst(0.04, 0.004, low_hz, 0.45 * rate_hz, draws, rate_hz)
        add_at(total, loud * click, round(at_seconds * rate_hz))
        add_at(total, 0.4 * loud * click, round((at_seconds + draws.rng.uniform(0.06, 0.1)) * rate_hz))
        at_seconds += pace_seconds * draws.rng.uniform(0.4, 1.8)
    return total


def footsteps(draws: Draws, rate_hz: int) -> np.ndarray:
    """Heel thumps with a scrape, left and right not quite alike, float32 [n]."""
    period_seconds = draws.between("step_seconds", 0.42, 0.75)
    steps = draws.count(4, 9)
    total = np.zeros(round((steps * period_seconds + 0.4) * rate_hz), np.float32)
    high_hz = draws.between("heel_high_hz", 250.0, 1500.0)
    for step in range(steps):
        at = round((step + draws.rng.uniform(-0.06, 0.06) + 0.06) * period_seconds * rate_hz)
        add_at(total, _burst(0.2, 0.025, 50.0, high_hz * (1.15 if step % 2 else 1.0), draws, rate_hz), at)
        add_at(total, 0.15 * _burst(0.2, 0.05, 1500.0, 5000.0, draws, rate_hz), at + round(0.03 * rate_hz))
    return total


def knock(draws: Draws, rate_hz: int) -> np.ndarray:
    """Two to five knocks on a door, once or twice, float32 [n]."""
    period_seconds = draws.between("knock_seconds", 0.14, 0.35)
    body_hz = draws.between("body_hz", 150.0, 500.0)
    total = np.zeros(round(3.5 * rate_hz), np.float32)
    for at_seconds in (0.02, 2.0)[: draws.count(1, 2)]:
        for number in range(draws.count(2, 5)):
            hit = _burst(0.15, 0.015, body_hz, 2.5 * body_hz, draws, rate_hz)
            at = at_seconds + number * period_seconds * draws.rng.uniform(0.95, 1.05)
            add_at(total, hit * np.float32(draws.rng.uniform(0.6, 1.0)), round(at * rate_hz))
    return total


def clatter(draws: Draws, rate_hz: int) -> np.ndarray:
    """Dishes and cutlery: short rings of many pitches, in bunches, float32 [n]."""
    seconds = draws.between("seconds", 1.5, 5.0)
    total = np.zeros(round(seconds * rate_hz), np.float32)
    ring_seconds = draws.between("ring_seconds", 0.02, 0.12)
    for _ in range(round(seconds * draws.between("hits_per_second", 2.0, 9.0))):
        partials = draws.rng.uniform(900.0, EDGE * rate_hz, 5)
        decays = ring_seconds * draws.rng.uniform(0.3, 1.0, 5)
        ring = struck(5 * ring_seconds, rate_hz, partials, draws.rng.uniform(0.1, 1.0, 5), decays)
        ring += _burst(5 * ring_seconds, 0.003, 500.0, 0.45 * rate_hz, draws, rate_hz)[: len(ring)]
        start = draws.rng.uniform(0, seconds - 0.1) * rate_hz
        add_at(total, ring * np.float32(draws.rng.uniform(0.1, 1.0) ** 2), round(start))
    return total


def _burst(
    seconds: float, decay_seconds: float, low_hz: float, high_hz: float, draws: Draws, rate_hz: int
) -> np.ndarray:
    """Band-limited noise that begins at once and dies away; its peak is 1."""
    t = seconds_axis(seconds, rate_hz)
    sound = filtered(noise(draws.rng, len(t)), rate_hz, band(low_hz, high_hz, order=2))
    sound *= np.exp(-t / decay_seconds).astype(np.float32) * np.minimum(1.0, t / 0.001).astype(np.float32)
    return sound / np.float32(max(1e-6, np.abs(sound).max()))
