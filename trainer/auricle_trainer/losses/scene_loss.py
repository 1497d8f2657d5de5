"""What a window of streams is asked: which event this was, and that nothing else happened."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from auricle_shared.decision import clip_logits
from torch import Tensor

from auricle_trainer.batches.targets import Targets


def scene_loss(logits: Tensor, targets: Targets, background_weight: float, label_smoothing: float = 0.0) -> Tensor:
    """Mean over events plus weighted mean over background frames.

    Inside an event, its frames are pooled as the clip decision pools them and compared with its label; outside, every
    frame is compared with background. A softmax model has background as class 0; a sigmoid model has no such output,
    there background means: none of the classes.

    Args:
        logits: [B, frames, C].
        targets: of the same window, on the same device.
    """
    pooled = clip_logits(torch, logits[targets.stream], targets.counts)
    frames = logits[targets.background]
    if targets.multi_label:
        loss_events = F.binary_cross_entropy_with_logits(pooled, targets.labels, reduction="none").mean(-1)
        loss_frames = F.binary_cross_entropy_with_logits(frames, torch.zeros_like(frames), reduction="none").mean(-1)
    else:
        loss_events = F.cross_entropy(pooled, targets.labels, reduction="none", label_smoothing=label_smoothing)
        nothing = torch.zeros(len(frames), dtype=torch.long, device=frames.device)
        loss_frames = F.cross_entropy(frames, nothing, reduction="none")
    return _mean(loss_events) + background_weight * _mean(loss_frames)


def _mean(values: Tensor) -> Tensor:
    """The mean, and 0 for a window without any."""
    return values.sum() / max(1, values.numel())
