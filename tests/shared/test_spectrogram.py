"""The front end against the definition of the Fourier transform, and the laws of a stream."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auricle_shared.mel import mel_bands
from auricle_shared.settings import SpectrogramSettings
from auricle_shared.spectrogram import clip_spectrogram, constants, convert, pad_to_hop, spectrogram

SETTINGS = {
    "400/160": SpectrogramSettings(),
    "256/128 linear": SpectrogramSettings(
        kind="linear", window_seconds=0.016, hop_seconds=0.008, n_fft=256, bands=64, eps=1e-7
    ),
    "400/100": SpectrogramSettings(hop_seconds=0.00625),
    "400/160 linear": SpectrogramSettings(kind="linear", bands=100, eps=1e-7),
    "512/512": SpectrogramSettings(window_seconds=0.032, hop_seconds=0.032),
    "512/512 linear": SpectrogramSettings(kind="linear", window_seconds=0.032, hop_seconds=0.032, bands=256, eps=1e-7),
    "50/7 at 1 kHz": SpectrogramSettings(
        rate_hz=1000, window_seconds=0.05, hop_seconds=0.007, n_fft=64, bands=6, low_hz=50.0, high_hz=500.0
    ),
    "2/1 linear": SpectrogramSettings(
        kind="linear", rate_hz=1000, window_seconds=0.002, hop_seconds=0.001, n_fft=2, bands=1, eps=1e-6
    ),
}
ALL = pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)


def slow_frame(samples: list[float], settings: SpectrogramSettings) -> list[float]:
    """One frame from its window of samples, by the definition, in float64, sum by sum."""
    length = settings.window_samples
    hann = [0.5 - 0.5 * math.cos(2 * math.pi * n / length) for n in range(length)]
    bins = settings.bands if settings.kind == "linear" else settings.n_fft // 2 + 1
    power = []
    for k in range(bins):
        turn = -2j * math.pi * k / settings.n_fft
        value = sum(w * x * cmath.exp(turn * n) for n, (w, x) in enumerate(zip(hann, samples, strict=True)))
        power.append(abs(value / sum(hann)) ** 2)
    if settings.kind == "log_mel":
        mel = mel_bands(settings.rate_hz, settings.n_fft, settings.bands, settings.low_hz, settings.high_hz)
        power = [sum(p * m for p, m in zip(power, mel[:, b], strict=True)) for b in range(settings.bands)]
    return [math.log(p + settings.eps) for p in power]


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return (0.2 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def in_blocks(clip: np.ndarray, settings: SpectrogramSettings, hops: list[int]) -> np.ndarray:
    """The clip's frames when it comes in blocks of so many hops, the carry kept from block to block."""
    values = convert(constants(settings), lambda x: x.astype(np.float32))
    carry, done, parts = np.zeros(settings.carry_samples, np.float32), 0, []
    for count in hops:
        block = clip[done : done + count * settings.hop_samples]
        audio = np.concatenate([carry, block])
        parts.append(spectrogram(np, audio[None], values, settings)[0])
        carry, done = audio[len(audio) - settings.carry_samples :], done + len(block)
    assert done == len(clip)
    return np.concatenate(parts)


@ALL
def test_equals_the_definition(settings: SpectrogramSettings) -> None:
    clip = noise(5 * settings.hop_samples + settings.window_samples)
    found = clip_spectrogram(clip, settings)
    padded = [0.0] * settings.carry_samples + pad_to_hop(clip, settings.hop_samples).astype(float).tolist()
    for frame in (0, 1, len(found) - 1):
        start = frame * settings.hop_samples
        expected = slow_frame(padded[start : start + settings.window_samples], settings)
        np.testing.assert_allclose(found[frame], expected, atol=1e-4, rtol=0)


@ALL
def test_one_frame_a_hop_and_the_last_is_padded_at_its_end(settings: SpectrogramSettings) -> None:
    hop = settings.hop_samples
    clip = noise(10 * hop)
    assert clip_spectrogram(clip, settings).shape == (10, settings.bands)
    cut = clip[: 9 * hop + 1]
    whole = np.concatenate([cut, np.zeros(hop - 1, np.float32)])
    np.testing.assert_array_equal(clip_spectrogram(cut, settings), clip_spectrogram(whole, settings))


@ALL
@given(data=st.data())
def test_streamed_in_blocks_equals_whole(settings: SpectrogramSettings, data: st.DataObject) -> None:
    hops = data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=8))
    clip = noise(sum(hops) * settings.hop_samples, seed=len(hops))
    whole = clip_spectrogram(clip, settings)
    np.testing.assert_allclose(in_blocks(clip, settings, hops), whole, atol=1e-4, rtol=0)


