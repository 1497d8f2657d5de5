"""What coarser numbers gain: a training step in float32, with TF32 in cuDNN's kernels (torch's default), in bfloat16.

The spectrogram is float32 in all of them: torch multiplies matrices in TF32 only where it is told to, and nothing does.
"""

from __future__ import annotations

from typing import Any

import torch

from auricle_trainer.batches.workers import MixedWindows
from auricle_trainer.loop import train_step
from auricle_trainer.throughput.setup import Setup

from .timing import median_seconds


def compare(setup: Setup, batch: int) -> list[dict[str, Any]]:
    """Milliseconds a step and the first step's loss, from the same weights on the same windows."""
    ways = [("float32", "", False), ("bfloat16", "bfloat16", True)]
    if setup.device.type == "cuda":
        ways.insert(1, ("TF32", "", True))
    return [_step(setup, batch, *way) for way in ways]


def _step(setup: Setup, batch: int, name: str, autocast: str, tf32: bool) -> dict[str, Any]:
    changed = setup.with_training(streams=batch, workers=0, graph=False, autocast=autocast)
    plan = changed.plan()
    torch.manual_seed(setup.seed)
    state, window = changed.state(plan), MixedWindows(plan)[0].to(setup.device)
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=tf32):
        loss = float(train_step(state, window, changed.config))
        seconds = median_seconds(lambda: train_step(state, window, changed.config), setup.device)
    return {"precision": name, "batch": batch, "ms": 1000 * seconds, "loss": loss}
