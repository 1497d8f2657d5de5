"""The alarm set as a pack."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from auricle_shared.metadata import BACKGROUND
from auricle_shared.pack import Pack, PackWriter

from .events import CLASSES, NEGATIVES, draw_with_parameters, event_rng

CLIPS_PER_CLASS = 120
NEGATIVE_SHARE = 0.4
"""Clips of each kind of negative, as a share of the clips of a class."""
VALIDATION_EVERY = 5
"""Of the training ranges, every fifth clip of a kind is for validation."""
LICENCE = "CC0-1.0 (synthetic: made by 'auricle synth', no recordings in it)"


def write_alarm_pack(
    path: str | Path,
    clips_per_class: int = CLIPS_PER_CLASS,
    seed: int = 0,
    ranges: str = "train",
    rate_hz: int = 16000,
    progress: Callable[[int, int], None] | None = None,
    overwrite: bool = False,
) -> Pack:
    """Draw the alarm set and write it as a pack.

    Clip k of a kind is the same whatever `clips_per_class` is. The ranges `train` give splits 'train' and 'val', the
    ranges `unseen` give 'test' alone. The column `source` says kind/variant/index.

    Args:
        progress: called after every clip with (clips done, clips in all).

    Raises:
        SettingsError: unknown ranges or a rate below 8000 Hz; DataError: `path` is taken.
    """
    negatives = math.ceil(NEGATIVE_SHARE * clips_per_class)
    jobs = [(kind, kind, i) for kind in CLASSES for i in range(clips_per_class)]
    jobs += [(kind, BACKGROUND, i) for kind in NEGATIVES for i in range(negatives)]
    recipe = {"clips_per_class": clips_per_class, "seed": seed, "ranges": ranges}
    with PackWriter(path, rate_hz, licence=LICENCE, overwrite=overwrite, synth=recipe) as writer:
        for done, (kind, label, i) in enumerate(jobs, start=1):
            event = draw_with_parameters(kind, event_rng(seed, ranges, kind, i), ranges, rate_hz)
            writer.add(event.samples, [label], split=split_of(ranges, i), source=f"{kind}/{event.variant}/{i}")
            if progress:
                progress(done, len(jobs))
    return Pack.open(path)


def split_of(ranges: str, index: int) -> str:
    if ranges == "unseen":
        return "test"
    return "val" if index % VALIDATION_EVERY == VALIDATION_EVERY - 1 else "train"
