"""The loss again, the slow way: event by event, frame by frame, in float64."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from auricle_trainer.batches.targets import Targets
from auricle_trainer.config import LossSettings
from auricle_trainer.losses.scene_loss import scene_loss

STREAMS, FRAMES, CLASSES = 3, 20, 4


def targets(events: int, background: bool, several: bool) -> Targets:
    rng = torch.Generator().manual_seed(events)
    counts = torch.zeros(events, FRAMES)
    for row in counts:
        first, length = (int(torch.randint(1, 10, (1,), generator=rng)) for _ in range(2))
        row[first : first + length] = 1
    if several:
        labels = torch.randint(0, 2, (events, CLASSES), generator=rng).float()
    else:
        labels = torch.randint(0, CLASSES, (events,), generator=rng)
    outside = torch.rand(STREAMS, FRAMES, generator=rng) < (0.4 if background else 0.0)
    allowed = torch.rand(STREAMS, FRAMES, CLASSES, generator=rng) < (0.2 if events else 0.0)
    return Targets(torch.randint(0, STREAMS, (events,), generator=rng), counts, labels, outside, allowed, several)


def against(logits: list[float], label: float | list[float], smoothing: float = 0.0) -> float:
    """Cross entropy with one class, or the mean binary cross entropy with every class."""
    if isinstance(label, list):
        each = [math.log1p(math.exp(-x)) if y else math.log1p(math.exp(x)) for x, y in zip(logits, label, strict=True)]
        return sum(each) / len(each)
    log_total = math.log(sum(math.exp(x) for x in logits))
    wanted = [(1 - smoothing) * (c == label) + smoothing / len(logits) for c in range(len(logits))]
    return sum(w * (log_total - x) for w, x in zip(wanted, logits, strict=True))


def something_else(logits: list[float], allowed: list[bool], several: bool) -> float:
    """-log of the share of what is right to say: an allowed class or background; or, of several, all but the others."""
    if several:
        return sum(math.log1p(math.exp(x)) for x, may in zip(logits, allowed, strict=True) if not may) / len(allowed)
    right = sum(math.exp(x) for c, (x, may) in enumerate(zip(logits, allowed, strict=True)) if may or c == 0)
    return -math.log(right / sum(math.exp(x) for x in logits))


def slow(logits: Tensor, t: Targets, settings: LossSettings) -> float:
    x = logits.double().tolist()
    pooled, frames, outside = [], [], []
    for stream, counts, label in zip(t.stream.tolist(), t.counts.tolist(), t.labels.tolist(), strict=True):
        inside = [x[stream][f] for f in range(FRAMES) if counts[f]]
        score = [math.log(sum(math.exp(v[c]) for v in inside) / len(inside)) for c in range(CLASSES)]
        pooled.append(against(score, label, 0.0 if t.multi_label else settings.label_smoothing))
    nothing: float | list[float] = [0.0] * CLASSES if t.multi_label else 0
    for stream in range(STREAMS):
        outside += [against(x[stream][f], nothing) for f in range(FRAMES) if t.background[stream, f]]
        may = t.allowed[stream].tolist()
        frames += [something_else(x[stream][f], may[f], t.multi_label) for f in range(FRAMES) if any(may[f])]

    def mean(values: list[float]) -> float:
        return sum(values) / len(values) if values else 0.0

    return mean(pooled) + settings.frame_weight * mean(frames) + settings.background_weight * mean(outside)


@pytest.mark.parametrize("several", [False, True], ids=["softmax", "sigmoid"])
@pytest.mark.parametrize(("events", "background"), [(5, True), (1, True), (0, True), (5, False), (0, False)])
@pytest.mark.parametrize(
    "settings",
    [LossSettings(), LossSettings(background_weight=0.3, frame_weight=0.7), LossSettings(label_smoothing=0.1)],
    ids=["default", "weights", "smoothing"],
)
def test_the_loss_equals_a_slow_count(several: bool, events: int, background: bool, settings: LossSettings) -> None:
    logits = 3 * torch.randn(STREAMS, FRAMES, CLASSES)
    asked = targets(events, background, several)
    found = scene_loss(logits, asked, settings)
    assert found.item() == pytest.approx(slow(logits, asked, settings), rel=1e-5, abs=1e-6)


def test_shares_of_one_are_the_class_itself() -> None:
    logits, asked = 3 * torch.randn(STREAMS, FRAMES, CLASSES), targets(5, True, False)
    shares = replace(asked, labels=torch.nn.functional.one_hot(asked.labels, CLASSES).float())
    for settings in (LossSettings(), LossSettings(label_smoothing=0.1)):
        hard, soft = scene_loss(logits, asked, settings), scene_loss(logits, shares, settings)
        assert soft.item() == pytest.approx(hard.item(), rel=1e-6)


def test_shared_labels_weigh_the_losses_of_their_classes() -> None:
    """Cross entropy is linear in the label: 0.3 of one class's loss and 0.7 of the other's."""
    logits, asked = 3 * torch.randn(STREAMS, FRAMES, CLASSES), targets(5, False, False)
    logits.requires_grad_()
    shares = torch.zeros(5, CLASSES)
    shares[:, 1], shares[:, 2] = 0.3, 0.7
    found = scene_loss(logits, replace(asked, labels=shares), LossSettings())
    one, two = (scene_loss(logits, replace(asked, labels=torch.full((5,), c)), LossSettings()) for c in (1, 2))
    assert found.item() == pytest.approx(0.3 * one.item() + 0.7 * two.item(), rel=1e-6)
    found.backward()
    assert logits.grad is not None and torch.isfinite(logits.grad).all() and logits.grad.any()


@pytest.mark.parametrize("several", [False, True], ids=["softmax", "sigmoid"])
def test_frames_that_are_asked_nothing_get_no_gradient(several: bool) -> None:
    logits = torch.randn(STREAMS, FRAMES, CLASSES, requires_grad=True)
    asked = targets(4, True, several)
    scene_loss(logits, asked, LossSettings()).backward()
    assert logits.grad is not None
    used = asked.background.clone()
    for stream, counts in zip(asked.stream, asked.counts, strict=True):
        used[stream] |= counts > 0
    assert 0 < used.sum() < used.numel()
    assert torch.equal(logits.grad.abs().sum(-1) > 0, used)


@pytest.mark.parametrize("several", [False, True], ids=["softmax", "sigmoid"])
def test_a_window_of_nothing_costs_nothing_and_has_a_gradient_of_zero(several: bool) -> None:
    logits = torch.randn(STREAMS, FRAMES, CLASSES, requires_grad=True)
    loss = scene_loss(logits, targets(0, False, several), LossSettings(frame_weight=1.0))
    loss.backward()
    assert loss.item() == 0.0 and logits.grad is not None and not logits.grad.any()


def test_logits_far_from_zero_stay_finite() -> None:
    logits = torch.full((STREAMS, FRAMES, CLASSES), 500.0, requires_grad=True)
    loss = scene_loss(logits - 1000.0 * torch.eye(CLASSES)[0], targets(5, True, False), LossSettings())
    loss.backward()
    assert torch.isfinite(loss) and logits.grad is not None and torch.isfinite(logits.grad).all()
