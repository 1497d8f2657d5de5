"""The triplet loss against the same written out by hand, and what counts as like and unlike."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from auricle_shared.embeddings import frame_weights
from auricle_shared.metadata import ModelMetadata
from auricle_shared.settings import SpectrogramSettings
from auricle_trainer.batches.targets import Targets
from auricle_trainer.config import EmbeddingSettings
from auricle_trainer.losses.embedding_loss import embedding_loss, pooled, something

FRAMES, SIZE = 6, 5


def targets_of(labels: torch.Tensor, streams: int, multi_label: bool = False) -> Targets:
    """Event i lies in stream i, frames 1 to 3; the last frame of every second stream is background."""
    events = len(labels)
    counts = torch.zeros(events, FRAMES)
    counts[:, 1:4] = 1.0
    background = torch.zeros(streams, FRAMES, dtype=torch.bool)
    background[::2, -1] = True
    allowed = torch.zeros(streams, FRAMES, 4, dtype=torch.bool)
    return Targets(torch.arange(events), counts, labels, background, allowed, multi_label)


def frames_of(streams: int) -> torch.Tensor:
    return F.normalize(torch.randn(streams, FRAMES, SIZE), dim=-1)


def test_an_event_is_the_direction_of_the_weighted_mean_of_its_own_frames() -> None:
    frames, weights = frames_of(4), torch.rand(4, FRAMES)
    vectors, labels = pooled(frames, weights, targets_of(torch.tensor([1, 2, 1]), 4))
    wanted = np.stack([(weights[i, 1:4, None] * frames[i, 1:4]).numpy().mean(0) for i in range(3)])
    np.testing.assert_allclose(vectors[:3], wanted / np.linalg.norm(wanted, axis=1, keepdims=True), atol=1e-6)
    np.testing.assert_allclose(vectors[3:], frames[[0, 2], -1], atol=1e-6)
    assert labels[:3].tolist() == [1, 2, 1]


def test_background_is_like_nothing_not_even_other_background() -> None:
    _, labels = pooled(frames_of(4), torch.ones(4, FRAMES), targets_of(torch.tensor([0, 2, 0, 2]), 4))
    assert labels[1] == labels[3] == 2
    rest = [labels[i].item() for i in (0, 2, 4, 5)]
    assert len(set(rest)) == 4 and max(rest) < 0


def test_a_class_0_of_several_labels_is_a_sound_like_any_other_and_mixed_events_are_left_out() -> None:
    shares = torch.tensor([[1.0, 0, 0], [0.4, 0.6, 0], [1.0, 0, 0], [1.0, 1.0, 0]])
    _, labels = pooled(frames_of(4), torch.ones(4, FRAMES), targets_of(shares, 4, multi_label=True))
    assert labels[:2].tolist() == [0, 0] and len(labels) == 4


@pytest.mark.parametrize("share_done", [0.0, 0.9])
def test_the_loss_is_the_mean_over_mined_triplets(share_done: float) -> None:
    settings = EmbeddingSettings(margin=0.3, semi_hard=0.5)
    frames, targets = frames_of(8), targets_of(torch.tensor([1, 1, 2, 2, 3, 3, 1, 2]), 8)
    logits = torch.randn(8, FRAMES, 4)
    vectors, labels = pooled(frames, something(logits, False), targets)
    similar = (vectors @ vectors.T).numpy()
    like = (labels[:, None] == labels[None]).numpy()
    found = []
    for a, p, n in itertools.permutations(range(len(labels)), 3):
        if not like[a, p] or like[a, n]:
            continue
        own, other = similar[a, p], similar[a, n]
        if share_done < settings.semi_hard:  # the other class is farther, but by less than the margin
            chosen = own - settings.margin < other <= own
        else:  # each pair is at most 0.1 better than the worst of the other kind
            positives = [similar[a, i] for i in range(len(labels)) if like[a, i] and i != a]
            negatives = [similar[a, i] for i in range(len(labels)) if not like[a, i]]
            chosen = own - 0.1 < max(negatives) and other + 0.1 > min(positives)
        value = max(0.0, other - own + settings.margin)
        if chosen and value > 0:
            found.append(value)
    assert len(found) > 5
    loss = embedding_loss(frames, logits, targets, settings, share_done)
    assert loss.item() == pytest.approx(np.mean(found), abs=1e-5)


def test_training_on_it_brings_a_class_together() -> None:
    parameters = torch.randn(8, FRAMES, 16, requires_grad=True)
    targets = targets_of(torch.tensor([1, 1, 2, 2, 3, 3, 1, 2]), 8)
    optimizer, logits = torch.optim.Adam([parameters], 0.05), torch.zeros(8, FRAMES, 4)
    for step in range(200):
        loss = embedding_loss(
            F.normalize(parameters, dim=-1), logits, targets, EmbeddingSettings(margin=0.5), step / 200
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    vectors, labels = pooled(F.normalize(parameters.detach(), dim=-1), something(logits, False), targets)
    similar, like = vectors @ vectors.T, labels[:, None] == labels[None]
    like.fill_diagonal_(False)
    assert similar[like].min() > similar[~like & ~torch.eye(len(labels), dtype=torch.bool)].max()


def test_a_window_without_a_pair_costs_nothing_and_has_a_gradient() -> None:
    frames = frames_of(2).requires_grad_()
    loss = embedding_loss(frames, torch.zeros(2, FRAMES, 4), targets_of(torch.tensor([1]), 2), EmbeddingSettings(), 0.0)
    loss.backward()
    assert loss.item() == 0.0 and frames.grad is not None and not frames.grad.any()


@pytest.mark.parametrize("multi_label", [False, True])
def test_frames_weigh_in_training_what_they_weigh_on_the_device(multi_label: bool) -> None:
    logits = 3 * torch.randn(4, FRAMES, 3)
    labels = ("background", "dog", "cat")
    activation = "sigmoid" if multi_label else "softmax"
    metadata = ModelMetadata(labels, activation, SpectrogramSettings(), 10)
    scores = logits.sigmoid() if multi_label else logits.softmax(-1)
    np.testing.assert_allclose(something(logits, multi_label), frame_weights(scores.numpy(), metadata), atol=1e-6)
    assert not something(logits.requires_grad_(), multi_label).requires_grad
