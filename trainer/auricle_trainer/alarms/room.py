"""A sound somewhere in a room: direct sound, early reflections, a tail that dies away, and what distance takes."""

from __future__ import annotations

import numpy as np

from .draws import Draws
from .tones import fast_length, noise

EARLY_REFLECTIONS = 6
EARLY_SECONDS = (0.002, 0.035)
"""Paths 0.7 to 12 m longer than the direct one: the walls, floor and ceiling of a dwelling's rooms."""
RT60_SECONDS = (0.15, 0.7)
"""Time to fall by 60 dB: furnished bedrooms lie near 0.3 s, tiled kitchens and stairwells at 0.6 s and over."""
DISTANCE_METRES = (1.0, 8.0)
CRITICAL_DISTANCE_METRES = 2.0
"""Where direct and reverberant sound are equally loud; 1 to 2 m is usual for a dwelling's rooms."""
TAIL_SECONDS = 0.15
"""What is kept of the room after the sound's own end."""


def place_in_room(dry: np.ndarray, draws: Draws, rate_hz: int) -> np.ndarray:
    """The dry sound [n] as heard in a drawn room at a drawn distance, float32 [n + TAIL_SECONDS]."""
    rt60_seconds = draws.between("rt60_seconds", *RT60_SECONDS)
    distance_metres = draws.between("distance_metres", *DISTANCE_METRES)
    response = impulse_response(draws.rng, rt60_seconds, distance_metres, rate_hz)
    kept = len(dry) + round(TAIL_SECONDS * rate_hz)
    size = fast_length(len(dry) + len(response) - 1)
    spectrum = np.fft.rfft(dry, size) * np.fft.rfft(response, size)
    spectrum *= distance_gain(np.fft.rfftfreq(size, 1.0 / rate_hz), distance_metres)
    wet = np.fft.irfft(spectrum, size)[:kept].astype(np.float32)
    wet = np.pad(wet, (0, kept - len(wet)))
    end = round(0.05 * rate_hz)
    wet[-end:] *= np.linspace(1, 0, end, dtype=np.float32)
    return wet


def impulse_response(rng: np.random.Generator, rt60_seconds: float, distance_metres: float, rate_hz: int) -> np.ndarray:
    """Direct sound at sample 0 with energy 1; reflections and tail together have (distance / critical distance)^2.

    The tail is noise under an exponential that falls by 60 dB in `rt60_seconds` (Polack's model of late reverberation).
    """
    n = max(round(0.8 * rt60_seconds * rate_hz), round(EARLY_SECONDS[1] * rate_hz) + 2)
    t = np.arange(n) / rate_hz
    tail = noise(rng, n) * (10.0 ** (-3.0 * t / rt60_seconds)).astype(np.float32)
    tail[: round(EARLY_SECONDS[0] * rate_hz)] = 0.0
    tail /= np.sqrt(np.square(tail).sum())
    early = np.zeros(n, np.float32)
    delays = rng.uniform(*EARLY_SECONDS, EARLY_REFLECTIONS)
    gains = rng.uniform(0.3, 1.0, EARLY_REFLECTIONS) * rng.choice([-1.0, 1.0], EARLY_REFLECTIONS)
    early[np.rint(delays * rate_hz).astype(int)] = gains * 10.0 ** (-3.0 * delays / rt60_seconds)
    early /= np.sqrt(np.square(early).sum())
    response = (tail + early) * np.float32(np.sqrt(0.5) * distance_metres / CRITICAL_DISTANCE_METRES)
    response[0] += 1.0
    return response


def distance_gain(hz: np.ndarray, distance_metres: float) -> np.ndarray:
    """Gain of the duller sound further away: a first-order low-pass, from 12 kHz at 1 m to about 4 kHz at 8 m."""
    corner_hz = 12000.0 / distance_metres**0.5
    return (1.0 / np.sqrt(1.0 + (hz / corner_hz) ** 2)).astype(np.float32)
