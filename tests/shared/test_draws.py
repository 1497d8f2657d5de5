"""Random numbers by address: uniform, independent, and the same whoever asks."""

from __future__ import annotations

import numpy as np
import pytest

from auricle_shared.draws import Purpose, shuffled, uniform

MANY = np.arange(20000)


def bits(values: np.ndarray, count: int) -> np.ndarray:
    return np.floor(values * count).astype(int)


@pytest.mark.parametrize("purpose", Purpose)
def test_uniform_along_numbers_and_along_streams(purpose: Purpose) -> None:
    """Chi-square over 20 bins: 19 degrees of freedom, above 50 once in 8000 good generators."""
    for values in (uniform(7, purpose, np.zeros(1), MANY), uniform(7, purpose, MANY, np.zeros(1))):
        assert values.min() >= 0 and values.max() < 1
        counts = np.bincount(bits(values, 20), minlength=20)
        expected = len(values) / 20
        assert ((counts - expected) ** 2 / expected).sum() < 50


@pytest.mark.parametrize(
    "other",
    [
        uniform(7, Purpose.SNR, np.zeros(1), MANY),  # another purpose
        uniform(7, Purpose.GAP, np.ones(1), MANY),  # another stream
        uniform(8, Purpose.GAP, np.zeros(1), MANY),  # another seed
        uniform(7, Purpose.GAP, np.zeros(1), MANY + 1),  # the next number
        uniform(7, Purpose.GAP, MANY, np.zeros(1)),  # stream and number exchanged
    ],
    ids=["purpose", "stream", "seed", "number", "exchanged"],
)
def test_addresses_are_independent(other: np.ndarray) -> None:
    """The joint counts of two draws in 8 x 8 cells are flat: chi-square with 63 degrees of freedom."""
    values = uniform(7, Purpose.GAP, np.zeros(1), MANY)
    # A stream and a number exchanged share the address (0, 0); nothing else may be shared.
    assert np.mean(values == other) < 1e-3
    joint = np.zeros((8, 8))
    np.add.at(joint, (bits(values, 8), bits(other, 8)), 1)
    expected = len(values) / 64
    assert ((joint - expected) ** 2 / expected).sum() < 130
    assert abs(np.corrcoef(values, other)[0, 1]) < 0.03


def test_same_address_same_number_whoever_asks() -> None:
    streams, numbers = np.arange(6)[:, None], np.arange(5)[None]
    table = uniform(3, Purpose.SNR, streams, numbers)
    assert table.shape == (6, 5)
    for stream in (5, 0, 3):
        for number in (4, 1):
            assert uniform(3, Purpose.SNR, np.asarray(stream), np.asarray(number)) == table[stream, number]
    assert len(np.unique(table)) == table.size


def test_numbers_far_away_are_as_good() -> None:
    values = uniform(2**40, Purpose.RESET, np.asarray(2**33), MANY + 2**50)
    assert abs(values.mean() - 0.5) < 4 / np.sqrt(12 * len(values))
    assert len(np.unique(values)) == len(values)


def test_shuffled_is_an_order_that_changes_with_everything_it_is_drawn_from() -> None:
    first = shuffled(1, 0, 50)
    assert sorted(first.tolist()) == list(range(50))
    assert np.array_equal(first, shuffled(1, 0, 50))
    for other in (shuffled(2, 0, 50), shuffled(1, 1, 50), shuffled(1, 0, 50, salt=1)):
        assert not np.array_equal(first, other)
