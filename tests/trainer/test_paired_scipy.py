"""McNemar's exact test against scipy's binomial test."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from auricle_shared.paired import mcnemar


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_p_is_the_binomial_tests(only_first: int, only_second: int) -> None:
    n = only_first + only_second
    first = np.arange(n) < only_first
    wanted = binomtest(only_first, n, 0.5).pvalue if n else 1.0
    assert mcnemar(first, ~first).p == pytest.approx(wanted, rel=1e-8, abs=1e-300)
