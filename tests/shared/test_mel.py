"""Mel bands: what makes them triangles of unit area at the right frequencies."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auricle_shared.errors import SettingsError
from auricle_shared.mel import hz_to_mel, mel_bands, mel_to_hz
from auricle_shared.settings import SpectrogramSettings
from auricle_shared.spectrogram import constants

RATE_HZ, N_FFT, BANDS, LOW_HZ, HIGH_HZ = 16000, 8192, 40, 20.0, 8000.0
BIN_HZ = RATE_HZ / N_FFT


@pytest.fixture(scope="module")
def bands() -> np.ndarray:
    """[bins, bands] on bins so fine that a triangle has many of them."""
    return mel_bands(RATE_HZ, N_FFT, BANDS, LOW_HZ, HIGH_HZ)


def slaney_hz(mel: float) -> float:
    """Slaney's scale, written out for one number: 15 mels to 1 kHz, then 27 for a factor of 6.4."""
    return mel * 200 / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)


def edges_hz() -> list[float]:
    low = LOW_HZ * 3 / 200
    high = 15 + 27 * math.log(HIGH_HZ / 1000) / math.log(6.4)
    return [slaney_hz(low + (high - low) * i / (BANDS + 1)) for i in range(BANDS + 2)]


@pytest.mark.parametrize(("hz", "mel"), [(0, 0), (200, 3), (500, 7.5), (1000, 15), (6400, 42), (40960, 69)])
def test_known_points_of_the_scale(hz: float, mel: float) -> None:
    assert hz_to_mel(hz) == pytest.approx(mel, abs=1e-12)
    assert mel_to_hz(mel) == pytest.approx(hz, rel=1e-12)


@given(st.floats(0, 96000))
def test_scale_inverts(hz: float) -> None:
    assert float(mel_to_hz(hz_to_mel(hz))) == pytest.approx(hz, rel=1e-12, abs=1e-9)


@given(st.floats(0, 96000), st.floats(1e-3, 1000))
def test_scale_rises(hz: float, more: float) -> None:
    assert hz_to_mel(hz + more) > hz_to_mel(hz)


def test_unit_area(bands: np.ndarray) -> None:
    assert (bands >= 0).all()
    np.testing.assert_allclose(bands.sum(axis=0) * BIN_HZ, 1.0, atol=0.002)


def test_centres_lie_evenly_on_the_mel_scale(bands: np.ndarray) -> None:
    peaks_hz = bands.argmax(axis=0) * BIN_HZ
    np.testing.assert_allclose(peaks_hz, edges_hz()[1:-1], atol=BIN_HZ / 2 + 1e-9)


def test_each_band_is_a_triangle_between_its_neighbours_centres(bands: np.ndarray) -> None:
    edges = edges_hz()
    for b in range(BANDS):
        low, centre, high = edges[b : b + 3]
        used = np.flatnonzero(bands[:, b]) * BIN_HZ
        assert low < used[0] < low + BIN_HZ + 1e-9
        assert high - BIN_HZ - 1e-9 < used[-1] < high
        height = 2 / (high - low)  # area 1
        for hz, weight in zip(used, bands[bands[:, b] > 0, b], strict=True):
            slope = (hz - low) / (centre - low) if hz < centre else (high - hz) / (high - centre)
            assert weight == pytest.approx(height * slope, abs=1e-9)


def test_neighbours_share_every_frequency_out(bands: np.ndarray) -> None:
    """Scaled to height 1, the triangles add up to 1 everywhere between the first and the last centre."""
    edges = np.array(edges_hz())
    unit = bands * (edges[2:] - edges[:-2]) / 2
    hz = np.arange(N_FFT // 2 + 1) * BIN_HZ
    inside = (hz >= edges[1]) & (hz <= edges[-2])
    np.testing.assert_allclose(unit.sum(axis=1)[inside], 1.0, atol=1e-9)


def test_band_that_no_bin_falls_into_is_refused() -> None:
    settings = SpectrogramSettings(window_seconds=0.008, hop_seconds=0.004, n_fft=128, bands=64)
    with pytest.raises(SettingsError, match=r"of 64 .* n_fft = 128"):
        constants(settings)
