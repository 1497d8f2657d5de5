"""A training step as one CUDA graph: recorded once, then started by one launch instead of some hundred.

What is recorded is `loop.learn` itself, so the eager step stays the reference. A graph reads and writes the same
memory every time: each batch is copied into the tensors it was recorded with. Shapes must not change, so the events of
a window are filled up with rows that weigh nothing; the rare window with more events than rows is learned from eagerly.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor

from auricle_shared.errors import SettingsError

from .batches.batch import Batch
from .config import Config
from .loop import TrainingState, learn, prepare, train_step
from .monitor import SILENT, Monitor
from .strategies.single import Single

SPARE_SHARE, SPARE_ROWS = 0.25, 32
"""Rows beyond the events of the first window: as a share of them, and at least."""
WARM_UP_STEPS = 3
"""Eager steps before recording, for what libraries set up at first use."""

Step = Callable[[TrainingState, Batch, Config, Monitor, float], Tensor]


def step_of(config: Config, device: torch.device, strategy: Single) -> Step:
    """How this run learns from a batch.

    Raises:
        SettingsError: a graph that would hold several processes or devices.
    """
    if not config.training.graph or device.type != "cuda":
        return train_step
    if strategy.name != "single":
        raise SettingsError(
            f"training.graph records the steps of one process on one GPU, not of --strategy {strategy.name}: add "
            "--set training.graph=false."
        )
    return GraphedStep()


def filled(batch: Batch, rows: int) -> Batch:
    """The batch with `rows` events, of which some weigh nothing."""
    return Batch(batch.number, batch.audio, batch.reset, batch.targets.filled(rows))


class GraphedStep:
    """Drop-in for `loop.train_step` on one GPU; eager for good where the step cannot be recorded."""

    def __init__(self) -> None:
        self._seen = self._rows = 0
        self._fails = False
        self._graph: torch.cuda.CUDAGraph | None = None
        self._batch: Batch | None = None
        self._loss: Tensor | None = None

    def __call__(
        self, state: TrainingState, batch: Batch, config: Config, monitor: Monitor = SILENT, share_done: float = 0.0
    ) -> Tensor:
        events = len(batch.targets.stream)
        self._seen += 1
        if self._seen <= WARM_UP_STEPS or self._fails or (self._graph is not None and events > self._rows):
            return train_step(state, batch, config, monitor, share_done)
        prepare(state, config)
        if self._graph is None:
            self._rows = events + max(SPARE_ROWS, round(SPARE_SHARE * events))
            try:
                self._record(state, filled(batch, self._rows), config)
            except RuntimeError as error:
                self._fails = True
                warnings.warn(f"no CUDA graph of the step ({error}); it goes on eagerly", stacklevel=2)
                return train_step(state, batch, config, monitor, share_done)
        else:
            self._take(filled(batch, self._rows))
        assert self._graph is not None and self._loss is not None
        self._graph.replay()
        state.step += 1
        monitor.mark("graph")
        return self._loss.clone()

    def _record(self, state: TrainingState, batch: Batch, config: Config) -> None:
        """Recording runs nothing: weights, bank and generator are as before."""
        self._batch, graph = batch, torch.cuda.CUDAGraph()
        graph.register_generator_state(state.generator)
        state.optimizer.zero_grad(set_to_none=True)  # the graph's gradients live in its own memory
        # The loader's thread pins memory meanwhile, which has nothing to do with what is recorded.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            self._loss = learn(state, batch, config, SILENT, 0.0)
        self._graph = graph

    def _take(self, batch: Batch) -> None:
        assert self._batch is not None
        for mine, new in zip(self._batch.tensors(), batch.tensors(), strict=True):
            mine.copy_(new, non_blocking=True)
