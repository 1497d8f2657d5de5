"""The rows with more than one process: the same config and global batch, trained by every strategy of `auricle train`.

This process leads and is measured; a clip counts whichever process learned from it.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import torch
import torch.multiprocessing as mp

from auricle_shared.errors import AuricleError
from auricle_trainer.batches.workers import batches
from auricle_trainer.loop import train_step
from auricle_trainer.monitor import SILENT, Monitor, StepClock
from auricle_trainer.strategies.data_parallel import DataParallel, devices
from auricle_trainer.strategies.ddp import DDP, RENDEZVOUS
from auricle_trainer.strategies.hogwild import Hogwild
from auricle_trainer.strategies.single import Single, share_of
from auricle_trainer.train import new_state

from .measure import Row
from .setup import MANY_STEPS, Setup

CPU_PROCESSES = 2
START_SECONDS = 120.0
"""For the other processes to import torch and take their first step"""


def strategy_rows(setup: Setup, batch: int, workers: int) -> list[Row]:
    """DataParallel, DDP and Hogwild, each at the same global batch with `workers` a process; those this device can."""
    changed = setup.with_training(streams=batch, workers=workers, graph=False)
    cuda = setup.device.type == "cuda"
    processes = devices() if cuda else CPU_PROCESSES
    over = f"over {processes} GPU(s)" if cuda else "(does nothing on a CPU)"
    steps = partial(steps_with, changed, strategy=DataParallel())
    found = [Row(f"... DataParallel {over}", steps, batch, workers, True, strategy="data-parallel")]
    if processes > 1:
        steps = partial(ddp_steps, changed, processes=processes)
        found.append(Row(f"... DDP, {processes} processes", steps, batch, workers, True, strategy="ddp"))
    if not cuda:
        steps = partial(hogwild_steps, changed, processes=processes)
        found.append(Row(f"... Hogwild, {processes} processes", steps, batch, workers, True, strategy="hogwild"))
    return found


def steps_with(setup: Setup, clock: Monitor, strategy: Single) -> Iterator[int]:
    """Training in step with whoever shares the strategy, until one of them is closed; clips of all."""
    plan = setup.plan()
    device = strategy.device(setup.device)
    state = new_state(setup.config, plan, device, setup.seed, strategy)
    own = plan.part(strategy.share(plan.streams)) if strategy.processes > 1 else plan
    stop = False
    for batch in batches(own, range(MANY_STEPS), setup.config.training.workers, device):
        clock.mark("data")
        train_step(state, batch, setup.config, clock)
        try:
            yield plan.streams
        except GeneratorExit:
            stop = True
        if strategy.agreed(stop):
            return


def ddp_steps(setup: Setup, clock: StepClock, processes: int) -> Iterator[int]:
    """This process is the first of several that meet through a file and keep to the loopback."""
    with tempfile.TemporaryDirectory(prefix="auricle-") as folder, loopback():
        job = (str(Path(folder) / "meet"), processes, torch.get_num_threads(), setup)
        context = mp.get_context("spawn")
        others = [context.Process(target=_follow, args=(rank, *job), daemon=True) for rank in range(1, processes)]
        for other in others:
            other.start()
        strategy = _ddp(0, *job[:2], setup)
        steps = steps_with(setup, clock, strategy)
        try:
            yield from steps
        finally:
            steps.close()  # type: ignore[attr-defined]
            for other in others:
                other.join(START_SECONDS)
            strategy.close()


def _ddp(rank: int, meet: str, processes: int, setup: Setup) -> DDP:
    place = {RENDEZVOUS: meet, "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(processes)}
    return DDP(place, setup.device.type == "cuda")


def _follow(rank: int, meet: str, processes: int, threads: int, setup: Setup) -> None:
    torch.set_num_threads(threads)
    strategy = _ddp(rank, meet, processes, setup)
    for _ in steps_with(setup, SILENT, strategy):
        pass
    strategy.close()


@contextmanager
def loopback() -> Iterator[None]:
    """gloo listens on no other interface."""
    before = os.environ.get("GLOO_SOCKET_IFNAME")
    os.environ["GLOO_SOCKET_IFNAME"] = before or "lo"
    try:
        yield
    finally:
        if before is None:
            del os.environ["GLOO_SOCKET_IFNAME"]


def hogwild_steps(setup: Setup, clock: StepClock, processes: int) -> Iterator[int]:
    """This process's clips, and those that the others have learned from meanwhile."""
    plan, strategy = setup.plan(), Hogwild(processes)
    state = new_state(setup.config, plan, setup.device, setup.seed, strategy)
    shares = [len(share_of(plan.streams, rank, processes)) for rank in range(processes)]
    try:
        strategy.start(state, setup.config, plan, MANY_STEPS, 1)
        wait_for_all(strategy)
        told = strategy.steps_of_all()
        for batch in batches(plan.part(strategy.share(plan.streams)), range(MANY_STEPS), 0, setup.device):
            clock.mark("data")
            loss = train_step(state, batch, setup.config, clock)
            strategy.mean(float(loss), 1)
            before, told = told, strategy.steps_of_all()
            yield sum(share * (now - then) for share, now, then in zip(shares, told, before, strict=True))
    finally:
        strategy.agreed(True)
        strategy.close()


def wait_for_all(strategy: Hogwild) -> None:
    """Until every other process has taken a step."""
    until = time.monotonic() + START_SECONDS
    while not all(strategy.steps_of_all()[1:]):
        strategy.agreed(False)  # says so if one of them has failed
        if time.monotonic() > until:
            raise AuricleError(f"A Hogwild process took no step in {START_SECONDS:g} s; wanted: one. Is memory full?")
        time.sleep(0.05)
