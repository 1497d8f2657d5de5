"""DistributedDataParallel: several processes with streams of their own, and one gradient.

    auricle train conv_gru --data PACK --run RUN --strategy ddp --processes 2        on this machine
    torchrun --standalone --nproc-per-node 4 --max-restarts 3 -m auricle_shared.command -- train ...
    torchrun --nnodes 2 --nproc-per-node 8 --rdzv-backend c10d --rdzv-endpoint HOST:29400 -m ...      many machines
        (with --max-restarts: TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 in the environment, so that every start meets anew)

The loss is a mean over what the whole batch holds, so every process divides by the counts of all: the gradient is that
of one process with all the streams. Two things know their own process's streams only: batch normalisation on a CPU (on
GPUs it is synchronised), and the triplets of an embedding.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from auricle_shared.errors import SettingsError

from .single import Single

if TYPE_CHECKING:
    from auricle_trainer.models.classifier import Classifier

RENDEZVOUS, LAUNCHER = "AURICLE_RENDEZVOUS", "AURICLE_LAUNCHER"
"""Set by our own launcher: the file through which the processes meet, and the process that waits for them"""
PATIENCE_SECONDS = 2 * 3600.0
"""For the leading process, which validates and calibrates while the others wait; the dead are found by the launcher"""
STEPS_A_QUESTION = 16
"""On GPUs, from one question whether to stop to the next"""


class DDP(Single):
    """One of the processes that torchrun, or `launch`, started.

    Args:
        environment: RANK, WORLD_SIZE and LOCAL_RANK in it say which.
        cuda: whether the processes compute on GPUs, and so speak through NCCL.
    """

    name = "ddp"

    def __init__(self, environment: Mapping[str, str], cuda: bool) -> None:
        self.rank, self.processes = int(environment["RANK"]), int(environment["WORLD_SIZE"])
        self._local = int(environment["LOCAL_RANK"])
        self._launcher = int(environment.get(LAUNCHER, 0))
        self._cuda, self._asked = cuda, 0
        if cuda:
            check_gpu(self._local, torch.cuda.device_count())
            torch.cuda.set_device(self._local)
        store = _meeting_place(environment, self.rank, self.processes)
        patience = timedelta(seconds=PATIENCE_SECONDS)
        dist.init_process_group(
            "nccl" if cuda else "gloo", timeout=patience, store=store, rank=self.rank, world_size=self.processes
        )

    def device(self, wanted: torch.device) -> torch.device:
        return torch.device("cuda", self._local) if self._cuda else wanted

    def prepared(self, model: Classifier) -> Classifier:
        converted: Classifier = nn.SyncBatchNorm.convert_sync_batchnorm(model) if self._cuda else model
        return converted

    def module(self, model: nn.Module) -> Callable[..., Any]:
        devices = [self._local] if self._cuda else None
        return nn.parallel.DistributedDataParallel(model, device_ids=devices)

    def total(self, count: Tensor) -> Tensor:
        # DDP averages the gradients of the processes: a count shared evenly turns that into the mean over everything.
        everywhere = count.detach().clone()
        dist.all_reduce(everywhere)
        return everywhere / self.processes

    def mean(self, total: float, count: int) -> float:
        sums = self._tensor([total, count])
        dist.all_reduce(sums)
        return float(sums[0] / sums[1])

    def agreed(self, stop: bool) -> bool:
        self._asked += 1
        if self._cuda and self._asked % STEPS_A_QUESTION:
            return False  # the answer would be waited for, and the GPU would run dry at every step
        orphaned = self._launcher and os.getppid() != self._launcher
        wanted = self._tensor([float(stop or orphaned)])
        dist.all_reduce(wanted, dist.ReduceOp.MAX)
        return bool(wanted.item())

    def gathered(self, name: str, rows: Tensor) -> Tensor:
        found: list[Any] = [None] * self.processes
        dist.all_gather_object(found, rows.cpu())
        return torch.cat(found)

    @contextmanager
    def leader_first(self) -> Iterator[None]:
        if not self.leads:
            self._wait()
        yield
        if self.leads:
            self._wait()

    def _wait(self) -> None:
        dist.all_reduce(self._tensor([0.0]))

    def _tensor(self, values: list[float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float64, device=self.device(torch.device("cpu")))

    def close(self) -> None:
        if dist.is_initialized():
            dist.destroy_process_group()


def check_gpu(local: int, gpus: int) -> None:
    """Raises SettingsError: this machine has no GPU of that number."""
    if local >= gpus:
        raise SettingsError(
            f"Process {local + 1} of this machine has no GPU: {gpus} here. Start at most {gpus} processes, or add "
            "--device cpu."
        )


def _meeting_place(environment: Mapping[str, str], rank: int, processes: int) -> dist.Store:
    """Where the processes find each other's addresses.

    torchrun keeps one store through all restarts, and a process that was started again could take the address of one
    that died for that of its successor: every start gets keys of its own. Several machines need not count alike.
    """
    meet = environment.get(RENDEZVOUS)
    if meet:
        return dist.FileStore(meet, processes)
    store, _, _ = next(dist.rendezvous("env://", rank, processes))
    start = environment.get("TORCHELASTIC_RESTART_COUNT", "0") if environment.get("GROUP_WORLD_SIZE") == "1" else "0"
    return dist.PrefixStore(f"start {start}", store)
