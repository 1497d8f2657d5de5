"""The best trials again with other seeds: one lucky draw does not win."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from .processes import side_by_side
from .worker import Stopped, Work, aim_of, train_once

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


@dataclass(frozen=True)
class Finalist:
    trial: int
    changes: tuple[str, ...]
    values: tuple[float, ...]
    """of the best epoch, one a seed; the trial's own first"""
    cost: float | None = None

    @property
    def mean(self) -> float:
        return statistics.fmean(self.values)

    @property
    def deviation(self) -> float:
        return statistics.stdev(self.values) if len(self.values) > 1 else 0.0


@dataclass(frozen=True)
class Again:
    spec: Work
    runs: tuple[tuple[tuple[str, ...], int, Path], ...]
    """changes, seed and folder of each"""


def finalists(spec: Work, best: Sequence[FrozenTrial], seeds: int, workers: int) -> list[Finalist]:
    """The given trials over `seeds` seeds each, best mean first.

    Raises:
        Stopped: asked to end; what is trained is kept.
    """
    numbers = range(spec.memory.seed + 1, spec.memory.seed + seeds)
    folders = {t.number: [spec.out / "seeds" / f"{t.number:04d}-{seed}" for seed in numbers] for t in best}
    runs = [
        (tuple(t.user_attrs["changes"]), seed, folder)
        for t in best
        for seed, folder in zip(numbers, folders[t.number], strict=True)
    ]
    shares = [tuple(runs[k::workers]) for k in range(workers) if runs[k::workers]]
    if shares:
        side_by_side(train_share, [Again(replace(spec, worker=k), share) for k, share in enumerate(shares)])
    found = [
        Finalist(
            t.number,
            tuple(t.user_attrs["changes"]),
            (t.values[0], *map(aim_of, folders[t.number])),
            t.values[1] if len(t.values) > 1 else None,
        )
        for t in best
    ]
    return sorted(found, key=lambda f: f.mean, reverse=True)


def train_share(share: Again) -> None:
    for changes, seed, folder in share.runs:
        if not train_once(share.spec, changes, seed, folder, []):
            raise Stopped
