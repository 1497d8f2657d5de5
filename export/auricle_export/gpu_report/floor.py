"""The arithmetic floor: how long the multiplications alone would take at the speed of this device's matrix product."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from auricle_shared.spectrogram import constants
from auricle_trainer.checkpoint import make_classifier
from auricle_trainer.config import Config

from .timing import median_seconds

PASSES = 3
"""Forward, and backward with respect to inputs and to weights."""


def operations_a_frame(config: Config, classes: int) -> dict[str, int]:
    """Floating-point operations a frame of training: of the features, and of GRU and linear layers."""
    values = constants(config.spectrogram)
    matrices = [values.cosines, values.sines, *([] if values.mel is None else [values.mel])]
    network = make_classifier(config, classes).network
    layers = [p.numel() for m in network.modules() if isinstance(m, nn.GRU | nn.Linear) for p in m.parameters()]
    return {"features": sum(2 * m.size for m in matrices), "network": PASSES * 2 * sum(layers)}


def matmul_speed(device: torch.device, size: int) -> float:
    """Float32 operations a second of a square matrix product."""
    a, b = torch.randn(2, size, size, device=device).unbind(0)
    return 2 * size**3 / median_seconds(lambda: a @ b, device)


def floor(config: Config, classes: int, device: torch.device, size: int) -> dict[str, Any]:
    """Seconds a clip (one window of one stream) that no program can go below on this device in float32."""
    frames = config.window_samples // config.spectrogram.hop_samples
    operations, speed = operations_a_frame(config, classes), matmul_speed(device, size)
    return {
        "matmul_gflops": speed / 1e9,
        "operations_a_clip": {name: frames * count for name, count in operations.items()},
        "seconds_a_clip": frames * sum(operations.values()) / speed,
    }
