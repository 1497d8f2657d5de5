"""McNemar's test and the paired interval as laws: symmetry, exact small cases, coverage on made truths.

scipy's binomial test stands by as a witness in tests/trainer/test_paired_scipy.py.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auricle_shared.paired import mcnemar, paired_difference

OUTCOMES = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)


def two(outcomes: list[tuple[bool, bool]]) -> tuple[np.ndarray, np.ndarray]:
    pairs = np.array(outcomes, bool)
    return pairs[:, 0], pairs[:, 1]


@given(OUTCOMES)
def test_exchanged_models_exchange_everything(outcomes: list[tuple[bool, bool]]) -> None:
    a, b = two(outcomes)
    there, back = mcnemar(a, b), mcnemar(b, a)
    assert (there.only_first, there.only_second, there.p) == (back.only_second, back.only_first, back.p)
    one, other = paired_difference(a, b), paired_difference(b, a)
    assert one.difference == pytest.approx(-other.difference)
    assert one.interval_95 == pytest.approx((-other.interval_95[1], -other.interval_95[0]))


@given(OUTCOMES)
def test_the_interval_holds_the_difference_and_stays_possible(outcomes: list[tuple[bool, bool]]) -> None:
    a, b = two(outcomes)
    found = paired_difference(a, b)
    low, high = found.interval_95
    assert -1 <= low <= found.difference <= high <= 1
    assert found.difference == pytest.approx(b.mean() - a.mean())


def test_nothing_changed_is_no_evidence_and_no_certainty() -> None:
    a = np.arange(200) % 3 > 0
    assert mcnemar(a, a).to_dict() == {"n": 0, "only_first": 0, "only_second": 0, "p": 1.0}
    found = paired_difference(a, a)
    assert found.difference == 0 and 0.003 < found.interval_95[1] < 0.03
    fewer = paired_difference(a[:20], a[:20])
    assert fewer.interval_95[1] > found.interval_95[1]


@pytest.mark.parametrize("n", [1, 2, 5, 9, 12])
def test_every_way_the_coins_can_fall_is_counted(n: int) -> None:
    """p is the share of all 2^n ways in which the changed clips could have fallen that are at least as uneven."""
    for worse in range(n + 1):
        a, b = np.arange(n) < worse, np.arange(n) >= worse
        uneven = [abs(2 * sum(way) - n) >= abs(2 * worse - n) for way in product((0, 1), repeat=n)]
        assert mcnemar(a, b).p == pytest.approx(float(Fraction(sum(uneven), 2**n)))


def test_clips_that_both_get_right_or_wrong_change_no_p() -> None:
    a, b = np.array([1, 1, 0, 0, 0, 0], bool), np.array([0, 0, 1, 1, 1, 1], bool)
    more = np.ones(1000, bool)
    assert mcnemar(np.append(a, more), np.append(b, more)).p == mcnemar(a, b).p


def test_a_thousand_changed_clips_are_no_overflow() -> None:
    a = np.arange(5000) < 2400
    assert 0.004 < mcnemar(a, ~a).p < 0.006  # 2400 : 2600 are 2.83 deviations of 35.4 apart from even
    assert mcnemar(np.ones(5000), np.zeros(5000)).p < 1e-300


def test_bonett_and_price_by_their_formula() -> None:
    """n12 = 9, n21 = 3 of 40: (n12 + 1) and (n21 + 1) of n + 2, a Wald interval."""
    worse, better, n = 9, 3, 40
    a, b = np.zeros(n, bool), np.zeros(n, bool)
    a[:worse], b[worse : worse + better] = True, True
    p, q = (worse + 1) / (n + 2), (better + 1) / (n + 2)
    half = 1.959964 * np.sqrt((p + q - (p - q) ** 2) / (n + 2))
    assert paired_difference(a, b).interval_95 == pytest.approx((q - p - half, q - p + half), abs=1e-6)


@pytest.mark.parametrize(("n", "changed", "truth"), [(40, 0.1, 0.0), (300, 0.02, 0.01), (800, 0.05, -0.01)])
def test_the_interval_covers_the_truth_nineteen_times_in_twenty(n: int, changed: float, truth: float) -> None:
    rng, held = np.random.default_rng(n), 0
    for _ in range(1000):
        u = rng.random(n)
        change = np.where(u < (changed + truth) / 2, 1, np.where(u < changed, -1, 0))
        low, high = paired_difference(change < 0, change > 0).interval_95
        held += low <= truth <= high
    assert 930 <= held <= 1000


def test_the_same_clips_again_are_not_more_clips() -> None:
    """Ten orders of one outcome tell what one order tells; ten times as many clips would tell more."""
    rng = np.random.default_rng(3)
    a, b = rng.random(200) < 0.9, rng.random(200) < 0.85
    orders = np.mean([b] * 10, axis=0)
    assert paired_difference(a, orders) == paired_difference(a, b)
    more = paired_difference(np.tile(a, 10), np.tile(b, 10)).interval_95
    assert more[1] - more[0] < 0.5 * np.ptp(paired_difference(a, b).interval_95)


def test_several_nets_that_differ_widen_the_interval() -> None:
    rng = np.random.default_rng(4)
    a = rng.random((3, 500)) < 0.9
    alike = np.stack([np.where(rng.random(500) < 0.05, ~row, row) for row in a])
    apart = np.stack([np.where(rng.random(500) < p, ~row, row) for row, p in zip(a, (0.0, 0.05, 0.2), strict=True)])
    widths = [np.ptp(paired_difference(a, b).interval_95) for b in (alike, apart)]
    assert widths[1] > 2 * widths[0]
    assert paired_difference(a[:1], apart[:1]) == paired_difference(a[0], apart[0])


def test_three_nets_trained_again_are_covered() -> None:
    """Nets that lose or win 1 point by their seed alone: the interval is about recipes, not about these three."""
    rng, held = np.random.default_rng(5), 0
    for _ in range(600):
        lean = np.clip(0.5 + rng.normal(0, 0.1, (3, 1)), 0, 1)  # 5 % of the clips change, this part of them for better
        u, better = rng.random((3, 800)) < 0.05, rng.random((3, 800)) < lean
        low, high = paired_difference(u & ~better, u & better).interval_95
        held += low <= 0 <= high
    assert held >= 0.9 * 600


def test_other_clips_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(3,\) and \(4,\)"):
        mcnemar(np.zeros(3, bool), np.zeros(4, bool))
