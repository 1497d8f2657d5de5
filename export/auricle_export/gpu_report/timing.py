"""Time of a piece of work on a device."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

REPEATS = 7


def median_seconds(work: Callable[[], object], device: torch.device, repeats: int = REPEATS) -> float:
    """Median of some runs after one that warms up; on a GPU until it is done."""
    taken = []
    for _ in range(repeats + 1):
        wait(device)
        begun = time.perf_counter()
        work()
        wait(device)
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken[1:])


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
