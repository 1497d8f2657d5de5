"""Other speeds: soxr as the witness, tones where they belong, a constant stays one, cut equals whole."""

from __future__ import annotations

import numpy as np
import pytest
import soxr
import torch

from auricle_trainer.augment.speed import filters, play

RATE = 16000
EDGE = 200


def played(x: np.ndarray, percent: int) -> np.ndarray:
    n = -(-len(x) * 100 // percent)
    one, given = np.array([0]), torch.tensor(x, dtype=torch.float32)
    flat, begin = play(given, one, np.array([n]), one, np.array([len(x)]), np.array([percent]))
    return flat[int(begin[0]) :][:n].numpy()


def speech_like(rng: np.random.Generator, highest_hz: float) -> np.ndarray:
    """One second of noise up to `highest_hz`, faded at its ends."""
    spectrum = np.fft.rfft(rng.standard_normal(RATE))
    spectrum[round(highest_hz) :] = 0
    return np.fft.irfft(spectrum) * np.hanning(RATE)


@pytest.mark.parametrize("percent", [85, 93, 107, 115])
def test_it_is_soxrs_resampling_below_its_edge(percent: int) -> None:
    """Noise up to 0.8 of half the lower rate: the difference to soxr is 70 dB below the sound."""
    x = speech_like(np.random.default_rng(percent), 0.8 * RATE / 2 * min(1, 100 / percent))
    wanted = soxr.resample(x, percent, 100, quality="VHQ")
    found = played(x, percent)
    n = min(len(found), len(wanted))
    error = np.sqrt(np.mean((found[:n] - wanted[:n]) ** 2) / np.mean(wanted**2))
    assert 20 * np.log10(error) < -70


@pytest.mark.parametrize(("percent", "hz"), [(85, 1000.0), (110, 3000.0), (115, 440.0)])
def test_a_tone_moves_by_the_factor_and_keeps_its_level(percent: int, hz: float) -> None:
    t = np.arange(RATE) / RATE
    found = played(np.sin(2 * np.pi * hz * t), percent)[EDGE:-EDGE]
    n = np.arange(EDGE, EDGE + len(found))
    np.testing.assert_allclose(found, np.sin(2 * np.pi * hz * percent / 100 * n / RATE), atol=1e-3)


def test_what_would_fold_back_is_gone() -> None:
    """7.9 kHz at 1.15 times is 9.1 kHz, which 16 kHz cannot hold."""
    t = np.arange(RATE) / RATE
    assert np.abs(played(np.sin(2 * np.pi * 7900 * t), 115)[EDGE:-EDGE]).max() < 1e-3


@pytest.mark.parametrize("percent", [85, 99, 100, 101, 115])
def test_a_constant_stays_a_constant(percent: int) -> None:
    found = played(np.full(4000, 0.25), percent)
    np.testing.assert_allclose(found[EDGE:-EDGE], 0.25, atol=1e-6)
    assert filters(percent).shape == (percent + 64, 100)


def test_at_its_own_speed_nothing_changes() -> None:
    x = np.random.default_rng(0).standard_normal(1234).astype(np.float32)
    assert np.array_equal(played(x, 100), x)


def test_parts_are_the_whole_cut_and_neighbours_are_not_heard() -> None:
    """Three sounds end to end in one row of samples; parts of any length in any order."""
    rng = np.random.default_rng(3)
    samples = torch.tensor(rng.integers(-3000, 3000, 9000), dtype=torch.int16)
    sounds = [(0, 2500), (2500, 3100), (3100, 9000)]
    asked = []
    for _ in range(40):
        low, high = sounds[rng.integers(3)]
        percent = int(rng.integers(85, 116))
        length = -(-(high - low) * 100 // percent)
        first = int(rng.integers(0, length))
        asked.append((first, int(rng.integers(1, length - first + 1)), low, high, percent))
    flat, begins = play(samples, *np.array(asked).T.copy())
    for (first, count, low, high, percent), begin in zip(asked, begins, strict=True):
        whole = played(samples[low:high].numpy(), percent)
        np.testing.assert_allclose(flat[begin : begin + count], whole[first : first + count], atol=0.02)
