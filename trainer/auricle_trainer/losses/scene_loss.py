"""What a window of streams is asked: which event this was, and that nothing else happened."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from auricle_shared.decision import clip_logits
from auricle_trainer.batches.targets import Targets
from auricle_trainer.config import LossSettings


def scene_loss(logits: Tensor, targets: Targets, settings: LossSettings) -> Tensor:
    """Mean over events plus weighted means over their frames and over background frames.

    Inside an event, its frames are pooled as the clip decision pools them and compared with its label; inside and soon
    after it, no single frame may say another class; outside, every frame is compared with background. A softmax model
    has background as class 0; a sigmoid model has no such output, there background means: none of the classes.

    Args:
        logits: [B, frames, C].
        targets: of the same window, on the same device.
    """
    inside = logits[targets.stream]
    pooled = clip_logits(torch, inside, targets.counts)
    loss = _mean(_against(pooled, targets.labels, targets.multi_label, settings.label_smoothing))
    if settings.frame_weight:
        near = targets.allowed.any(-1)
        wrong = _something_else(logits[near], targets.allowed[near], targets.multi_label)
        loss = loss + settings.frame_weight * _mean(wrong)
    outside = logits[targets.background]
    if targets.multi_label:
        nothing = torch.zeros_like(outside)
    else:
        nothing = torch.zeros(len(outside), dtype=torch.long, device=outside.device)
    return loss + settings.background_weight * _mean(_against(outside, nothing, targets.multi_label))


def _something_else(logits: Tensor, allowed: Tensor, multi_label: bool) -> Tensor:
    """-log of the probability of saying nothing wrong: what is allowed or background (softmax), nothing else (sigmoid).

    Early in an event nobody can know what it will be; saying so is right, saying another class is not.
    """
    if multi_label:
        return (F.softplus(logits) * ~allowed).mean(-1)
    right = allowed.clone()
    right[:, 0] = True
    return logits.logsumexp(-1) - logits.masked_fill(~right, -torch.inf).logsumexp(-1)


def _against(logits: Tensor, labels: Tensor, multi_label: bool, label_smoothing: float = 0.0) -> Tensor:
    """Loss of each row: labels are classes (int64), shares of classes, or 0 and 1 for every class (float32)."""
    if multi_label:
        return F.binary_cross_entropy_with_logits(logits, labels, reduction="none").mean(-1)
    return F.cross_entropy(logits, labels, reduction="none", label_smoothing=label_smoothing)


def _mean(values: Tensor) -> Tensor:
    """The mean, and 0 for a window without any."""
    return values.sum() / max(1, values.numel())
