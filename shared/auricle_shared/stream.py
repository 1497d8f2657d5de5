"""Feeding a scorer from sources that give samples in pieces of any size: one stream, or many side by side."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .errors import DataError
from .scorer import ScoredFrames, Scorer, zero_state

MAX_FRAMES_PER_CALL = 100
"""A longer piece is scored in several calls, so that memory stays bounded."""
STREAMS_PER_CALL = 64
"""More streams are scored in several calls: beyond this the values no longer fit a core's own cache, and a stream costs
up to a half more (measured on an x86 core with networks of 128 units)."""


Values = tuple[np.ndarray, np.ndarray, np.ndarray | None]
"""Logits, scores, and the embedding where it was asked for"""


class StreamFrames(NamedTuple):
    start_seconds: float
    """stream time at which the first frame's hop begins"""
    logits: np.ndarray
    """[k, C]; k may be 0"""
    scores: np.ndarray
    """[k, C]"""
    embedding: np.ndarray | None = None
    """[k, D]; only where it was asked for"""


class BatchFrames(NamedTuple):
    start_seconds: float
    """time since the batch began at which the first frame's hop begins"""
    logits: np.ndarray
    """[B, k, C]; k may be 0"""
    scores: np.ndarray
    """[B, k, C]"""
    embedding: np.ndarray | None = None
    """[B, k, D]; only where it was asked for"""


class StreamingBatch:
    """Many streams in step, scored together; each gets the scores that it would get alone.

    batch = StreamingBatch(open_scorer("model.onnx"), streams=100)
    frames = batch.feed(samples)           # [100, n] float32 in [-1, 1], any n

    Args:
        streams: how many, at least 1.
        embed: also give the embedding of every frame; needs a scorer that has one.
        streams_per_call: more are scored in several calls; a GPU wants all at once.
    """

    def __init__(
        self, scorer: Scorer, streams: int, embed: bool = False, streams_per_call: int = STREAMS_PER_CALL
    ) -> None:
        if streams < 1:
            raise DataError(f"A batch of {streams} streams was asked for; wanted at least 1.")
        self._judge = scorer.embed if embed else _for_one_stream(scorer) if streams == 1 else scorer
        self.streams = streams
        self.metadata = scorer.metadata
        self._hop, self._rate_hz = self.metadata.hop_samples, self.metadata.rate_hz
        no_scores = np.zeros((streams, 0, len(self.metadata.labels)), np.float32)
        no_embedding = np.zeros((streams, 0, self.metadata.embedding_size), np.float32)
        self._empty = (no_scores, no_scores, no_embedding if embed else None)
        self._nothing = np.zeros((streams, 0), np.float32)
        self._groups = [slice(i, min(i + streams_per_call, streams)) for i in range(0, streams, streams_per_call)]
        self.reset()

    def reset(self, at_seconds: float = 0.0) -> None:
        """Forget everything heard in every stream; the next sample is the first, at time `at_seconds`."""
        self._states = [zero_state(self.metadata, group.stop - group.start) for group in self._groups]
        self._pending = self._nothing
        self._start_seconds = at_seconds
        self._frames = 0

    def reset_stream(self, stream: int) -> None:
        """Somebody else is heard in this stream from now on: forget what was heard in it."""
        if not 0 <= stream < self.streams:
            raise DataError(f"There is no stream {stream}; they are numbered 0 to {self.streams - 1}.")
        group, row = divmod(stream, self._groups[0].stop)
        state = np.array(self._states[group])  # a copy: whoever scored may still hold it, or it lies on a GPU
        state[row] = 0.0
        self._states[group] = state
        self._pending[stream] = 0.0

    @property
    def seconds(self) -> float:
        """Time up to which frames have been scored."""
        return self._start_seconds + self._frames * self._hop / self._rate_hz

    def feed(self, samples: np.ndarray) -> BatchFrames:
        """Score what is complete; the rest waits for the next call.

        Args:
            samples: floats [B, n] in [-1, 1], n >= 0.

        Raises:
            DataError: not a row of floating-point audio for each stream, or not finite; nothing of it was taken then.
        """
        samples = np.asarray(samples)
        if samples.ndim != 2 or len(samples) != self.streams or samples.dtype.kind != "f":
            raise DataError(
                f"Audio of shape {samples.shape} and type {samples.dtype} was fed; wanted floats [{self.streams}, n] "
                "in [-1, 1], a row a stream (divide 16-bit samples by 32768)."
            )
        return self._take(samples)

    def _take(self, samples: np.ndarray) -> BatchFrames:
        if samples.dtype != np.float32:
            samples = samples.astype(np.float32)
        flat = samples.reshape(-1)
        if not math.isfinite(flat.dot(flat)):  # squares: infinities cannot cancel
            raise DataError("The audio holds values that are not numbers (NaN or infinity).")
        if self._pending is not self._nothing:
            samples = np.concatenate([self._pending, samples], 1)
        start, length = self.seconds, samples.shape[1]
        whole = length // self._hop * self._hop
        self._pending = samples[:, whole:].copy() if whole < length else self._nothing
        if whole == 0:  # ONNX Runtime's GRU aborts the process on a sequence of length 0
            return BatchFrames(start, *self._empty)
        self._frames += whole // self._hop
        return BatchFrames(start, *self._score(samples[:, :whole] if whole < length else samples))

    def flush(self) -> BatchFrames:
        """The end of all streams: what is left is zero-padded to a whole hop and scored."""
        return self._take(np.zeros((self.streams, -self._pending.shape[1] % self._hop), np.float32))

    def _score(self, samples: np.ndarray) -> Values:
        """Whole hops [B, n] -> logits, scores and embedding, in as many calls as they are too large for one."""
        step, whole = MAX_FRAMES_PER_CALL * self._hop, samples.shape[1]
        if whole <= step and len(self._groups) == 1:
            return self._call(0, samples)
        rows = [
            [self._call(number, samples[group, i : i + step]) for i in range(0, whole, step)]
            for number, group in enumerate(self._groups)
        ]
        return _joined(rows, 0), _joined(rows, 1), None if rows[0][0][2] is None else _joined(rows, 2)

    def _call(self, group: int, samples: np.ndarray) -> Values:
        logits, scores, self._states[group], embedding = self._judge(samples, self._states[group])
        return logits, scores, embedding


