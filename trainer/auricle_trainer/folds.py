"""Folds inside the training clips, for choices that are made before anybody looks at the validation clips."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from auricle_shared.pack import Clip

from .importers.splits import deal

SEED = 41
"""The folds are the same whatever the run's seed, so that runs of several seeds and settings can be paired."""


def fold_numbers(clips: Sequence[Clip], folds: int) -> list[int]:
    """The fold of every clip, 0 to folds - 1: about as many clips of every label in each, no speaker in two.

    A clip stays with its speaker, where there is none with its group, else it goes alone. Unlike in splits, the speaker
    comes first: a group may be a word that all speakers say, and what a fold must show is a voice never heard.
    """
    together: dict[str, list[int]] = defaultdict(list)
    for i, c in enumerate(clips):
        alone = f"clip {c.source or c.sha256} {c.offset_samples}"
        together[f"speaker {c.speaker}" if c.speaker else f"group {c.group}" if c.group else alone].append(i)
    shares = {str(number): 1 / folds for number in range(folds)}
    return [int(side) for side in deal(clips, together, shares, SEED)]
