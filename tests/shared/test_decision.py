"""Scores of frames and the decision over a clip, against sums written out in Python's floats."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auricle_shared.decision import REACH_SECONDS, clip_logits, decide_clip, frame_scores, pool_clip

LOGITS = st.floats(-30, 30, width=32)
CLIP = st.integers(1, 4).flatmap(
    lambda classes: st.lists(st.lists(LOGITS, min_size=classes, max_size=classes), min_size=1, max_size=20)
)

HOP_SECONDS = 0.02


def slow_pool(frames: list[list[float]]) -> list[float]:
    """ln(mean(e**x)) of every class, exactly summed."""
    return [math.log(math.fsum(math.exp(x) for x in column) / len(column)) for column in zip(*frames, strict=True)]


def pool(frames: list[list[float]], counts: list[float] | None = None) -> np.ndarray:
    counted = np.ones(len(frames), np.float32) if counts is None else np.array(counts, np.float32)
    return clip_logits(np, np.array(frames, np.float32), counted)


@given(CLIP)
def test_pooling_is_log_mean_exp(frames: list[list[float]]) -> None:
    np.testing.assert_allclose(pool(frames), slow_pool(frames), atol=1e-4)


@given(CLIP, st.data())
def test_frames_that_do_not_count_do_not_count(frames: list[list[float]], data: st.DataObject) -> None:
    counts = data.draw(st.lists(st.booleans(), min_size=len(frames), max_size=len(frames)).filter(any))
    kept = [frame for frame, counted in zip(frames, counts, strict=True) if counted]
    np.testing.assert_allclose(pool(frames, [float(c) for c in counts]), slow_pool(kept), atol=1e-4)


@given(CLIP, st.integers(2, 5))
def test_length_does_not_change_the_score(frames: list[list[float]], times: int) -> None:
    np.testing.assert_allclose(pool(frames * times), pool(frames), atol=1e-4)


@given(CLIP)
def test_order_does_not_change_the_score(frames: list[list[float]]) -> None:
    np.testing.assert_allclose(pool(frames[::-1]), pool(frames), atol=1e-4)


@given(CLIP)
def test_score_lies_between_mean_and_maximum(frames: list[list[float]]) -> None:
    pooled, table = pool(frames), np.array(frames)
    assert (pooled <= table.max(axis=0) + 1e-4).all()
    assert (pooled >= table.mean(axis=0) - 1e-4).all()


def test_large_logits_do_not_overflow() -> None:
    assert pool([[500.0, -500.0], [500.0, -500.0]]).tolist() == [500.0, -500.0]


def test_leading_dimensions_are_a_batch() -> None:
    rng = np.random.default_rng(1)
    logits = rng.standard_normal((2, 3, 7, 4)).astype(np.float32)
    counts = (np.arange(7) < rng.integers(1, 8, (2, 3, 1))).astype(np.float32)
    together = clip_logits(np, logits, counts)
    assert together.shape == (2, 3, 4)
    for i in range(2):
        for j in range(3):
            kept = logits[i, j, counts[i, j] > 0].tolist()
            np.testing.assert_allclose(together[i, j], slow_pool(kept), atol=1e-5)


@pytest.mark.parametrize("temperature", [1.0, 0.5, 3.0])
@given(frames=CLIP)
def test_softmax(temperature: float, frames: list[list[float]]) -> None:
    scores = frame_scores(np.array(frames, np.float32), "softmax", temperature)
    for row, logits in zip(scores, frames, strict=True):
        parts = [math.exp((x - max(logits)) / temperature) for x in logits]
        np.testing.assert_allclose(row, [p / math.fsum(parts) for p in parts], atol=1e-5)
    assert scores.dtype == np.float32


@pytest.mark.parametrize("temperature", [1.0, 0.5, 3.0])
@given(frames=CLIP)
def test_sigmoid(temperature: float, frames: list[list[float]]) -> None:
    scores = frame_scores(np.array(frames, np.float32), "sigmoid", temperature)
    expected = [[1 / (1 + math.exp(-x / temperature)) for x in row] for row in frames]
    np.testing.assert_allclose(scores, expected, atol=1e-6)
    assert scores.dtype == np.float32


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_scores_of_extreme_logits_are_numbers(activation: str) -> None:
    with np.errstate(all="raise", under="ignore"):
        scores = frame_scores(np.array([[1e4, -1e4]], np.float32), activation, 1.0)
    assert scores.tolist() == [[1.0, 0.0]]


def test_clip_is_decided_among_the_candidates_only() -> None:
    logits = np.array([[9.0, 0.0, 1.0, 2.0], [9.0, 4.0, 1.0, 0.0]], np.float32)
    long = 1.0  # seconds a frame: all count
    assert decide_clip(logits, [0, 1, 2, 3], long)[0] == 0
    winner, pooled = decide_clip(logits, [1, 2, 3], long)
    assert winner == 1
    np.testing.assert_allclose(pooled, slow_pool(logits.tolist()), atol=1e-5)
    assert decide_clip(logits, [3, 2], long)[0] == 3


def test_what_was_before_a_clip_does_not_decide_it() -> None:
    """Its first 0.1 s still look at that: five frames here. Of a clip below 0.2 s, the second half counts."""
    own = np.array([[0.0, 2.0]], np.float32)
    other = np.array([[30.0, 0.0]], np.float32)
    reach = round(REACH_SECONDS / HOP_SECONDS)
    assert reach == 5
    for own_frames, wanted in ((45, 1), (5, 1), (4, 0)):
        logits = np.concatenate([np.repeat(other, reach, 0), np.repeat(own, own_frames, 0)])
        assert decide_clip(logits, [0, 1], HOP_SECONDS)[0] == wanted
    np.testing.assert_array_equal(pool_clip(own, HOP_SECONDS), own[0])


def test_a_short_certain_stretch_outweighs_a_long_hum() -> None:
    """Four frames of a clear click in a second of weak hum: the click wins, as it would not by the plain mean."""
    logits = np.tile(np.array([[1.0, 0.0]], np.float32), (100, 1))
    logits[50:54, 1] = 8.0
    assert logits.mean(axis=0).argmax() == 0
    assert decide_clip(logits, [0, 1], HOP_SECONDS)[0] == 1