@ALL
def test_streams_of_a_batch_do_not_touch(settings: SpectrogramSettings) -> None:
    values = convert(constants(settings), lambda x: x.astype(np.float32))
    audio = noise(3 * (settings.carry_samples + 4 * settings.hop_samples)).reshape(3, -1)
    together = spectrogram(np, audio, values, settings)
    for row, one in zip(together, audio, strict=True):
        np.testing.assert_allclose(row, spectrogram(np, one[None], values, settings)[0], atol=1e-4, rtol=0)


@ALL
def test_nothing_looks_ahead(settings: SpectrogramSettings) -> None:
    """A frame is fixed once its own hop is there, whatever comes after it."""
    hop = settings.hop_samples
    clip = noise(12 * hop)
    before = clip_spectrogram(clip, settings)
    for frame in (1, 5, 8):
        other = clip.copy()
        other[frame * hop :] = 1.0 - other[frame * hop :]
        after = clip_spectrogram(other, settings)
        np.testing.assert_array_equal(after[:frame], before[:frame])
        assert np.abs(after[frame:] - before[frame:]).max() > 0.1


@pytest.mark.parametrize("name", ["400/160", "400/160 linear", "400/100", "256/128 linear"])
def test_every_sample_is_heard(name: str) -> None:
    settings = SETTINGS[name]
    quiet = np.zeros(8 * settings.hop_samples, np.float32)
    silence = clip_spectrogram(quiet, settings)
    for at in range(2 * settings.hop_samples, 3 * settings.hop_samples, 7):
        clip = quiet.copy()
        clip[at] = 1.0
        assert (clip_spectrogram(clip, settings) > silence + 1).any()


@ALL
def test_silence_is_the_logarithm_of_eps(settings: SpectrogramSettings) -> None:
    found = clip_spectrogram(np.zeros(4 * settings.hop_samples), settings)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, math.log(settings.eps), rtol=1e-6)


@pytest.mark.parametrize("bin_number", [2, 10, 40, 63])
def test_full_scale_sine_is_a_quarter_in_its_bin(bin_number: int) -> None:
    """The window is divided by its sum, so a sine of amplitude 1 has power 1/4 in its own bin and, through the Hann
    window, 1/16 in the two beside it and nothing in any other."""
    settings = SETTINGS["256/128 linear"]
    t = np.arange(20 * 128)
    clip = np.sin(2 * np.pi * bin_number * t / 256 + 0.3)
    found = clip_spectrogram(clip, settings)[5:]
    np.testing.assert_allclose(found[:, bin_number], math.log(0.25), atol=1e-5)
    np.testing.assert_allclose(found[:, bin_number - 1], math.log(0.0625), atol=1e-5)
    others = np.delete(found, [b for b in (bin_number - 1, bin_number, bin_number + 1) if b < 64], axis=1)
    assert others.max() < math.log(2 * settings.eps)


@pytest.mark.parametrize("tone_hz", [150.0, 440.0, 1000.0, 3100.0, 6500.0])
def test_tone_is_loudest_in_the_band_around_it(tone_hz: float) -> None:
    settings = SpectrogramSettings()
    found = clip_spectrogram(np.sin(2 * np.pi * tone_hz * np.arange(8000) / 16000), settings)[10]
    fine = mel_bands(16000, 16000, settings.bands, settings.low_hz, settings.high_hz)  # a bin a hertz
    near = set(np.argsort(fine[round(tone_hz)])[-2:].tolist())  # the two bands whose triangles hold the tone
    assert int(found.argmax()) in near


@ALL
def test_ten_times_louder_is_a_hundred_times_the_power(settings: SpectrogramSettings) -> None:
    clip = noise(20 * settings.hop_samples)
    power = np.exp(clip_spectrogram(clip, settings).astype(np.float64)) - settings.eps
    expected = np.log(np.maximum(power, 0) / 100 + settings.eps)
    np.testing.assert_allclose(clip_spectrogram(clip / 10, settings), expected, atol=1e-4, rtol=0)


def test_constants_hold_no_bin_that_no_band_looks_at() -> None:
    values = constants(SpectrogramSettings(low_hz=300.0, high_hz=4000.0))
    assert (values.mel.max(axis=1)[[0, -1]] > 0).all()
    assert values.cosines.shape[1] == len(values.mel) < 130
