"""Scoring several streams in one call: streams that wait while the network is busy go through it together next.

There is no timer: whoever finds the network free scores all that is waiting, so a lone visitor never waits for company,
and a crowd forms batches by itself.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from functools import partial

import numpy as np

from auricle_shared.metadata import ModelMetadata
from auricle_shared.scorer import ScoredFrames, Scorer

from .aside import Aside, at_once

MAX_BATCH = 64
"""Streams in one call; more wait for the next one, so that memory stays bounded."""


class _Waiting:
    """One stream's piece of audio, until it is scored."""

    def __init__(self, audio: np.ndarray, state: np.ndarray) -> None:
        self.audio, self.state = audio, state
        self.frames: ScoredFrames | None = None
        self.seconds = 0.0
        self.error: Exception | None = None

    @property
    def done(self) -> bool:
        return self.frames is not None or self.error is not None


class BatchingScorer:
    """Shared by all streams and called from many threads or greenlets; each stream calls it through its own `seat`.

    Args:
        aside: calls the network, elsewhere if whoever waits for it must not hold up the others.
    """

    def __init__(self, scorer: Scorer, aside: Aside = at_once) -> None:
        self._aside = aside
        self.metadata: ModelMetadata = scorer.metadata
        self.scorer = scorer
        self._queue: list[_Waiting] = []
        self._queue_lock, self._scorer_lock = threading.Lock(), threading.Lock()
        self.calls = self.streams = 0

    def seat(self) -> Seat:
        """A scorer for one stream."""
        return Seat(self)

    def score(self, audio: np.ndarray, state: np.ndarray) -> tuple[ScoredFrames, float]:
        """Audio [1, k * hop] and state [1, S] -> its frames, and its share of the seconds the call took."""
        mine = _Waiting(audio, state)
        with self._queue_lock:
            self._queue.append(mine)
        with self._scorer_lock:
            while not mine.done:  # else somebody before us took it along
                self._score_waiting()
        if mine.error is not None:
            raise mine.error
        assert mine.frames is not None
        return mine.frames, mine.seconds

    def _score_waiting(self) -> None:
        with self._queue_lock:
            batch, self._queue = self._queue[:MAX_BATCH], self._queue[MAX_BATCH:]
        began = time.perf_counter()
        try:
            work = partial(score_together, self.scorer, [w.audio for w in batch], [w.state for w in batch])
            found = self._aside(work)
        except Exception as error:  # each of them must hear of it in its own thread
            for waiting in batch:
                waiting.error = error
            return
        seconds = (time.perf_counter() - began) / len(batch)
        self.calls, self.streams = self.calls + 1, self.streams + len(batch)
        for waiting, frames in zip(batch, found, strict=True):
            waiting.seconds, waiting.frames = seconds, frames


class Seat:
    """One stream's view of the shared scorer: a `Scorer` that keeps the account of what the stream cost."""

    def __init__(self, shared: BatchingScorer) -> None:
        self.metadata = shared.metadata
        self._shared = shared
        self.seconds = 0.0

    def __call__(self, audio: np.ndarray, state: np.ndarray) -> ScoredFrames:
        frames, seconds = self._shared.score(audio, state)
        self.seconds += seconds
        return frames

    def embed(self, audio: np.ndarray, state: np.ndarray) -> ScoredFrames:
        """Alone, not in a batch: the demo shows no embeddings."""
        return self._shared.scorer.embed(audio, state)


def score_together(scorer: Scorer, audio: Sequence[np.ndarray], states: Sequence[np.ndarray]) -> list[ScoredFrames]:
    """Score B streams whose pieces may differ in length.

    They are cut where a piece ends, so no row is padded:

        AAAA|AA|           call 1: A, B, C    call 2: A, C    call 3: C
        BBBB|  |
        CCCC|CC|CCC

    Args:
        audio: B arrays [1, k_i * hop].
        states: B arrays [1, S].
    """
    if len(audio) == 1:
        return [scorer(audio[0], states[0])]
    current = list(states)
    parts: list[list[ScoredFrames]] = [[] for _ in audio]
    begin = 0
    for end in sorted({piece.shape[1] for piece in audio}):
        rows = [i for i, piece in enumerate(audio) if piece.shape[1] >= end]
        frames = scorer(
            np.concatenate([audio[i][:, begin:end] for i in rows]), np.concatenate([current[i] for i in rows])
        )
        for row, i in enumerate(rows):
            parts[i].append(_row(frames, row))
            current[i] = frames.state[row : row + 1]
        begin = end
    return [_join(stream) for stream in parts]


def _row(frames: ScoredFrames, row: int) -> ScoredFrames:
    one = slice(row, row + 1)
    return ScoredFrames(frames.logits[one], frames.scores[one], frames.state[one])


def _join(parts: Sequence[ScoredFrames]) -> ScoredFrames:
    """Frames of one stream that follow each other; copied, so that nobody holds on to the whole batch."""
    logits, scores = (np.concatenate([getattr(p, name) for p in parts], axis=1) for name in ("logits", "scores"))
    return ScoredFrames(logits, scores, parts[-1].state.copy())
