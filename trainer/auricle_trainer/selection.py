"""Which clips train, which choose the best epoch, and which are never touched."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from auricle_shared.errors import DataError
from auricle_shared.metadata import BACKGROUND
from auricle_shared.pack import Pack

from .config import DataSettings
from .folds import fold_numbers


@dataclass(frozen=True)
class Selection:
    train: list[int]
    validation: list[int]


def select_clips(pack: Pack, settings: DataSettings, seed: int) -> Selection:
    """Training and validation clips of a pack.

    With a held-out fold, speaker or group the splits are ignored: all other clips train. Where no 'val' split is there,
    a share of the training groups (else speakers, else clips) is kept for validation. With data.folds, one fold of the
    training clips validates, and neither the pack's own 'val' nor what is held out is looked at: for choices that their
    figures must not know of.

    Raises:
        DataError: nothing left to train on or to validate with, or a held-out value that does not occur.
    """
    column, value = settings.held_out_column, settings.held_out_value
    validation: list[int] = []
    if column:
        values = sorted({getattr(c, column) for c in pack.clips})
        if value not in values:
            raise DataError(
                f"data.held_out_value is {value!r}, but {column} has only: {', '.join(values) or 'nothing'}."
            )
        train = [i for i, c in enumerate(pack.clips) if getattr(c, column) != value]
    elif any(c.split for c in pack.clips):
        train, validation = pack.select("train"), pack.select("val")
    else:
        train = list(range(len(pack)))
    train, validation = (_without(pack, clips, settings.leave_out) for clips in (train, validation))
    if settings.folds:
        numbers = fold_numbers([pack.clips[i] for i in train], settings.folds)
        validation = [i for i, number in zip(train, numbers, strict=True) if number == settings.fold_number]
        train = [i for i, number in zip(train, numbers, strict=True) if number != settings.fold_number]
    if not validation:
        validation = _share_of_groups(pack, train, settings.validation_share, seed, column)
        kept = set(validation)
        train = [i for i in train if i not in kept]
    labels = set(pack.counts(train)) - {BACKGROUND}
    if not labels:
        raise DataError(f"{pack.path} has no labelled clips to train on (splits: {pack.info['splits']}).")
    if not validation:
        raise DataError(
            f"{pack.path} has too few clips, or too few groups or speakers, to keep any for validation; at least two a "
            "class are needed."
        )
    return Selection(train, validation)


def _without(pack: Pack, clips: Sequence[int], labels: Sequence[str]) -> list[int]:
    missing = sorted(set(labels) - set(pack.labels))
    if missing:
        raise DataError(f"data.leave_out names {', '.join(missing)}; {pack.path} has {', '.join(pack.labels)}.")
    return [i for i in clips if not set(labels) & set(pack.clips[i].labels)]


def _share_of_groups(pack: Pack, clips: list[int], share: float, seed: int, held_out_column: str) -> list[int]:
    """Whole groups, drawn until the share is reached in every class; one, the smallest, where all are larger."""
    groups: dict[str, list[int]] = defaultdict(list)
    for i in clips:
        c = pack.clips[i]
        # Leaving one speaker out of six: a whole second speaker for validation would cost a fifth of the training data.
        groups[c.group or ("" if held_out_column == "speaker" else c.speaker) or f"#{i}"].append(i)
    total = pack.counts(clips)
    wanted = {label: max(1.0, share * n + 0.5) for label, n in total.items()}
    taken: Counter[str] = Counter()
    chosen: list[int] = []
    names = sorted(groups)
    for k in np.random.default_rng([seed, 31]).permutation(len(names)):
        counts = pack.counts(groups[names[k]])
        if all(taken[label] + n <= min(wanted[label], total[label] - 1) for label, n in counts.items()):
            chosen += groups[names[k]]
            taken += counts
    if not chosen:
        fits = [g for g in groups.values() if all(n < total[label] for label, n in pack.counts(g).items())]
        chosen = min(fits, key=len, default=[])
    return sorted(chosen)
