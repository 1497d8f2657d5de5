"""Play sounds faster or slower, as a record does: length and pitch move together."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from auricle_trainer.batches.rows import ramps, read_rows

BLOCK = 100
"""Samples that come out where `percent` samples go in: a speed of whole hundredths repeats itself after them."""
HALF = 32
"""Samples on either side from which one is computed."""
PASSED = 0.92
"""Middle of the filter's edge re half the lower one of the two rates; it is flat up to 0.84 and 70 dB down at 1."""
KAISER_BETA = 7.5


@lru_cache(maxsize=64)
def filters(percent: int) -> Tensor:
    """Windowed sinc functions, float32 [percent + 2 * HALF, BLOCK]: a column for every sample that comes out.

    Row k stands for the sample k - HALF of what goes in.
    """
    position = np.arange(BLOCK) * (percent / 100)
    distance = position - (np.arange(percent + 2 * HALF)[:, None] - HALF)
    edge = PASSED * min(1.0, 100 / percent)
    window = np.i0(KAISER_BETA * np.sqrt(np.clip(1 - (distance / HALF) ** 2, 0, None)))
    columns = np.sinc(edge * distance) * window * (np.abs(distance) < HALF)
    return torch.tensor(columns / columns.sum(0), dtype=torch.float32)


def play(
    samples: Tensor, first: np.ndarray, count: np.ndarray, low: np.ndarray, high: np.ndarray, percent: np.ndarray
) -> tuple[Tensor, np.ndarray]:
    """Parts of sounds at other speeds; a part is the same samples as in the whole, wherever it is cut.

    Args:
        samples: [n], int16 or float32; a sound lies in [low, high) of it, and silence before and after.
        first, count: int64 [N], which samples of the sound as it is played.
        percent: int64 [N], 115 for 1.15 times as fast.

    Returns:
        float32 [m] in the units of `samples`, and where in it each part begins, int64 [N].
    """
    pieces, begins, written = [], np.zeros(len(first), np.int64), 0
    for speed in np.unique(percent):
        chosen = np.flatnonzero(percent == speed)
        block = first[chosen] // BLOCK
        blocks = (first[chosen] + count[chosen] - 1) // BLOCK - block + 1
        begins[chosen] = written + (np.cumsum(blocks) - blocks - block) * BLOCK + first[chosen]
        limits = [np.repeat(x[chosen], blocks) for x in (low, high)]
        start = limits[0] + (np.repeat(block, blocks) + ramps(blocks)) * speed - HALF
        rows = read_rows(samples, start, int(speed) + 2 * HALF, *limits)
        same = speed == 100
        pieces.append(rows[:, HALF : HALF + BLOCK] if same else rows @ filters(int(speed)).to(samples.device))
        written += int(blocks.sum()) * BLOCK
    return torch.cat([piece.reshape(-1) for piece in pieces]), begins
