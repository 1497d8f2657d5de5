"""Single sounds cut out of a running stream by their level: what is made for enrolment, one after another."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np

BLOCK_SECONDS = 0.02
FLOOR_SECONDS = 2.0
"""The room's level is the tenth part from below of the levels of so long a time"""
RISE_DB, FALL_DB = 12.0, 6.0
"""A sound begins so far above the room, and is over below that"""
QUIETEST_DB = -60.0
BEFORE_SECONDS, AFTER_SECONDS = 0.2, 0.4
SHORTEST_SECONDS, LONGEST_SECONDS = 0.05, 5.0


def cut_sounds(pieces: Iterable[np.ndarray], rate_hz: int) -> Iterator[np.ndarray]:
    """Sounds float32 [n], each with a little of the room around it, as soon as they are over.

    Args:
        pieces: float32 [n] each, of any length, that follow each other.
    """
    block = round(BLOCK_SECONDS * rate_hz)
    levels: deque[float] = deque(maxlen=round(FLOOR_SECONDS / BLOCK_SECONDS))
    before: deque[np.ndarray] = deque(maxlen=round(BEFORE_SECONDS / BLOCK_SECONDS))
    sound: list[np.ndarray] = []
    loud = quiet = 0  # blocks
    for samples in _blocks(pieces, block):
        level_db = 10 * math.log10(max(float(np.dot(samples, samples)) / block, 1e-12))
        floor_db = max(QUIETEST_DB, float(np.quantile(levels, 0.1))) if levels else 0.0
        if not sound:
            levels.append(level_db)
            if level_db < floor_db + RISE_DB:
                before.append(samples)
                continue
            sound, loud, quiet = [*before, samples], 1, 0
            continue
        sound.append(samples)
        is_quiet = level_db < floor_db + FALL_DB
        quiet = quiet + 1 if is_quiet else 0
        loud += not is_quiet
        if quiet * BLOCK_SECONDS >= AFTER_SECONDS or len(sound) * BLOCK_SECONDS >= LONGEST_SECONDS:
            if loud * BLOCK_SECONDS >= SHORTEST_SECONDS:
                yield np.concatenate(sound)
            sound = []
            before.clear()


def _blocks(pieces: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    rest = np.zeros(0, np.float32)
    for piece in pieces:
        rest = np.concatenate([rest, piece])
        whole = len(rest) // size * size
        yield from rest[:whole].reshape(-1, size)
        rest = rest[whole:]
