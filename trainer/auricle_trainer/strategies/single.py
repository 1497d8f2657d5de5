"""One process on one device; the verbs that other strategies give a meaning."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from auricle_trainer.batches.workers import WindowPlan
    from auricle_trainer.config import Config
    from auricle_trainer.loop import TrainingState
    from auricle_trainer.models.classifier import Classifier


class Single:
    """Alone: every verb does nothing."""

    name = "single"
    rank = 0
    processes = 1

    @property
    def leads(self) -> bool:
        """Whether this process validates, writes and speaks."""
        return self.rank == 0

    def device(self, wanted: torch.device) -> torch.device:
        """Where this process computes, of the kind that was wanted."""
        return wanted

    def share(self, streams: int) -> range:
        """This process's streams of all; shares differ by one stream at most."""
        return share_of(streams, self.rank, self.processes)

    def prepared(self, model: Classifier) -> Classifier:
        """The model as it is trained, before an optimiser knows its weights."""
        return model

    def module(self, model: torch.nn.Module) -> Callable[..., Any]:
        """What a training step calls in place of the model."""
        return model

    def total(self, count: Tensor) -> Tensor:
        """By what a sum over this process's part of the batch is divided, for its loss's part of the mean gradient."""
        return count

    def mean(self, total: float, count: int) -> float:
        """The mean of what all processes summed up since the last call."""
        return total / count

    def agreed(self, stop: bool) -> bool:
        """Whether anyone wants to stop here; the same answer in all processes."""
        return stop

    def gathered(self, name: str, rows: Tensor) -> Tensor:
        """The rows of all processes, in order; every process asks at the same step."""
        return rows

    @contextmanager
    def leader_first(self) -> Iterator[None]:
        """The leading process does this before the others do it."""
        yield

    def start(self, state: TrainingState, config: Config, plan: WindowPlan, steps: int, steps_per_epoch: int) -> None:
        """Training begins.

        Args:
            plan: of all streams.
        """

    def after_step(self, state: TrainingState) -> None:
        """A step is complete."""

    def close(self) -> None:
        """Training is over, or was given up."""


def share_of(streams: int, rank: int, processes: int) -> range:
    small, larger = divmod(streams, processes)
    first = rank * small + min(rank, larger)
    return range(first, first + small + (rank < larger))
