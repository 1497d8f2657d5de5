"""Calibration: a known temperature is found, honest scores have no error, and no winner ever moves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auricle_shared.calibration import COLDEST, HOTTEST, answers, ece, fit_temperature, frame_truth, reliability
from auricle_shared.decision import decide_clip, frame_scores
from auricle_shared.metadata import ModelMetadata
from auricle_shared.scored_scenes import ScoredScene
from auricle_shared.settings import SpectrogramSettings
from auricle_shared.write_scene import SceneEvent

METADATA = ModelMetadata(("background", "a", "b"), "softmax", SpectrogramSettings(), 1)


def drawn(rng: np.random.Generator, n: int, activation: str) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and what happened with just the probabilities that they say."""
    if activation == "sigmoid":
        z = rng.normal(0, 2, n)
        return z, (rng.random(n) < 1 / (1 + np.exp(-z))).astype(int)
    z = rng.normal(0, 2, (n, 4))
    return z, np.argmax(z + rng.gumbel(size=z.shape), -1)  # the Gumbel-max way to draw from a softmax


def confidence(z: np.ndarray, y: np.ndarray, activation: str) -> tuple[np.ndarray, np.ndarray]:
    scores = frame_scores(z, activation, 1.0)
    if activation == "sigmoid":
        return np.maximum(scores, 1 - scores), (scores > 0.5) == (y == 1)
    return scores.max(-1), scores.argmax(-1) == y


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_a_known_temperature_is_found(activation: str, temperature: float, rng: np.random.Generator) -> None:
    z, y = drawn(rng, 40_000, activation)
    assert fit_temperature(z * temperature, y) == pytest.approx(temperature, rel=0.04)


def test_answers_that_are_all_right_or_all_wrong_end_at_the_bounds() -> None:
    z = np.array([[0.0, 2.0], [3.0, 0.0]])
    assert fit_temperature(z, np.array([1, 0])) == pytest.approx(COLDEST, rel=1e-4)
    assert fit_temperature(z, np.array([0, 1])) == pytest.approx(HOTTEST, rel=1e-4)
    assert fit_temperature(np.zeros((0, 2)), np.zeros(0, int)) == 1.0


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_honest_scores_have_no_error_and_exaggerated_ones_have(activation: str, rng: np.random.Generator) -> None:
    z, y = drawn(rng, 40_000, activation)
    assert ece(*confidence(z, y, activation)) < 0.012
    assert ece(*confidence(3 * z, y, activation)) > 0.1
    assert ece(*confidence(z / 3, y, activation)) > 0.1
    assert ece(*confidence(3 * z / fit_temperature(3 * z, y), y, activation)) < 0.012


def test_the_error_of_a_few_answers_by_hand() -> None:
    # bin (0.4, 0.6]: mean 0.5, all right: 0.5 off, 2 of 4; bin (0.8, 1]: mean 0.95, half right: 0.45 off, 2 of 4
    said, right = np.array([0.41, 0.59, 0.9, 1.0]), np.array([True, True, True, False])
    assert ece(said, right, 5) == pytest.approx(0.5 * 0.5 + 0.5 * 0.45)
    assert reliability(said, right, 5).frames.tolist() == [0, 0, 2, 0, 2]
    assert reliability(np.array([0.2, 0.4]), right[:2], 5).frames.tolist() == [1, 1, 0, 0, 0]
    assert ece(np.zeros(0), np.zeros(0, bool)) == 0.0


@given(st.integers(0, 10**6), st.floats(COLDEST, HOTTEST))
def test_no_temperature_moves_a_winner(seed: int, temperature: float) -> None:
    z = np.random.default_rng(seed).normal(0, 4, (20, 5)).astype(np.float32)
    scores = frame_scores(z, "softmax", temperature)
    assert (scores[np.arange(20), z.argmax(-1)] == scores.max(-1)).all()
    assert ((frame_scores(z, "sigmoid", temperature) >= 0.5) == (z >= 0)).all()


def test_the_clip_decision_pools_raw_logits_because_pooling_at_another_temperature_can_differ() -> None:
    """Log-mean-exp goes from the highest frame to the mean frame: a peak wins cold, a plateau wins hot."""
    z = np.zeros((20, 2), np.float32)
    z[-1, 0], z[:, 1] = 5.0, 1.0
    assert decide_clip(z, [0, 1], 0.02)[0] == 0 and decide_clip(z / 5, [0, 1], 0.02)[0] == 1


def scene(logits: np.ndarray, *truth: SceneEvent) -> ScoredScene:
    return ScoredScene("scene", list(truth), logits.astype(np.float32), 0.01)


def test_what_is_known_of_each_frame() -> None:
    events = SceneEvent("a", 0.10, 0.20), SceneEvent("b", 0.25, 0.30), SceneEvent("stranger", 0.70, 0.80)
    present, known = frame_truth(scene(np.zeros((120, 3)), *events), METADATA.labels, 0.1)
    assert np.flatnonzero(present[:, 1]).tolist() == list(range(10, 20))
    assert np.flatnonzero(present[:, 2]).tolist() == list(range(25, 30)) and not present[:, 0].any()
    # after a: not known until b begins; after b: 10 frames; the stranger and 10 frames after it
    assert np.flatnonzero(~known).tolist() == [*range(20, 25), *range(30, 40), *range(70, 90)]


def test_answers_name_a_sound_where_the_truth_is_known() -> None:
    z = np.zeros((60, 3))
    z[:, 0] = 1.0  # background
    z[[5, 12, 24, 33], 1] = 2.0  # a: before, in a, after a, in b
    found = answers([scene(z, SceneEvent("a", 0.10, 0.20), SceneEvent("b", 0.30, 0.40))], METADATA, 0.1)
    assert found.targets.tolist() == [0, 1, 2] and (found.logits.argmax(-1) == 1).all()
    assert found.reliability(1.0).right.max() == pytest.approx(1 / 3)
    several = replace(METADATA, labels=("a", "b"), activation="sigmoid")
    z = np.full((60, 2), -1.0)
    z[[5, 12], 0] = z[12, 1] = 1.0
    found = answers([scene(z, SceneEvent("a", 0.10, 0.20))], several, 0.1)
    assert found.targets.tolist() == [0, 1, 0] and (found.logits == 1.0).all()


def test_the_score_that_is_judged_is_the_one_the_graph_gives_out(rng: np.random.Generator) -> None:
    z = rng.normal(0, 2, (5000, 3)).astype(np.float32)
    scores = frame_scores(z, "softmax", 2.0)
    naming = scores.argmax(-1) != 0
    naming[2500:2530] = False  # not known so soon after the event
    found = answers([scene(z, SceneEvent("a", 0.0, 25.0))], METADATA, 0.3).reliability(2.0)
    assert found.frames.sum() == naming.sum()
    mean = (found.confidence * found.frames).sum() / naming.sum()
    assert mean == pytest.approx(scores.max(-1)[naming].mean(), rel=1e-5)
