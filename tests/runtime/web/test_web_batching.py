"""Streams scored together get the scores they get alone."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from auricle_runtime.onnx_scorer import OnnxScorer
from auricle_runtime.web.batching import MAX_BATCH, BatchingScorer, score_together
from auricle_shared.scorer import ScoredFrames, zero_state


def test_pieces_of_any_lengths_together_equal_each_alone(tiny_model: Path, rng: np.random.Generator) -> None:
    scorer = OnnxScorer(tiny_model)
    hop = scorer.metadata.hop_samples
    lengths = [3, 1, 7, 3, 25, 24, 26, 1]
    audio = [rng.normal(0, 0.1, (1, n * hop)).astype(np.float32) for n in lengths]
    states = [rng.normal(0, 0.1, (1, scorer.metadata.state_size)).astype(np.float32) for _ in lengths]
    for found, one, state in zip(score_together(scorer, audio, states), audio, states, strict=True):
        wanted = scorer(one, state)
        np.testing.assert_allclose(found.logits, wanted.logits, atol=1e-5)
        np.testing.assert_allclose(found.scores, wanted.scores, atol=1e-6)
        np.testing.assert_allclose(found.state, wanted.state, atol=1e-5)


class Slow:
    """A scorer whose first call waits until the others queue behind it."""

    def __init__(self, inner: OnnxScorer) -> None:
        self.metadata = inner.metadata
        self._inner, self.go = inner, threading.Event()
        self.batches: list[int] = []

    def __call__(self, audio: np.ndarray, state: np.ndarray) -> ScoredFrames:
        self.batches.append(len(audio))
        if len(self.batches) == 1:
            assert self.go.wait(30)
        return self._inner(audio, state)


def test_who_waits_is_scored_in_one_call_and_never_too_many_in_one(tiny_model: Path) -> None:
    slow = Slow(OnnxScorer(tiny_model))
    shared = BatchingScorer(slow)
    audio, state = np.zeros((1, slow.metadata.hop_samples), np.float32), zero_state(slow.metadata)
    threads = [threading.Thread(target=shared.seat(), args=(audio, state)) for _ in range(MAX_BATCH + 11)]
    threads[0].start()
    while not slow.batches:  # the first is inside, alone
        pass
    for thread in threads[1:]:
        thread.start()
    while len(shared._queue) < MAX_BATCH + 10:
        pass
    slow.go.set()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert slow.batches == [1, MAX_BATCH, 10]
    assert (shared.calls, shared.streams) == (3, MAX_BATCH + 11)


def test_an_error_reaches_everybody_it_concerns_and_nobody_later(tiny_model: Path) -> None:
    scorer = OnnxScorer(tiny_model)
    shared = BatchingScorer(scorer)
    hop = scorer.metadata.hop_samples
    with pytest.raises(Exception, match="shape|dimension|Got|invalid"):
        shared.score(np.zeros((1, hop), np.float32), np.zeros((1, 3), np.float32))
    frames, seconds = shared.score(np.zeros((1, hop), np.float32), zero_state(scorer.metadata))
    assert frames.scores.shape == (1, 1, 3)
    assert seconds > 0
