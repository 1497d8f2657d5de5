"""When a recording is cut off at full scale, and when nothing is in it: for recorder and packs alike."""

from __future__ import annotations

import numpy as np

FULL_SCALE = 0.999
"""Samples at or above it are cut off, on both sides alike; a 16-bit sample of 32767 is 0.99997."""
CLIPPED_SHARE = 0.001
"""More samples than these at full scale, over a window, are a gain turned too high and no single knock."""
SILENT_PEAK = 1.5 / 32768
"""The noise of any real microphone is above one step of 16 bits."""


def clipped_share(samples: np.ndarray) -> float:
    """Part of float samples [n] in [-1, 1] that lies at full scale."""
    return float((np.abs(samples) >= FULL_SCALE).mean()) if len(samples) else 0.0
