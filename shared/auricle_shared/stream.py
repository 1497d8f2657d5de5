"""Feeding a scorer from a source that gives samples in pieces of any size."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .errors import DataError
from .scorer import Scorer, zero_state

MAX_FRAMES_PER_CALL = 100
"""A longer piece is scored in several calls, so that memory stays bounded."""


NOTHING = np.zeros(0, np.float32)


class StreamFrames(NamedTuple):
    start_seconds: float
    """stream time at which the first frame's hop begins"""
    logits: np.ndarray
    """[k, C]; k may be 0"""
    scores: np.ndarray
    """[k, C]"""
    embedding: np.ndarray | None = None
    """[k, D]; only where it was asked for"""


class StreamingClassifier:
    """One stream of audio, scored as it comes; the same scores whatever the pieces.

    classifier = StreamingClassifier(open_scorer("model.onnx"))
    frames = classifier.feed(samples)      # any number of samples, float32 in [-1, 1]

    Args:
        embed: also give the embedding of every frame; needs a scorer that has one.
    """

    def __init__(self, scorer: Scorer, embed: bool = False) -> None:
        self._judge = scorer.embed if embed else scorer
        self.metadata = scorer.metadata
        self._hop, self._rate_hz = self.metadata.hop_samples, self.metadata.rate_hz
        self._empty = np.zeros((0, len(self.metadata.labels)), np.float32)
        self._no_embedding = np.zeros((0, self.metadata.embedding_size), np.float32) if embed else None
        self.reset()

    def reset(self, at_seconds: float = 0.0) -> None:
        """Forget everything heard; the next sample is the first, at stream time `at_seconds`."""
        self._state = zero_state(self.metadata)
        self._pending = NOTHING
        self._start_seconds = at_seconds
        self._frames = 0

    @property
    def seconds(self) -> float:
        """Stream time up to which frames have been scored."""
        return self._start_seconds + self._frames * self._hop / self._rate_hz

    def feed(self, samples: np.ndarray) -> StreamFrames:
        """Score what is complete; the rest waits for the next call.

        Args:
            samples: float32 [n] in [-1, 1], n >= 0.

        Raises:
            DataError: not one-dimensional floating-point audio, or not finite; nothing of it was taken then.
        """
        samples = np.asarray(samples)
        if samples.ndim != 1 or samples.dtype.kind != "f":
            raise DataError(
                f"Audio of shape {samples.shape} and type {samples.dtype} was fed; wanted one channel of floats in "
                "[-1, 1] (divide 16-bit samples by 32768)."
            )
        if samples.dtype != np.float32:
            samples = samples.astype(np.float32)
        if not math.isfinite(np.dot(samples, samples)):  # squares: infinities cannot cancel
            raise DataError("The audio holds values that are not numbers (NaN or infinity).")
        if len(self._pending):
            samples = np.concatenate([self._pending, samples])
        start = self.seconds
        whole = len(samples) // self._hop * self._hop
        self._pending = samples[whole:].copy() if whole < len(samples) else NOTHING
        if whole == 0:  # ONNX Runtime's GRU aborts the process on a sequence of length 0
            return StreamFrames(start, self._empty, self._empty, self._no_embedding)
        ready = samples[:whole]
        step = MAX_FRAMES_PER_CALL * self._hop
        if whole <= step:
            return self._score(ready, start)
        parts = [self._score(ready[i : i + step], start) for i in range(0, whole, step)]
        logits, scores = (np.concatenate([getattr(p, name) for p in parts]) for name in ("logits", "scores"))
        embeddings = [p.embedding for p in parts if p.embedding is not None]
        return StreamFrames(start, logits, scores, np.concatenate(embeddings) if embeddings else None)

    def flush(self) -> StreamFrames:
        """The end of a clip: what is left is zero-padded to a whole hop and scored."""
        if not len(self._pending):
            return self.feed(NOTHING)
        return self.feed(np.zeros(self._hop - len(self._pending), np.float32))

    def _score(self, samples: np.ndarray, start: float) -> StreamFrames:
        frames = self._judge(samples[None], self._state)
        self._state = frames.state
        self._frames += len(samples) // self._hop
        embedding = None if frames.embedding is None else frames.embedding[0]
        return StreamFrames(start, frames.logits[0], frames.scores[0], embedding)
