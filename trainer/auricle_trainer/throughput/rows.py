"""The rows: each one thing faster than the one before it. Their order is the recipe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import torch

from auricle_shared.errors import SettingsError
from auricle_trainer.batches.workers import MixedWindows, batches
from auricle_trainer.graph import step_of
from auricle_trainer.loop import train_step
from auricle_trainer.models.arrays import TorchArrays
from auricle_trainer.monitor import StepClock
from auricle_trainer.strategies.single import Single

from .measure import Row
from .naive import PlainArrays, batched_steps, naive_steps
from .setup import MANY_STEPS, NAIVE_BATCH, Setup

CPU_BATCHES = (32, 64, 128)
GPU_BATCHES = (64, 512, 2048, 8192)


def scene_steps(setup: Setup, clock: StepClock) -> Iterator[int]:
    """Training as `auricle train` does it: mixing, augmentation, features, carried state, moving average."""
    plan = setup.plan()
    state, step = setup.state(plan), step_of(setup.config, setup.device, Single())
    for batch in batches(plan, range(MANY_STEPS), setup.config.training.workers, setup.device):
        clock.mark("data")
        step(state, batch, setup.config, clock, 0.0)
        yield plan.streams


def waiting_steps(setup: Setup, clock: StepClock) -> Iterator[int]:
    """The same on a GPU before anything is hidden: mixed by the host, copied from pageable memory, waited for."""
    plan = setup.plan()
    state, windows = setup.state(plan), MixedWindows(plan)
    for number in range(MANY_STEPS):
        batch = windows[number].to(setup.device)
        clock.mark("data")
        train_step(state, batch, setup.config, clock).item()
        yield plan.streams


def naive_rows(setup: Setup, workers: int, files: Sequence[Path]) -> list[Row]:
    """What the others are compared with comes first."""
    clips = partial(naive_steps, setup)
    found = [Row("librosa for each clip", clips, NAIVE_BATCH)]
    if files:
        found.append(Row("... and decoding WAV files", partial(clips, files=files), NAIVE_BATCH))
    if workers:
        found.append(Row("librosa in workers", partial(clips, workers=workers), NAIVE_BATCH, workers))
    found.append(Row("features of a batch at once", partial(batched_steps, setup, arrays=PlainArrays), NAIVE_BATCH))
    if setup.device.type == "cpu":
        recurrence = partial(batched_steps, setup, arrays=TorchArrays)
        found.append(Row("... and the GRU's own backward", recurrence, NAIVE_BATCH))
    return found


def scene_rows(setup: Setup, workers: int, batch_sizes: Sequence[int]) -> list[Row]:
    """Scenes with all augmentation, then workers, larger batches, and on a GPU the graph."""
    first = batch_sizes[0]

    def row(name: str, batch: int, own: int, graph: bool = False) -> Row:
        changed = setup.with_training(streams=batch, workers=own, graph=graph)
        return Row(name, partial(scene_steps, changed), batch, own, True, "graph" if graph else "workers")

    if setup.device.type == "cpu":
        found = [row("scenes, all augmentation", batch, 0) for batch in batch_sizes]
        return found + [row("... mixed by workers", batch, workers) for batch in batch_sizes if workers]
    host = setup.with_training(streams=first, workers=0)
    found = [Row("scenes mixed by the host", partial(waiting_steps, host), first, 0, True)]
    found += [row("scenes mixed on the GPU, one ahead", first, 0), row("... planned by workers", first, workers)]
    found += [row("... larger batch", batch, workers) for batch in batch_sizes[1:]]
    return found + [row("... as one CUDA graph", batch, workers, graph=True) for batch in batch_sizes]


def batch_sizes(text: str, device: torch.device) -> list[int]:
    """'32,64' as numbers; without any, what suits the device."""
    if not text:
        return list(GPU_BATCHES if device.type == "cuda" else CPU_BATCHES)
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or min(found) < 1:
        raise SettingsError(f"--batches is {text!r}; wanted whole numbers from 1, as in 32,64,128.")
    return found
