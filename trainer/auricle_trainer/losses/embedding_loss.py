"""Triplets: an event's embedding is nearer to its class than to any other, and to what is no event at all.

Schroff, Kalenichenko, Philbin: FaceNet, CVPR 2015 (semi-hard triplets); Wang and others: Multi-similarity loss, CVPR
2019 (the mining). Losses and miners are those of pytorch-metric-learning.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from auricle_shared.embeddings import LEAST_WEIGHT
from auricle_shared.errors import AuricleError
from auricle_trainer.batches.targets import Targets
from auricle_trainer.config import EmbeddingSettings

MINING_EPSILON = 0.1
"""Wang and others: a pair counts when it is at most this much better than the worst pair of the other kind"""


def embedding_loss(
    embedding: Tensor, logits: Tensor, targets: Targets, settings: EmbeddingSettings, share_done: float
) -> Tensor:
    """Mean over the mined triplets of one window; 0 where there are none.

    Args:
        embedding: [B, F, D], frames of unit length.
        logits: [B, F, C], which say how much of something a frame is; no gradient flows through that.
        targets: of the same window, on the same device.
        share_done: of the whole training, 0 to 1.
    """
    vectors, labels = pooled(embedding, something(logits, targets.multi_label), targets)
    if len(labels) < 3:
        return embedding.sum() * 0.0
    loss, semi_hard, multi_similarity = _parts(settings.margin)
    miner = semi_hard if share_done < settings.semi_hard else multi_similarity
    mined = miner(vectors, labels)
    value: Tensor = loss(vectors, labels, mined)
    return value


def something(logits: Tensor, multi_label: bool) -> Tensor:
    """[B, F, C] -> the frames' weights [B, F], as `auricle_shared.embeddings.frame_weights` has them on the device."""
    scores = logits.detach()
    share = scores.sigmoid().amax(-1) if multi_label else 1.0 - scores.softmax(-1)[..., 0]
    return share.clamp(min=LEAST_WEIGHT)


def pooled(embedding: Tensor, weights: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
    """One vector of unit length an event and one for the background of each stream, and their labels.

    Events of several classes are left out. Background, and clips labelled so, are like nothing, not even each other:
    each has a label of its own, below 0.

    Args:
        weights: of the frames, [B, F].

    Returns:
        [N, D], int64 [N].
    """
    events = _mean(embedding[targets.stream], targets.counts * weights[targets.stream])
    labels = targets.labels
    if labels.ndim == 2:
        single = (labels.amax(-1) == 1.0) & (labels.sum(-1) == 1.0)
        events, labels = events[single], labels[single].argmax(-1)
    quiet = targets.background.any(-1)
    rooms = _mean(embedding[quiet], targets.background[quiet].to(embedding.dtype))
    labels = torch.cat([labels, labels.new_zeros(len(rooms))])
    unlike = torch.arange(len(labels), device=labels.device)
    nothing = unlike >= len(events)
    if not targets.multi_label:
        nothing |= labels == 0
    return torch.cat([events, rooms]), torch.where(nothing, -1 - unlike, labels)


def _mean(frames: Tensor, weights: Tensor) -> Tensor:
    """[N, F, D] and weights [N, F] -> the direction of the mean, [N, D]."""
    return F.normalize((frames * weights[..., None]).sum(1), dim=-1)


@cache
def _parts(margin: float) -> tuple[Any, Any, Any]:
    """Loss, semi-hard miner, multi-similarity miner; imported late, as importing them takes a second."""
    try:
        from pytorch_metric_learning.distances import CosineSimilarity
        from pytorch_metric_learning.losses import TripletMarginLoss
        from pytorch_metric_learning.miners import MultiSimilarityMiner, TripletMarginMiner
    except ImportError as error:
        raise AuricleError(
            "Training an embedding needs pytorch-metric-learning: pip install 'auricle-trainer[embedding]', or leave "
            "the head out with --set model.embedding=0."
        ) from error

    similarity = CosineSimilarity()
    return (
        TripletMarginLoss(margin=margin, distance=similarity),
        TripletMarginMiner(margin=margin, type_of_triplets="semihard", distance=similarity),
        MultiSimilarityMiner(epsilon=MINING_EPSILON, distance=similarity),
    )
