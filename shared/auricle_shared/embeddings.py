"""Embeddings of clips: one vector of unit length for a whole sound."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .errors import ModelError
from .evaluate import Progress, after_background
from .metadata import ModelMetadata
from .pack import Pack
from .scorer import ScoredFrames, Scorer


class EmbeddingScorer:
    """A scorer that gives the embedding [B, k, D] in the place of logits and scores.

    So everything that plays clips, scenes and recordings to a scorer and keeps logits plays them for embeddings too.
    """

    def __init__(self, scorer: Scorer) -> None:
        """Raises ModelError for a model without an embedding."""
        if not scorer.metadata.embedding_size:
            raise ModelError(
                "The model has no embedding. Wanted: one of a config with model.embedding, such as "
                "'auricle train embedding'."
            )
        self._scorer = scorer

    @property
    def metadata(self) -> ModelMetadata:
        return self._scorer.metadata

    def __call__(self, audio: np.ndarray, state: np.ndarray) -> ScoredFrames:
        return self.embed(audio, state)

    def embed(self, audio: np.ndarray, state: np.ndarray) -> ScoredFrames:
        found = self._scorer.embed(audio, state)
        assert found.embedding is not None
        return ScoredFrames(found.embedding, found.embedding, found.state, found.embedding)


def unit(vectors: np.ndarray) -> np.ndarray:
    """The same directions at length 1, along the last axis; zeros stay zeros."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)


def pooled(frames: np.ndarray) -> np.ndarray:
    """[F, D] -> [D]: the direction of the mean, as the loss in training pools an event."""
    return unit(frames.mean(0, dtype=np.float32))


def clip_embeddings(
    scorer: Scorer, pack: Pack, clips: Sequence[int], background: np.ndarray, progress: Progress | None = None
) -> np.ndarray:
    """[n, D], one a clip; each clip is heard by itself after a second of background, as on a device.

    Args:
        background: float32 [samples], played before the clips.
    """
    found = dict(after_background(EmbeddingScorer(scorer), pack, clips, background, progress))
    return np.stack([pooled(found[i]) for i in range(len(clips))])
