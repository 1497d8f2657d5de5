"""Which vectors lie next to each other, without comparing all with all.

Every vector goes into the cells of the few pivots it is most like; only vectors that share a cell are compared. With as
many cells as the square root of their number, a hundred thousand clips take seconds; reading their audio takes longer.
"""

from __future__ import annotations

import math

import numpy as np

CELLS_EACH = 3
FEW = 512
"""So many are all compared"""


def neighbours(vectors: np.ndarray, least: float, most: int, seed: int = 0) -> list[tuple[int, int]]:
    """Pairs (i, j), i < j, sorted, of vectors whose inner product is at least `least`.

    Args:
        vectors: [n, d] of unit length; zeros are like nothing.
        most: pairs kept of each vector, those most alike.
    """
    n = len(vectors)
    if n <= FEW:
        cells = [np.arange(n)]
    else:
        count = math.isqrt(n)
        pivots = vectors[np.random.default_rng(seed).choice(n, count, replace=False)]
        nearest = np.concatenate(
            [np.argpartition(-part @ pivots.T, CELLS_EACH, axis=1)[:, :CELLS_EACH] for part in _parts(vectors)]
        )
        order = np.argsort(nearest.ravel(), kind="stable")
        ends = np.cumsum(np.bincount(nearest.ravel(), minlength=count))[:-1]
        cells = np.split(order // CELLS_EACH, ends)
    found: set[tuple[int, int]] = set()
    for cell in cells:
        found |= _pairs(vectors, cell, least, most)
    return sorted(found)


def _parts(vectors: np.ndarray) -> list[np.ndarray]:
    return np.array_split(vectors, max(1, len(vectors) // 8192))


def _pairs(vectors: np.ndarray, cell: np.ndarray, least: float, most: int) -> set[tuple[int, int]]:
    found: set[tuple[int, int]] = set()
    for places in np.array_split(np.arange(len(cell)), max(1, len(cell) // 2048)):
        alike = vectors[cell[places]] @ vectors[cell].T
        alike[np.arange(len(places)), places] = -1.0
        for row, place in enumerate(places):
            close = np.flatnonzero(alike[row] >= least)
            if len(close) > most:
                close = close[np.argpartition(-alike[row, close], most)[:most]]
            i = int(cell[place])
            found |= {(min(i, j), max(i, j)) for j in cell[close].tolist()}
    return found
