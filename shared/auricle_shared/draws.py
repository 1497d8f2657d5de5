"""Random numbers by address: a draw is a function of (seed, stream, time), whoever asks and in whatever order.

A worker process, a resumed run and a test that looks at one moment all see the same scene.
"""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache

import numpy as np

# The finaliser of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014).
GOLDEN, MIX_1, MIX_2 = (np.uint64(x) for x in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


class Purpose(IntEnum):
    """What a number is drawn for; two purposes at one address are independent."""

    GAP = 1
    ADJOINS = 2
    SNR = 3
    GAIN = 4
    CLEAN = 5
    BACKGROUND_LEVEL = 6
    RECORDING = 7
    RECORDING_START = 8
    PIECE_LENGTH = 9
    RESET = 10
    STARTS_AT_ONCE = 11
    BACKGROUND_ONLY = 12
    STREAM_GAIN = 13
    MIXED = 14
    MIXED_WITH = 15
    MIXED_SHARE = 16
    SPEED = 17
    IN_A_ROOM = 18
    ROOM = 19
    AMBIENT = 20
    AMBIENT_RECORDING = 21
    AMBIENT_START = 22
    AMBIENT_LEVEL = 23


def uniform(seed: int, purpose: Purpose | np.ndarray, stream: np.ndarray, number: np.ndarray) -> np.ndarray:
    """float64 in [0, 1), one per (purpose, stream, number); the arguments broadcast."""
    return _to_float(_address(seed, purpose, stream, number))


class Draws:
    """`uniform` for a fixed seed and fixed streams: what does not depend on the number is mixed once.

    Args:
        streams: int64 [B], the streams' numbers.
    """

    def __init__(self, seed: int, streams: np.ndarray) -> None:
        purposes = np.arange(max(Purpose) + 1)[:, None]
        self._address = _address(seed, purposes, streams)

    def __call__(self, purpose: Purpose | np.ndarray, rows: np.ndarray, number: int | np.ndarray) -> np.ndarray:
        """float64 in [0, 1), one for each of `rows` of the streams [N]; with several purposes [P], [P, N]."""
        own = self._address[purpose, rows] if isinstance(purpose, Purpose) else self._address[purpose[:, None], rows]
        return _to_float(_mix(own * GOLDEN + np.asarray(number).astype(np.uint64) + GOLDEN))


def _address(*parts: int | np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        x = np.asarray(parts[0], np.uint64)
        for part in parts[1:]:
            x = _mix(x * GOLDEN + np.asarray(part).astype(np.uint64) + GOLDEN)
    return x


def _to_float(x: np.ndarray) -> np.ndarray:
    """The upper 53 bits as a number in [0, 1)."""
    return (x >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mix(x: np.ndarray) -> np.ndarray:
    x = (x ^ (x >> np.uint64(30))) * MIX_1
    x = (x ^ (x >> np.uint64(27))) * MIX_2
    return x ^ (x >> np.uint64(31))


@lru_cache(maxsize=64)
def shuffled(seed: int, round_number: int, count: int, salt: int = 0) -> np.ndarray:
    """The order of `count` things in one round of an endless shuffled list."""
    return np.random.default_rng([seed, salt, round_number]).permutation(count)