def _for_one_stream(scorer: Scorer) -> Callable[[np.ndarray, np.ndarray], ScoredFrames]:
    """The scorer's own faster way for one stream where it has one."""
    own = getattr(scorer, "for_one_stream", None)
    return scorer if own is None else own()


def _joined(rows: list[list[Values]], which: int) -> np.ndarray:
    """Groups of streams below each other, pieces of time side by side."""
    return np.concatenate([np.concatenate([part[which] for part in row], 1) for row in rows])


class StreamingClassifier:
    """One stream of audio, scored as it comes; the same scores whatever the pieces.

    classifier = StreamingClassifier(open_scorer("model.onnx"))
    frames = classifier.feed(samples)      # any number of samples, float32 in [-1, 1]

    Args:
        embed: also give the embedding of every frame; needs a scorer that has one.
    """

    def __init__(self, scorer: Scorer, embed: bool = False) -> None:
        self._batch = StreamingBatch(scorer, 1, embed)
        self.metadata = scorer.metadata

    def reset(self, at_seconds: float = 0.0) -> None:
        """Forget everything heard; the next sample is the first, at stream time `at_seconds`."""
        self._batch.reset(at_seconds)

    @property
    def seconds(self) -> float:
        """Stream time up to which frames have been scored."""
        return self._batch.seconds

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
        return _first(self._batch._take(samples[None]))

    def flush(self) -> StreamFrames:
        """The end of a clip: what is left is zero-padded to a whole hop and scored."""
        return _first(self._batch.flush())


def _first(frames: BatchFrames) -> StreamFrames:
    start_seconds, logits, scores, embedding = frames
    return StreamFrames(start_seconds, logits[0], scores[0], None if embedding is None else embedding[0])
