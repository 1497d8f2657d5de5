"""nn.DataParallel over all GPUs of this machine against one of them: the same global batch, forward and backward."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from auricle_trainer.checkpoint import make_classifier
from auricle_trainer.config import Config

from .timing import median_seconds


class Logits(nn.Module):
    """What DataParallel can gather: logits alone."""

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, audio: Tensor, state: Tensor) -> Tensor:
        logits: Tensor = self.classifier(audio, state).logits
        return logits


def compare(config: Config, device: torch.device, batch: int) -> dict[str, Any]:
    """Milliseconds a step on one device and on all, and the largest relative difference of a gradient.

    Without a GPU torch's DataParallel hands the batch through unchanged; with one it has nobody to share with.
    """
    torch.manual_seed(0)
    classifier = make_classifier(config, 10).to(device).train()
    audio = torch.randn(batch, config.window_samples, device=device) * 0.1
    state, network = classifier.zero_state(batch), Logits(classifier)
    parallel = nn.DataParallel(network)

    def step(model: nn.Module) -> None:
        network.zero_grad(set_to_none=True)
        model(audio, state).square().mean().backward()

    step(network)
    alone = [p.grad.clone() for p in network.parameters() if p.grad is not None]
    step(parallel)
    together = [p.grad.clone() for p in network.parameters() if p.grad is not None]
    error = max(
        float((a - b).abs().max() / a.abs().max().clamp(min=1e-12)) for a, b in zip(alone, together, strict=True)
    )
    return {
        "gpus": torch.cuda.device_count() if device.type == "cuda" else 0,
        "batch": batch,
        "one_ms": 1000 * median_seconds(lambda: step(network), device),
        "all_ms": 1000 * median_seconds(lambda: step(parallel), device),
        "relative_error": error,
    }
