"""Hogwild (Niu, Recht, Re, Wright, NIPS 2011): processes on one CPU change the same weights without a lock.

Each process has streams and AdamW moments of its own and steps at its own pace; the weights lie in memory that all of
them see. Nothing is repeated exactly: who writes first is left to the machine.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.multiprocessing as mp
from torch import Tensor

from auricle_shared.errors import AuricleError

from .single import Single

if TYPE_CHECKING:
    from auricle_trainer.batches.workers import WindowPlan
    from auricle_trainer.config import Config
    from auricle_trainer.loop import TrainingState
    from auricle_trainer.models.classifier import Classifier

JOIN_SECONDS = 60.0
"""For a step and what its loader has begun"""
LOOK_SECONDS = 0.5
"""How often a process that waits for another looks whether it still lives"""


@dataclass
class Shared:
    """What the processes see of each other."""

    model: Classifier
    sums: Tensor
    """float64 [P, 2]: every process's sum of losses and number of steps, since its start"""
    rows: dict[str, Tensor]
    """what a checkpoint keeps of every process, by name: [rows of all processes, ...]"""
    begun: Any
    """a semaphore: one more for each of the others that has made its first step, or has none to make"""
    stop: Any
    """an event: all end after their step"""


class Hogwild(Single):
    """The leading process; it starts the others.

    Args:
        processes: with this one.
    """

    name = "hogwild"

    def __init__(self, processes: int) -> None:
        self.processes = processes
        self._shared: Shared | None = None
        self._others: list[Any] = []
        self._counted = torch.zeros(2, dtype=torch.float64)

    def start(self, state: TrainingState, config: Config, plan: WindowPlan, steps: int, steps_per_epoch: int) -> None:
        state.model.share_memory()
        context = mp.get_context("spawn")
        rows = {
            name: part.new_zeros(plan.streams if name == "bank" else self.processes, *part.shape[1:]).share_memory_()
            for name, part in state.parts().items()
        }
        sums = torch.zeros(self.processes, 2, dtype=torch.float64).share_memory_()
        self._shared = Shared(state.model, sums, rows, context.Semaphore(0), context.Event())
        job = (config, plan, state.optimizer.state_dict(), state.step, steps, steps_per_epoch)
        for rank in range(1, self.processes):
            other = context.Process(target=_work, args=(rank, os.getpid(), self._shared, *job))
            other.start()
            self._others.append(other)
        # Starting takes seconds, in which a short training would be over with the others' part left out.
        for _ in self._others:
            while not self._shared.begun.acquire(timeout=LOOK_SECONDS):
                self.agreed(False)

    def mean(self, total: float, count: int) -> float:
        assert self._shared is not None
        self._shared.sums[0] += torch.tensor([total, count], dtype=torch.float64)
        sums = self._shared.sums.sum(0)
        since, self._counted = sums - self._counted, sums
        return float(since[0] / since[1])

    def steps_of_all(self) -> list[int]:
        """Steps that `mean` was told of by every process, in order of rank."""
        assert self._shared is not None
        return [int(count) for count in self._shared.sums[:, 1]]

    def agreed(self, stop: bool) -> bool:
        for other in self._others:
            if other.exitcode:
                raise AuricleError(
                    f"A Hogwild process ended with code {other.exitcode}; what it said is above. The last checkpoint "
                    "is whole: go on with --resume."
                )
        if stop and self._shared is not None:
            self._shared.stop.set()
        return stop

    def gathered(self, name: str, rows: Tensor) -> Tensor:
        if self._shared is None:
            return rows
        whole = self._shared.rows[name].clone()
        whole[: len(rows)] = rows
        return whole

    def close(self) -> None:
        """Wait for the others' last steps; whoever hangs is ended."""
        for other in self._others:
            other.join(JOIN_SECONDS)
            if other.is_alive():
                other.terminate()
                other.join()
        self._others = []


class HogwildWorker(Single):
    """One of the other processes."""

    name = "hogwild"

    def __init__(self, rank: int, parent: int, shared: Shared) -> None:
        self.rank, self.processes = rank, len(shared.sums)
        self.shared, self._parent = shared, parent
        self._waited_for = True

    def begun(self) -> None:
        """Let the leading process go on."""
        if self._waited_for:
            self._waited_for = False
            self.shared.begun.release()

    def mean(self, total: float, count: int) -> float:
        self.shared.sums[self.rank] += torch.tensor([total, count], dtype=torch.float64)
        return total / count

    def agreed(self, stop: bool) -> bool:
        return self.shared.stop.is_set() or os.getppid() != self._parent

    def after_step(self, state: TrainingState) -> None:
        for name, part in state.parts().items():
            rows = self.share(len(self.shared.rows[name]))
            self.shared.rows[name][rows.start : rows.stop] = part
        self.begun()


def _work(
    rank: int,
    parent: int,
    shared: Shared,
    config: Config,
    plan: WindowPlan,
    optimizer: dict[str, Any],
    step: int,
    steps: int,
    steps_per_epoch: int,
) -> None:
    """Train in another process, with its own share of the streams, from `step` to `steps`."""
    from auricle_trainer.batches.workers import batches
    from auricle_trainer.loop import TrainingState, new_optimizer, run

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the leading process decides when all end
    torch.set_num_threads(1)
    torch.manual_seed(plan.seed + rank)
    strategy = HogwildWorker(rank, parent, shared)
    own, cpu = plan.part(strategy.share(plan.streams)), torch.device("cpu")
    state = TrainingState(
        shared.model,
        None,
        new_optimizer(shared.model, config, cpu),
        shared.model.zero_state(own.streams),
        torch.Generator().manual_seed(plan.seed + rank),
        torch.zeros(()),
        strategy,
        step,
    )
    state.optimizer.load_state_dict(optimizer)
    windows = batches(own, range(step, steps), config.training.workers, cpu)
    run(state, windows, steps, steps_per_epoch, config, lambda epoch, figures: "", lambda: False)
    strategy.begun()
