"""Few-shot figures where the truth is known: classes far apart, classes that mean nothing, ranks counted by pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auricle_shared.embeddings import pooled, unit
from auricle_shared.errors import DataError
from auricle_shared.few_shot import auroc, few_shot, open_set


def clusters(spread: float, classes: int = 8, clips: int = 16) -> tuple[np.ndarray, list[str]]:
    rng = np.random.default_rng(0)
    centres = np.eye(classes, 12)
    vectors = np.repeat(centres, clips, 0) + spread * rng.standard_normal((classes * clips, 12))
    return unit(vectors), [f"class {i // clips}" for i in range(classes * clips)]


def test_classes_far_apart_are_all_right_and_strangers_are_refused() -> None:
    found = few_shot(*clusters(0.05), ways=5, shots=1, episodes=50)
    assert found.accuracy == 1.0 and found.half_width_95 == 0.0 and found.auroc == 1.0
    assert found.open_accuracy == {"0.01": 1.0, "0.05": 1.0}


def test_vectors_that_mean_nothing_are_right_by_chance() -> None:
    _, labels = clusters(0.05, clips=40)
    vectors = unit(np.random.default_rng(1).standard_normal((len(labels), 12)))
    found = few_shot(vectors, labels, ways=4, shots=5, episodes=400)
    assert abs(found.accuracy - 0.25) < 0.05 and found.half_width_95 < 0.02
    assert abs(found.auroc - 0.5) < 0.05 and found.open_accuracy["0.01"] < 0.05


def test_more_shots_help_where_clips_scatter() -> None:
    by_shots = [few_shot(*clusters(0.5), ways=5, shots=k, episodes=300) for k in (1, 5, 10)]
    accuracies = [f.accuracy for f in by_shots]
    assert accuracies == sorted(accuracies) and accuracies[2] > accuracies[0] + 0.1
    for f in by_shots:
        assert f.open_accuracy["0.01"] <= f.open_accuracy["0.05"] <= f.accuracy


def test_the_interval_is_that_of_the_mean_over_episodes() -> None:
    found = [few_shot(*clusters(0.5), ways=5, shots=1, episodes=100, seed=seed) for seed in range(40)]
    means, widths = [f.accuracy for f in found], [f.half_width_95 for f in found]
    assert 1.96 * np.std(means) == pytest.approx(np.mean(widths), rel=0.35)


def test_too_few_classes_or_clips_are_told() -> None:
    vectors, labels = clusters(0.1, classes=4)
    with pytest.raises(DataError, match=r"5 classes with more than 1 clips .* 4 of 4 classes"):
        few_shot(vectors, labels, ways=5, shots=1, episodes=10)
    with pytest.raises(DataError, match=r"more than 16 clips .* 0 of 4"):
        few_shot(vectors, labels, ways=2, shots=16, episodes=10)


scores = st.lists(st.integers(0, 5).map(float), min_size=1, max_size=30).map(np.array)


@given(scores, scores)
def test_auroc_counts_pairs(known: np.ndarray, unknown: np.ndarray) -> None:
    pairs = np.sign(known[:, None] - unknown[None]) / 2 + 0.5
    assert auroc(known, unknown) == pytest.approx(pairs.mean())


@given(st.integers(0, 2**31))
def test_the_open_set_threshold_lets_no_more_than_its_share_in(seed: int) -> None:
    rng = np.random.default_rng(seed)
    known, unknown = rng.standard_normal(200), rng.standard_normal(int(rng.integers(1, 400)))
    found = open_set(known, np.ones(200, bool), unknown)
    for share in (0.01, 0.05):
        assert found[f"{share:g}"] == max((known > t).mean() for t in unknown if (unknown > t).mean() <= share)


def test_pooled_frames_point_where_their_mean_does() -> None:
    frames = unit(np.random.default_rng(0).standard_normal((20, 6)).astype(np.float32))
    mean = frames.mean(0)
    np.testing.assert_allclose(pooled(frames), mean / np.sqrt((mean**2).sum()), atol=1e-6)
    assert not pooled(np.zeros((3, 4), np.float32)).any()
