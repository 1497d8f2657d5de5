"""An emergency vehicle's siren, wail and yelp.

Sweeps a minute: wail 10 to 30, yelp 150 to 250 (California Code of Regulations, title 13, section 1028; SAE J1849 is
the laboratory standard). Electronic sirens sweep between about 500-700 Hz and 1200-1700 Hz: a common span, no rule.
"""

from __future__ import annotations

import numpy as np

from .draws import Draws
from .tones import fade, seconds_axis, tone

WAIL_PER_MINUTE = (10.0, 30.0)
YELP_PER_MINUTE = (150.0, 250.0)
LOW_HZ = (480.0, 720.0)
HIGH_HZ = (1150.0, 1700.0)


def siren(draws: Draws, rate_hz: int) -> np.ndarray:
    """Four to twelve seconds of wail or two to six of yelp, float32 [n]."""
    if draws.choose_variant({"wail": 0.5, "yelp": 0.5}) == "wail":
        per_second = draws.between("wail_per_minute", *WAIL_PER_MINUTE) / 60.0
        seconds = float(np.clip(draws.between("sweeps", 1.2, 2.5) / per_second, 4.0, 11.5))
    else:
        per_second = draws.between("yelp_per_minute", *YELP_PER_MINUTE) / 60.0
        seconds = draws.between("yelp_seconds", 2.0, 6.0)
    low_hz, high_hz = draws.between("low_hz", *LOW_HZ), draws.between("high_hz", *HIGH_HZ)
    position = np.remainder(seconds_axis(seconds, rate_hz) * per_second + draws.rng.uniform(), 1.0)
    height = _sweep(position, draws.between("rising_share", 0.35, 0.65), draws.between("curvature", 0.5, 2.5))
    drive = draws.between("drive", 0.15, 0.5)
    sound = tone(low_hz * (high_hz / low_hz) ** height, rate_hz, [drive**k for k in range(6)])
    return fade(sound, rate_hz, 0.05, 0.1)


def _sweep(position: np.ndarray, rising_share: float, curvature: float) -> np.ndarray:
    """Height 0 to 1 over a sweep's position 0 to 1: a capacitor that is charged, then discharged."""
    rising = position < rising_share
    progress = np.where(rising, position / rising_share, (position - rising_share) / (1.0 - rising_share))
    charge = (1.0 - np.exp(-curvature * progress)) / (1.0 - np.exp(-curvature))
    return np.where(rising, charge, 1.0 - charge)
