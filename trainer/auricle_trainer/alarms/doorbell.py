"""A doorbell: bars or tubes struck one after the other, 'ding' and a lower 'dong'."""

from __future__ import annotations

import numpy as np

from .draws import Draws
from .tones import add_at, struck

BAR_PARTIALS = (1.0, 2.756, 5.404)
"""Bending modes of a free bar (Euler-Bernoulli), what a mechanical chime strikes."""
TUBE_PARTIALS = (1.0, 2.0, 3.0, 4.2)
"""Nearly harmonic: tubular bells, and the electronic chimes that imitate them."""
ORDERS = {"ding_dong": (0, 1), "ding_dong_twice": (0, 1, 0, 1), "three_tone": (0, 1, 2)}


def doorbell(draws: Draws, rate_hz: int) -> np.ndarray:
    """Two to four struck tones that ring out, float32 [n], 1 to 6 s."""
    order = ORDERS[draws.choose_variant({"ding_dong": 0.6, "ding_dong_twice": 0.2, "three_tone": 0.2})]
    first_hz = draws.between("first_hz", 560.0, 900.0)
    step = draws.between("step_ratio", 0.76, 0.85)  # a major third down is 0.794
    apart_seconds = draws.between("apart_seconds", 0.4, 0.9)
    decay_seconds = draws.between("decay_seconds", 0.3, 0.9)
    partials = np.array(draws.choose((BAR_PARTIALS, TUBE_PARTIALS)))
    amplitudes = draws.between("brightness", 0.15, 0.6) ** np.arange(len(partials))
    ring_seconds = 3.0 * decay_seconds
    n = round((apart_seconds * (len(order) - 1) + ring_seconds) * rate_hz)
    total = np.zeros(n, np.float32)
    for place, note in enumerate(order):
        frequencies = partials * first_hz * step**note
        ring = struck(ring_seconds, rate_hz, frequencies, amplitudes, decay_seconds / np.sqrt(partials))
        add_at(total, ring, round(place * apart_seconds * rate_hz))
    return total
