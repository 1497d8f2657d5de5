"""Beeps that are no alarm (hard negatives): a microwave that is done, kitchen timers, the chirp of a low battery.

They share the alarms' pitches; only their rhythm says that nothing burns.
"""

from __future__ import annotations

import numpy as np

from .draws import Draws
from .smoke_and_co import PIEZO_HZ
from .tones import gate, seconds_axis, steady, tone

END_SECONDS = 0.3


def microwave_beeps(draws: Draws, rate_hz: int) -> np.ndarray:
    """Three to five long beeps near 2 kHz, then no more, float32 [n]."""
    on_seconds = draws.between("on_seconds", 0.62, 1.0)
    period_seconds = on_seconds + draws.between("off_seconds", 0.25, 1.0)
    starts = np.arange(draws.count(3, 5)) * period_seconds
    seconds = float(starts[-1]) + on_seconds + END_SECONDS
    frequency_hz = steady(seconds, draws.between("beep_hz", 1850.0, 2300.0), 0.0, rate_hz)
    sound = tone(frequency_hz, rate_hz, (1.0, draws.between("second_harmonic", 0.0, 0.3), 0.1))
    return sound * gate(len(sound), rate_hz, starts, np.full(len(starts), on_seconds), 0.005)


def timer_beeps(draws: Draws, rate_hz: int) -> np.ndarray:
    """A timer with an alarm's piezo disc and another rhythm, float32 [n].

    quad: four beeps well below 0.1 s, every second, as cheap timers and alarm clocks do. march: even beeps of about a
    quarter second (the slow and quick 'march time' that temporal-three replaced). steady: one long tone.
    """
    variant = draws.choose_variant({"quad": 0.4, "march": 0.35, "steady": 0.25})
    if variant == "quad":
        on_seconds = draws.between("quad_on_seconds", 0.03, 0.065)
        inside = np.arange(4) * 2 * on_seconds
        every_seconds = draws.between("quad_every_seconds", 0.8, 1.2)
        starts = (np.arange(draws.count(2, 6))[:, None] * every_seconds + inside).ravel()
    elif variant == "march":
        on_seconds = draws.between("march_on_seconds", 0.18, 0.3)
        starts = np.arange(draws.count(4, 12)) * 2 * on_seconds
    else:
        on_seconds = draws.between("steady_seconds", 1.0, 3.5)
        starts = np.zeros(1)
    return _piezo_pulses(starts, on_seconds, draws, rate_hz)


def low_battery_chirp(draws: Draws, rate_hz: int) -> np.ndarray:
    """One short chirp of an alarm's own sounder and the silence after it, float32 [n]."""
    draws.choose_variant({"chirp": 1.0})
    return _piezo_pulses(np.zeros(1), draws.between("chirp_seconds", 0.03, 0.09), draws, rate_hz)


def _piezo_pulses(starts: np.ndarray, on_seconds: float, draws: Draws, rate_hz: int) -> np.ndarray:
    seconds = max(1.0, float(starts[-1]) + on_seconds + END_SECONDS)
    frequency_hz = np.full(len(seconds_axis(seconds, rate_hz)), draws.between("piezo_carrier_hz", *PIEZO_HZ))
    sound = tone(frequency_hz, rate_hz, (1.0, draws.between("second_harmonic", 0.0, 0.4)))
    return sound * gate(len(sound), rate_hz, starts, np.full(len(starts), on_seconds), 0.004)
