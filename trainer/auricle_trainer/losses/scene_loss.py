"""What a window of streams is asked: which event this was, and that nothing else happened."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from auricle_shared.decision import clip_logits
from auricle_trainer.batches.targets import Targets
from auricle_trainer.config import LossSettings


def scene_loss(
    logits: Tensor, targets: Targets, settings: LossSettings, total: Callable[[Tensor], Tensor] = lambda count: count
) -> Tensor:
    """Mean over events plus weighted means over their frames and over background frames.

    Inside an event, its frames are pooled as the clip decision pools them (which leaves out the first of them) and
    compared with its label; inside and soon after it, no single frame may say another class; outside, every frame is
    compared with background. A softmax model has background as class 0; a sigmoid model has no such output, there
    background means: none of the classes.

    Args:
        logits: [B, frames, C].
        targets: of the same window, on the same device.
        total: by what a sum over this batch is divided, from its own count; several processes divide by all counts.
    """
    pooled = clip_logits(torch, logits[targets.stream], targets.counts)
    against = _against(pooled, targets.labels, targets.multi_label, settings.label_smoothing)
    loss = _mean(against, targets.weights, total)
    if settings.frame_weight:
        wrong = _something_else(logits, targets.allowed, targets.multi_label)
        loss = loss + settings.frame_weight * _mean(wrong, targets.allowed.any(-1), total)
    outside = _nothing_said(logits, targets.multi_label)
    return loss + settings.background_weight * _mean(outside, targets.background, total)


def _something_else(logits: Tensor, allowed: Tensor, multi_label: bool) -> Tensor:
    """-log of the probability of saying nothing wrong: what is allowed or background (softmax), nothing else (sigmoid).

    Early in an event nobody can know what it will be; saying so is right, saying another class is not.
    """
    if multi_label:
        return (F.softplus(logits) * ~allowed).mean(-1)
    wrong = ~allowed
    wrong[..., 0] = False
    return logits.logsumexp(-1) - logits.masked_fill(wrong, -torch.inf).logsumexp(-1)


def _nothing_said(logits: Tensor, multi_label: bool) -> Tensor:
    """-log of the probability of background; with several labels at once the mean over all that are not said."""
    return F.softplus(logits).mean(-1) if multi_label else logits.logsumexp(-1) - logits[..., 0]


def _against(logits: Tensor, labels: Tensor, multi_label: bool, label_smoothing: float = 0.0) -> Tensor:
    """Loss of each row: labels are classes (int64), shares of classes, or 0 and 1 for every class (float32)."""
    if multi_label:
        return F.binary_cross_entropy_with_logits(logits, labels, reduction="none").mean(-1)
    return F.cross_entropy(logits, labels, reduction="none", label_smoothing=label_smoothing)


def _mean(values: Tensor, counted: Tensor, total: Callable[[Tensor], Tensor]) -> Tensor:
    """The mean over what is counted, 0 where nothing is; no shape depends on the data, so a GPU is never waited for."""
    count = total(counted.sum().to(values.dtype))
    return (values * counted).sum() / torch.where(count > 0, count, 1.0)
