"""Clips that are the same recording: exact copies by their hash, near copies by the correlation of their audio.

Two clips are near copies when their normalised cross-correlation, at the best shift, reaches NEAR: gain does not change
it, noise 20 dB below the sound leaves 0.995, 10 dB below leaves 0.95. Other recordings of the same word stay far below.
Near copies are only asked for across splits and folds (without any: across groups), where they flatter a figure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from auricle_shared.pack import Clip, Pack

from ..importers.splits import group_of
from .fingerprints import LONGEST_SECONDS, fingerprints
from .neighbours import neighbours

NEAR = 0.9
ALIKE = 0.95
"""Least similarity of fingerprints to be compared at all"""
COMPARED = 4
"""Most clips that one is compared with"""

Progress = Callable[[int, int], object]
KEPT_FIRST = ("test", "val", "train", "")
"""What is a copy of what: a test clip is kept and its copy in train leaves, so that figures stay comparable"""


@dataclass(frozen=True)
class Copy:
    """Two clips that are one recording."""

    kept: int
    copy: int
    correlation: float
    """1.0 for exact ones"""
    exact: bool


def exact_copies(clips: Sequence[Clip]) -> list[Copy]:
    """Every clip whose samples another, kept one has."""
    same: dict[str, list[int]] = defaultdict(list)
    for i, clip in enumerate(clips):
        if clip.sha256 and clip.length_samples:
            same[clip.sha256].append(i)
    found = []
    for group in same.values():
        kept, *others = sorted(group, key=lambda i: (_rank(clips[i]), i))
        found += [Copy(kept, other, 1.0, True) for other in others]
    return sorted(found, key=lambda c: c.copy)


def near_copies(pack: Pack, clips: Sequence[int], progress: Progress = lambda done, total: None) -> list[Copy]:
    """Near copies among `clips`, each of which is there once and is not silent."""
    if len(clips) < 2:
        return []
    vectors = fingerprints(pack, clips, progress)
    found = []
    for a, b in neighbours(vectors, ALIKE, COMPARED):
        i, j = clips[a], clips[b]
        if not flatters(pack.clips[i], pack.clips[j]):
            continue
        correlation = best_correlation(_beginning(pack, i), _beginning(pack, j))
        if correlation >= NEAR:
            kept, copy = sorted((i, j), key=lambda k: (_rank(pack.clips[k]), k))
            found.append(Copy(kept, copy, correlation, False))
    return sorted(found, key=lambda c: (-c.correlation, c.copy))


def flatters(one: Clip, other: Clip) -> bool:
    """Whether the same recording in both would show in a figure: one is learned, the other is judged."""
    if one.split or other.split or one.fold or other.fold:
        return (one.split, one.fold) != (other.split, other.fold)
    return group_of(one) != group_of(other)


def best_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Greatest normalised cross-correlation of [n] and [m] over all shifts, without regard to sign, 0 to 1."""
    a, b = (x.astype(np.float32) - np.float32(x.mean()) for x in (one, other))
    norm = float(np.linalg.norm(a)) * float(np.linalg.norm(b))
    if not norm:
        return 0.0
    size = 1 << (len(a) + len(b) - 2).bit_length()
    product = np.fft.irfft(np.fft.rfft(a, size) * np.fft.rfft(b, size).conj(), size)
    return min(1.0, float(np.abs(product).max()) / norm)


def _beginning(pack: Pack, i: int) -> np.ndarray:
    return np.asarray(pack.audio(i)[: round(LONGEST_SECONDS * pack.rate_hz)])


def _rank(clip: Clip) -> int:
    return KEPT_FIRST.index(clip.split) if clip.split in KEPT_FIRST else len(KEPT_FIRST)
