"""The GRU's kernels: do two ways to its gradient agree, and how does its time grow with units and batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from auricle_trainer.models.recurrence import train_gru

from .timing import median_seconds

INPUTS = 40
MOST_ERROR = 1e-4
"""Between two float32 gradients of a hundred frames, relative to the largest"""


def gradients(device: torch.device, way: str, hidden: int, batch: int, frames: int) -> list[Tensor]:
    """Of all weights, for the same seeded weights, inputs and loss.

    Args:
        way: 'cudnn', 'native' (torch's own kernels, step by step), 'own' (`models/recurrence.py`, on a CPU).
    """
    torch.manual_seed(0)
    layer = nn.GRU(INPUTS, hidden, batch_first=True)
    x, first = torch.randn(batch, frames, INPUTS), torch.randn(1, batch, hidden) * 0.1
    layer, x, first = layer.to(device), x.to(device), first.to(device)
    with torch.backends.cudnn.flags(enabled=way == "cudnn", allow_tf32=False):
        y, _ = train_gru(layer, x, first) if way == "own" else layer(x, first)
        y.square().mean().backward()
    return [p.grad.double().cpu() for p in layer.parameters() if p.grad is not None]


def gradient_checks(device: torch.device, hidden: Sequence[int], batch: int, frames: int) -> dict[str, Any]:
    """The same check for every number of units, whose kernels may differ."""
    fast = "cudnn" if device.type == "cuda" else "own"
    errors = {units: gradient_error(device, fast, units, batch, frames) for units in hidden}
    return {
        "ways": [fast, "native"],
        "batch": batch,
        "frames": frames,
        "relative_error": errors,
        "most": MOST_ERROR,
        "agree": max(errors.values()) <= MOST_ERROR,
    }


def gradient_error(device: torch.device, way: str, hidden: int, batch: int, frames: int) -> float:
    """Largest difference to the native gradient, relative to the largest gradient of each weight."""
    pairs = zip(*(gradients(device, w, hidden, batch, frames) for w in (way, "native")), strict=True)
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)


def times(device: torch.device, hidden: Sequence[int], batches: Sequence[int], frames: int) -> list[dict[str, Any]]:
    """Milliseconds forward and backward for every number of units and every batch."""
    return [_time(device, units, batch, frames) for units in hidden for batch in batches]


def _time(device: torch.device, hidden: int, batch: int, frames: int) -> dict[str, Any]:
    layer = nn.GRU(INPUTS, hidden, batch_first=True).to(device)
    x = torch.randn(batch, frames, INPUTS, device=device)
    first = torch.zeros(1, batch, hidden, device=device)

    def forward() -> Tensor:
        y, _ = train_gru(layer, x, first) if device.type == "cpu" else layer(x, first)
        return y

    def both() -> None:
        layer.zero_grad(set_to_none=True)
        forward().sum().backward()

    ahead = median_seconds(forward, device)
    whole = median_seconds(both, device)
    return {
        "hidden": hidden,
        "batch": batch,
        "forward_ms": 1000 * ahead,
        "backward_ms": 1000 * max(0.0, whole - ahead),
        "microseconds_a_clip": 1e6 * whole / batch,
    }
