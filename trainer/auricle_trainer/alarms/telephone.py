"""A telephone that rings: network tones, a bell, an electronic ringer.

Cadences and tones (ITU-T E.180, supplement 2, 'Various tones used in national networks'): North America 440 + 480 Hz,
2 s on and 4 s off; United Kingdom 400 + 450 Hz, 0.4 on, 0.2 off, 0.4 on, 2.0 off; most of Europe 1 s on, 4 s off. Bells
are rung with 20 Hz (North America) or 25 Hz (Europe).
"""

from __future__ import annotations

import numpy as np

from .draws import Draws
from .tones import add_at, convolve, gate, seconds_axis, struck, tone

CADENCES: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "us": ((2.0,), (4.0,)),
    "uk": ((0.4, 0.4), (0.2, 2.0)),
    "europe": ((1.0,), (4.0,)),
}
"""on times and off times of one cycle, seconds"""
TONES_HZ = {"us": (440.0, 480.0), "uk": (400.0, 450.0)}
MAX_SECONDS = 12.0


def telephone_ring(draws: Draws, rate_hz: int) -> np.ndarray:
    """Whole cycles of one cadence, at least one ring and at most 12 s, float32 [n]."""
    variant = draws.choose_variant({"us_tone": 0.2, "uk_tone": 0.2, "bell": 0.3, "warble": 0.3})
    place = variant[:2] if variant.endswith("tone") else draws.choose(tuple(CADENCES))
    starts, lengths, seconds = _cadence(place, draws)
    n = len(seconds_axis(seconds, rate_hz))
    if variant == "bell":
        return _bell(starts, lengths, n, draws, rate_hz)
    if variant == "warble":
        sound = _warble(n, draws, rate_hz)
    else:
        scale = draws.between("pitch_scale", 0.97, 1.03)
        low, high = (tone(np.full(n, scale * hz), rate_hz, (1.0, 0.1, 0.05)) for hz in TONES_HZ[place])
        sound = low + high
    return sound * gate(n, rate_hz, starts, lengths, 0.008)


def _cadence(place: str, draws: Draws) -> tuple[np.ndarray, np.ndarray, float]:
    """Starts and lengths of all rings, and the length of all cycles, in seconds."""
    on, off = (np.array(times) for times in CADENCES[place])
    on, off = on * draws.between("on_scale", 0.92, 1.08), off * draws.between("off_scale", 0.92, 1.08)
    cycle_seconds = float((on + off).sum())
    cycles = draws.count(1, max(1, min(3, int(MAX_SECONDS / cycle_seconds))))
    inside = np.concatenate([[0.0], np.cumsum(on + off)[:-1]])
    starts = (np.arange(cycles)[:, None] * cycle_seconds + inside).ravel()
    return starts, np.tile(on, cycles), cycles * cycle_seconds


def _bell(starts: np.ndarray, lengths: np.ndarray, n: int, draws: Draws, rate_hz: int) -> np.ndarray:
    """A clapper between two gongs: each is struck once in a period of the ringing current."""
    period_seconds = 1.0 / draws.between("ringing_hz", 18.0, 27.0)
    gong_hz = draws.between("gong_hz", 900.0, 1500.0)
    decay_seconds = draws.between("decay_seconds", 0.08, 0.3)
    other = draws.between("gong_ratio", 1.12, 1.35)
    total = np.zeros(n, np.float32)
    for number, ratio in enumerate((1.0, other)):
        strikes = np.zeros(n, np.float32)
        for start, length in zip(starts, lengths, strict=True):
            times = np.arange(start + number * period_seconds / 2, start + length, period_seconds)
            strikes[np.minimum(np.rint(times * rate_hz).astype(int), n - 1)] = draws.rng.uniform(0.7, 1.0, len(times))
        partials = gong_hz * ratio * np.array([1.0, 1.83, 2.74, 4.1])  # a gong's modes are no harmonics
        response = struck(4 * decay_seconds, rate_hz, partials, (1.0, 0.7, 0.5, 0.3), decay_seconds / np.arange(1, 5))
        add_at(total, convolve(strikes, response)[:n], 0)
    return total


def _warble(n: int, draws: Draws, rate_hz: int) -> np.ndarray:
    """An electronic ringer: two tones in quick turn."""
    low_hz = draws.between("warble_hz", 700.0, 1500.0)
    ratio = draws.between("warble_ratio", 1.15, 1.4)
    turn = np.remainder(np.arange(n) / rate_hz * draws.between("warble_rate_hz", 10.0, 20.0), 1.0) < 0.5
    return tone(np.where(turn, low_hz, low_hz * ratio), rate_hz, (1.0, 0.1, draws.between("third_harmonic", 0.05, 0.4)))
