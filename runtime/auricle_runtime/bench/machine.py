"""What the measurements have in common: the audio, and how fast this machine is at what costs most."""

from __future__ import annotations

import time

import numpy as np

PRODUCT_ROWS, PRODUCT_COLUMNS, PRODUCT_ROUNDS = 384, 128, 2000
"""The product of a matrix and a vector that a GRU of 128 units makes for every frame: half of its cost"""


def made_audio(seconds: float, rate_hz: int) -> np.ndarray:
    """Faint noise with a loud burst of half a second every five seconds, float32 [n]."""
    rng = np.random.default_rng(0)
    audio = rng.normal(0.0, 1e-3, round(seconds * rate_hz)).astype(np.float32)
    for start in range(round(2.0 * rate_hz), len(audio), 5 * rate_hz):
        audio[start : start + rate_hz // 2] *= 200.0
    return np.clip(audio, -1.0, 1.0)


def percentiles_ms(seconds: list[float]) -> dict[str, float]:
    p50, p99 = np.percentile(seconds, [50, 99]) * 1000
    return {"p50_ms": round(float(p50), 4), "p99_ms": round(float(p99), 4)}


def product_us() -> float:
    """Microseconds of one 384 x 128 matrix-vector product by NumPy: what other figures should be seen beside."""
    rng = np.random.default_rng(0)
    matrix, vector = (
        rng.standard_normal(shape).astype(np.float32) for shape in ((PRODUCT_ROWS, PRODUCT_COLUMNS), (PRODUCT_COLUMNS,))
    )
    walls = []
    for _ in range(PRODUCT_ROUNDS):
        began = time.perf_counter()
        matrix @ vector
        walls.append(time.perf_counter() - began)
    return round(1e6 * float(np.median(walls)), 2)
