"""Smoke and carbon monoxide alarms: the same sounders, told apart by their rhythm alone.

Smoke: temporal-three of ISO 8201 (NFPA 72): three pulses of 0.5 s, 0.5 s between them, 1.5 s of silence, and again.

    ####    ####    ####            ####    ####    ####            each # and blank 0.125 s; cycle 4 s

Carbon monoxide: temporal-four of UL 2034 (NFPA 72): four pulses of 0.1 s, 0.1 s between them, 5 s of silence; cycle
5.7 s.

Both allow +-10 % on every time. Sounders: the piezo horn near 3.1 kHz of nearly every dwelling's alarm, and the
low-frequency 520 Hz +-10 % square wave that NFPA 72 (18.4.5) asks for in sleeping areas.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .draws import Draws
from .tones import gate, square_harmonics, steady, tone

PIEZO_HZ = (2800.0, 3400.0)
LOW_HZ = (480.0, 560.0)
"""inside 520 Hz +-10 % (NFPA 72)"""
TOLERANCE = 0.08
"""drawn for each of the three times; the last 2 of the standards' 10 % are left to single pulses"""
PULSE_JITTER = 0.01
MAX_SECONDS = 12.0


@dataclass(frozen=True)
class Rhythm:
    """One cycle: `pulses` of `on_seconds` with `off_seconds` between them, then `pause_seconds`."""

    pulses: int
    on_seconds: float
    off_seconds: float
    pause_seconds: float

    @property
    def cycle_seconds(self) -> float:
        return self.pulses * self.on_seconds + (self.pulses - 1) * self.off_seconds + self.pause_seconds


TEMPORAL_THREE = Rhythm(3, 0.5, 0.5, 1.5)
"""ISO 8201, 4.2"""
TEMPORAL_FOUR = Rhythm(4, 0.1, 0.1, 5.0)
"""UL 2034; NFPA 72, distinctive signal for carbon monoxide"""


def smoke_alarm(draws: Draws, rate_hz: int) -> np.ndarray:
    """Two or three whole cycles of temporal-three, float32 [n]."""
    return _alarm(TEMPORAL_THREE, draws, rate_hz)


def co_alarm(draws: Draws, rate_hz: int) -> np.ndarray:
    """Two whole cycles of temporal-four, float32 [n]."""
    return _alarm(TEMPORAL_FOUR, draws, rate_hz)


def _alarm(standard: Rhythm, draws: Draws, rate_hz: int) -> np.ndarray:
    rhythm = drawn_rhythm(standard, draws)
    most = max(1, min(3, int(MAX_SECONDS / rhythm.cycle_seconds)))
    cycles = draws.count(min(2, most), most)  # an alarm that stops after one cycle has not been heard of
    starts = pulse_starts(rhythm, cycles)
    lengths = rhythm.on_seconds * (1 + PULSE_JITTER * draws.rng.uniform(-1, 1, len(starts)))
    sound = sounder(cycles * rhythm.cycle_seconds, draws, rate_hz)
    return sound * gate(len(sound), rate_hz, starts, lengths, draws.between("edge_seconds", 0.002, 0.012))


def drawn_rhythm(standard: Rhythm, draws: Draws) -> Rhythm:
    """The standard's rhythm with each of its times off by a drawn part of the tolerance."""
    scales = [1 + draws.between(f"{name}_tolerance", -TOLERANCE, TOLERANCE) for name in ("on", "off", "pause")]
    return Rhythm(
        standard.pulses,
        standard.on_seconds * scales[0],
        standard.off_seconds * scales[1],
        standard.pause_seconds * scales[2],
    )


def pulse_starts(rhythm: Rhythm, cycles: int) -> np.ndarray:
    """Seconds at which each pulse begins, [cycles * pulses], the first at 0."""
    inside = np.arange(rhythm.pulses) * (rhythm.on_seconds + rhythm.off_seconds)
    return (np.arange(cycles)[:, None] * rhythm.cycle_seconds + inside).ravel()


def sounder(seconds: float, draws: Draws, rate_hz: int) -> np.ndarray:
    """The alarm's steady tone; smoke and CO alarms draw it alike."""
    drift = draws.rng.uniform(-0.004, 0.004)
    if draws.choose_variant({"piezo": 0.7, "low": 0.3}) == "low":
        frequency_hz = steady(seconds, draws.between("low_carrier_hz", *LOW_HZ), drift, rate_hz)
        softness = draws.between("roll_off", 0.0, 0.6)  # small loudspeakers round the square's corners
        harmonics = [a * k**-softness for k, a in enumerate(square_harmonics(15), start=1)]
        return tone(frequency_hz, rate_hz, harmonics)
    frequency_hz = steady(seconds, draws.between("piezo_carrier_hz", *PIEZO_HZ), drift, rate_hz)
    return tone(frequency_hz, rate_hz, (1.0, draws.between("second_harmonic", 0.0, 0.4)))
