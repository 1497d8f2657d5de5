"""Judging what was recorded: is there a sound, is it whole, and where does it begin and end.

room | ~~~~~~ | BEFORE | sound ... sound | AFTER | ~~~~~~ |
              |<------- what is kept ------------>|
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from auricle_shared.levels import CLIPPED_SHARE, SILENT_PEAK, clipped_share

from ..cut_sounds import AFTER_SECONDS, BEFORE_SECONDS, BLOCK_SECONDS, QUIETEST_DB, RISE_DB, SHORTEST_SECONDS

LOUD_ROOM_DB = -35.0
"""Root mean square re full scale; a quiet room with a usual microphone lies below -50 dB"""
ROOM_SHARE = 0.25
"""The room's level is that of its quieter frames: a knock or a word during the check does not raise it"""


@dataclass(frozen=True)
class Take:
    """One attempt, judged."""

    samples: np.ndarray
    """float32 [n]: the sound with a little of the room around it; all that was heard where it is refused"""
    seconds: float
    peak_db: float
    """re full scale"""
    problem: str = ""
    """why it is refused, and what to do; empty where it is good"""

    def to_dict(self) -> dict[str, Any]:
        return {"seconds": round(self.seconds, 3), "peak_db": round(self.peak_db, 1), "problem": self.problem}


def judge_take(samples: np.ndarray, rate_hz: int, room_db: float, lost: str = "") -> Take:
    """
    Args:
        samples: float32 [n], everything that was heard.
        room_db: level of the room, as `level_of_room` gives it.
        lost: why audio is missing inside, if any is.
    """
    peak = float(np.abs(samples).max(initial=0.0))
    begin, end = _sound(samples, rate_hz, room_db)
    problem = lost or _problem(samples, end - begin, rate_hz, peak, room_db)
    if not problem:
        first = max(0, begin - round(BEFORE_SECONDS * rate_hz))
        samples = samples[first : end + round(AFTER_SECONDS * rate_hz)]
    return Take(samples, len(samples) / rate_hz, decibels(peak), problem)


def judge_room(samples: np.ndarray, lost: str = "") -> str:
    """Why a piece of the room's own sound is refused; empty where it is good."""
    peak = float(np.abs(samples).max(initial=0.0))
    if lost:
        return lost
    if peak < SILENT_PEAK:
        return "nothing but digital silence: the microphone is muted or dead"
    return _clipping(samples)


def level_of_room(samples: np.ndarray, rate_hz: int) -> float:
    """Decibels re full scale, root mean square: what three quarters of its frames of 20 ms exceed."""
    return max(QUIETEST_DB, float(np.quantile(_levels_db(samples, rate_hz), ROOM_SHARE)))


def decibels(amplitude: float) -> float:
    return 20 * math.log10(max(amplitude, 1e-6))


def _problem(samples: np.ndarray, sound_samples: int, rate_hz: int, peak: float, room_db: float) -> str:
    if peak < SILENT_PEAK:
        return "nothing but digital silence: the microphone is muted or dead"
    if sound_samples < SHORTEST_SECONDS * rate_hz:
        return f"empty: nothing was {RISE_DB:g} dB above the room ({room_db:.0f} dB). Be louder, or nearer"
    return _clipping(samples)


def _clipping(samples: np.ndarray) -> str:
    clipped = clipped_share(samples)
    if clipped <= CLIPPED_SHARE:
        return ""
    return f"{100 * clipped:.1f} % is cut off at full scale: turn the input gain down, or go farther away"


def _sound(samples: np.ndarray, rate_hz: int, room_db: float) -> tuple[int, int]:
    """From the first frame that rises over the room to the end of the last one; (0, 0) without any."""
    loud = np.flatnonzero(_levels_db(samples, rate_hz) >= room_db + RISE_DB)
    frame = round(BLOCK_SECONDS * rate_hz)
    return (int(loud[0]) * frame, (int(loud[-1]) + 1) * frame) if len(loud) else (0, 0)


def _levels_db(samples: np.ndarray, rate_hz: int) -> np.ndarray:
    """[frames] of 20 ms; at least one."""
    frame = round(BLOCK_SECONDS * rate_hz)
    whole = samples[: len(samples) // frame * frame].astype(np.float64).reshape(-1, frame)
    powers = np.square(whole).mean(axis=1) if len(whole) else np.zeros(1)
    return 10 * np.log10(np.maximum(powers, 1e-12))
