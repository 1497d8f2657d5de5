"""Accuracy, its interval, confusion, precision and recall, against tables, loops and numbers made by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from auricle_shared.accuracy import as_text, confusion_matrix, per_class, report, report_multi_label, wilson_interval


@pytest.mark.parametrize(
    ("correct", "n", "interval"),
    [
        # Newcombe, Statistics in Medicine 17 (1998), table I: the score method without continuity correction.
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
    ],
)
def test_wilson_agrees_with_the_published_table(correct: int, n: int, interval: tuple[float, float]) -> None:
    assert wilson_interval(correct, n) == pytest.approx(interval, abs=6e-5)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.98])
def test_wilson_holds_the_truth_in_about_95_of_100_experiments(share: float) -> None:
    """Exact coverage: the probabilities of all outcomes whose interval contains the truth, added up."""
    n, covered = 200, 0.0
    for k in range(n + 1):
        low, high = wilson_interval(k, n)
        if low <= share <= high:
            covered += math.comb(n, k) * share**k * (1 - share) ** (n - k)
    assert 0.93 < covered < 0.98


def test_wilson_at_the_ends() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)
    low, high = wilson_interval(10, 10)
    assert 0.6 < low < 1.0 and high == pytest.approx(1.0)
    assert wilson_interval(0, 10) == pytest.approx((1 - high, 1 - low))


def test_confusion_and_rates_equal_a_slow_count() -> None:
    rng = np.random.default_rng(0)
    truth, said = rng.integers(0, 4, 300).tolist(), rng.integers(0, 3, 300).tolist()  # class 3 is never said
    matrix = confusion_matrix(truth, said, 5)  # class 4 never happens either
    for i in range(5):
        for j in range(5):
            assert matrix[i, j] == sum(t == i and s == j for t, s in zip(truth, said, strict=True))
    rates = per_class(matrix, list("abcde"))
    for i, label in enumerate("abcde"):
        hits = sum(t == s == i for t, s in zip(truth, said, strict=True))
        clips, predicted = truth.count(i), said.count(i)
        recall, precision = hits / clips if clips else 0, hits / predicted if predicted else 0
        assert rates[label]["recall"] == pytest.approx(recall)
        assert rates[label]["precision"] == pytest.approx(precision)
        f1 = 2 * hits / (clips + predicted) if clips + predicted else 0
        assert rates[label]["f1"] == pytest.approx(f1)
        assert (rates[label]["clips"], rates[label]["predicted"]) == (clips, predicted)


def test_a_report_by_hand() -> None:
    result = report([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 1, 0], ["cat", "dog", "owl"])
    assert (result["n"], result["correct"], result["accuracy"]) == (6, 4, 4 / 6)
    assert result["confusion"] == [[2, 1, 0], [0, 2, 0], [1, 0, 0]]
    assert result["per_class"]["dog"]["precision"] == pytest.approx(2 / 3)
    assert result["per_class"]["dog"]["recall"] == 1.0
    assert result["per_class"]["owl"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "clips": 1, "predicted": 0}


def test_the_text_says_what_the_report_says() -> None:
    truth = [0] * 990 + [1] * 10
    said = [0] * 940 + [1] * 50 + [0] * 2 + [1] * 8
    text = as_text(report(truth, said, ["nothing at all", "dog"]))
    assert "got 948 of 1000: 94.80 %" in text
    low, high = wilson_interval(948, 1000)
    assert f"{100 * low:.2f} to {100 * high:.2f} %" in text
    dog = next(line for line in text.splitlines() if line.startswith("dog")).split()
    assert dog[1:3] == ["10", "58"]
    assert text.splitlines()[-1].split()[-2:] == ["2", "8"]


def test_several_labels_a_clip_is_right_when_all_are() -> None:
    truth = np.array([[1, 0], [1, 1], [0, 0], [0, 1]], bool)
    said = np.array([[1, 0], [1, 0], [0, 0], [1, 1]], bool)
    result = report_multi_label(truth, said, ["bell", "dog"])
    assert (result["n"], result["correct"]) == (4, 2)
    assert result["confusion"] == [[[1, 1], [0, 2]], [[2, 0], [1, 1]]]
    assert result["per_class"]["bell"]["precision"] == pytest.approx(2 / 3)
    assert result["per_class"]["dog"]["recall"] == 0.5
    assert "got 2 of 4" in as_text(result)
