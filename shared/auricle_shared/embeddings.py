"""Embeddings of clips: one vector of unit length for a whole sound.

Of a clip's frames those count that are something: a frame weighs what the model does not give to background. So the
silence around a word says nothing, neither in training nor here nor on the device.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .errors import ModelError
from .metadata import BACKGROUND, ModelMetadata
from .scorer import ScoredFrames, Scorer

if TYPE_CHECKING:
    from .pack import Pack

STEPS = 127
LEAST_WEIGHT = 0.1
"""of a frame that is background for certain; a network may take a sound for background that it was never taught"""


def frame_weights(scores: np.ndarray, metadata: ModelMetadata) -> np.ndarray:
    """Scores [..., C] -> how much of something a frame is, [...] from LEAST_WEIGHT to 1."""
    return frame_weigher(metadata)(scores)


def frame_weigher(metadata: ModelMetadata) -> Callable[[np.ndarray], np.ndarray]:
    """`frame_weights` of one model, for a stream that asks often."""
    least = np.float32(LEAST_WEIGHT)
    if metadata.activation == "sigmoid":
        return lambda scores: np.maximum(scores.max(-1), least)
    background = metadata.labels.index(BACKGROUND)

    def weigh(scores: np.ndarray) -> np.ndarray:
        something = np.subtract(1.0, scores[..., background], dtype=np.float32)
        return np.maximum(something, least, out=something)

    return weigh


def encode_vectors(vectors: np.ndarray) -> str:
    """[N, D] of numbers in [-1, 1] as text: int8 in steps of 1/127, base64."""
    steps = np.clip(np.rint(vectors * STEPS), -STEPS, STEPS).astype(np.int8)
    return base64.b64encode(steps.tobytes()).decode("ascii")


def decode_vectors(text: str, size: int) -> np.ndarray:
    """float32 [N, size] from what `encode_vectors` wrote; ModelError for anything else."""
    try:
        steps = np.frombuffer(base64.b64decode(text, validate=True), np.int8)
        return steps.reshape(-1, size).astype(np.float32) / STEPS
    except ValueError as error:
        raise ModelError(
            f"The embeddings that the model carries are damaged ({error}). Export the run again."
        ) from error


class EmbeddingScorer:
    """A scorer that gives the embedding times the frames' weights, [B, k, D], in the place of logits and scores.

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
        weighted = found.embedding * frame_weights(found.scores, self.metadata)[..., None]
        return ScoredFrames(weighted, weighted, found.state, found.embedding)


def unit(vectors: np.ndarray) -> np.ndarray:
    """The same directions at length 1, along the last axis; zeros stay zeros."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)


def pooled(frames: np.ndarray) -> np.ndarray:
    """Weighted frames [F, D] -> [D]: the direction of their mean, as the loss in training pools an event."""
    return unit(frames.mean(0, dtype=np.float32))


def clip_embeddings(
    scorer: Scorer,
    pack: Pack,
    clips: Sequence[int],
    background: np.ndarray,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """[n, D], one a clip; each clip is heard by itself after a second of background, as on a device.

    Args:
        background: float32 [samples], played before the clips.
    """
    from .evaluate import after_background  # a device that only listens needs none of it

    found = dict(after_background(EmbeddingScorer(scorer), pack, clips, background, progress))
    return np.stack([pooled(found[i]) for i in range(len(clips))])
