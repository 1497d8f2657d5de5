"""Play sounds faster or slower, as a record does: length and pitch move together."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from auricle_trainer.batches.rows import read_rows

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


@lru_cache(maxsize=128)
def filters_on(device: torch.device, percent: int) -> Tensor:
    """`filters` where they are used; copied once."""
    return filters(percent).to(device)


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
    order = np.argsort(percent, kind="stable")  # the same speed side by side: one matrix product a speed
    first, count, low, high, percent = (x[order] for x in (first, count, low, high, percent))
    block = first // BLOCK
    blocks = (first + count - 1) // BLOCK - block + 1
    width = int(percent.max()) + 2 * HALF
    rows = read_rows(samples, low + block * percent - HALF, percent, blocks, width, low, high)
    begins = np.empty(len(order), np.int64)
    begins[order] = (np.cumsum(blocks) - blocks - block) * BLOCK + first
    return _filtered(rows, percent, blocks), begins


def _filtered(rows: Tensor, percent: np.ndarray, blocks: np.ndarray) -> Tensor:
    """What comes out, end to end, of rows that go in; `percent`, in rising order, of so many rows each."""
    found = rows.new_empty(len(rows), BLOCK)
    speeds, first = np.unique(percent, return_index=True)
    ends = np.cumsum(np.add.reduceat(blocks, first)).tolist()
    for speed, a, b in zip(speeds.tolist(), [0, *ends], ends, strict=False):
        if speed == 100:
            found[a:b] = rows[a:b, HALF : HALF + BLOCK]
        else:
            torch.mm(rows[a:b, : speed + 2 * HALF], filters_on(rows.device, speed), out=found[a:b])
    return found.reshape(-1)
