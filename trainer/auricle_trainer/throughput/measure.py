"""Running one row for some seconds and writing down what it took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

from auricle_trainer.gauges import Gauges
from auricle_trainer.monitor import StepClock

LEAST_STEPS = 3
SYNC_EVERY = 16
"""Steps after which a GPU is waited for, so that the host cannot run ahead without end."""

Steps = Callable[[StepClock], Iterator[int]]


@dataclass(frozen=True)
class Row:
    """One line of the table before it is measured."""

    name: str
    steps: Steps
    """makes what does a step a turn and yields its clips"""
    batch: int
    workers: int = 0
    scenes: bool = False
    """whether it trains on windows of running streams"""
    path: str = ""
    """what `--write` may propose: 'workers', 'graph'; empty: nothing"""
    strategy: str = ""
    """of several processes or devices; empty: one"""


@dataclass(frozen=True)
class Measured:
    name: str
    batch: int
    workers: int
    clips_per_second: float
    epoch_seconds: float
    phase_shares: dict[str, float]
    """of a step's time"""
    gauges: dict[str, float] = field(default_factory=dict)
    idle_share: float = 0.0
    """of the time the training process computed nothing: waiting for workers, for a disk, for the host"""
    note: str = ""
    ratio_to_naive: float = 0.0
    path: str = ""
    strategy: str = ""
    ratio_to_single: float = 0.0
    """of a strategy's row: clips a second, over one process with the same global batch"""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def measure(row: Row, device: torch.device, seconds: float, epoch_clips: float) -> Measured:
    """Run the row's steps for `seconds` after a warm-up that also empties what workers had ready."""
    clock = StepClock(device)
    steps = row.steps(clock)
    try:
        for _ in range(2 + 4 * row.workers):
            next(steps)
            clock.after_step(0)
        wait(device)
        clock.take()
        clock.pause()
        gauges, begun, busy = Gauges(gpu_of(device)), time.perf_counter(), time.process_time()
        clips = count = 0
        while count < LEAST_STEPS or time.perf_counter() - begun < seconds:
            clips += next(steps)
            count += 1
            clock.after_step(count)
            if count % SYNC_EVERY == 0:
                wait(device)
        wait(device)
        elapsed, busy = time.perf_counter() - begun, time.process_time() - busy
    finally:
        steps.close()  # type: ignore[attr-defined]
    phases = clock.take()
    whole = sum(phases.values())
    figures = gauges.read()
    gauges.close()
    idle = 1 - busy / elapsed / torch.get_num_threads()
    if "gpu/busy_percent" in figures:
        idle = 1 - figures["gpu/busy_percent"] / 100
    return Measured(
        row.name,
        row.batch,
        row.workers,
        clips / elapsed,
        epoch_clips * elapsed / clips,
        {phase: value / whole for phase, value in phases.items()},
        figures,
        max(0.0, idle),
        path=row.path,
        strategy=row.strategy,
    )


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def gpu_of(device: torch.device) -> int | None:
    return (device.index or 0) if device.type == "cuda" else None
