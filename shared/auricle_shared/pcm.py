"""Samples as they are stored, 16-bit integers, and as they are computed with, floats: the one place where one becomes
the other."""

from __future__ import annotations

import numpy as np


def to_int16(samples: np.ndarray) -> np.ndarray:
    """float in [-1, 1] -> int16, rounded, limited at full scale."""
    return np.clip(np.rint(samples * 32768.0), -32768, 32767).astype("<i2")


def to_float(samples: np.ndarray) -> np.ndarray:
    """int16 -> float32 in [-1, 1)."""
    return samples.astype(np.float32) / np.float32(32768.0)
