"""Training's front end on a CPU against the one that is shipped."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from auricle_shared.settings import SpectrogramSettings
from auricle_shared.spectrogram import constants, spectrogram
from auricle_trainer.config import load_config
from auricle_trainer.models.fourier import STREAMS_AT_ONCE, fourier_spectrogram
from auricle_trainer.train import make_classifier

LINEAR = SpectrogramSettings(kind="linear", n_fft=256, window_seconds=0.016, hop_seconds=0.008, bands=64)
SHORT = SpectrogramSettings(window_seconds=0.025, hop_seconds=0.01, eps=1e-6)  # the window is shorter than n_fft


@pytest.mark.parametrize("settings", [SpectrogramSettings(), LINEAR, SHORT, load_config("gru").spectrogram])
@pytest.mark.parametrize("streams", [1, STREAMS_AT_ONCE + 1])
def test_it_is_the_spectrogram(settings: SpectrogramSettings, streams: int) -> None:
    """Against the one function in float64, for noise and for a tone that leaves its neighbours to eps."""
    rng = np.random.default_rng(0)
    samples = settings.carry_samples + 11 * settings.hop_samples
    tone = 0.5 * np.sin(np.arange(samples) * 0.3)
    for audio in (rng.standard_normal((streams, samples)) * 0.1, np.tile(tone, (streams, 1))):
        wanted = spectrogram(np, audio, constants(settings), settings)
        found = fourier_spectrogram(torch.tensor(audio, dtype=torch.float32), settings)
        assert found.shape == wanted.shape
        bound = 2e-5 + 1e-6 * np.exp((wanted.max() - wanted) / 2)  # an amplitude is known to 1e-7 of the loudest
        assert (np.abs(found.numpy() - wanted) < bound).all()


def test_only_training_on_a_cpu_uses_it() -> None:
    model = make_classifier(load_config("tiny"), 3)
    joined = torch.randn(2, model.settings.carry_samples + 7 * model.settings.hop_samples) * 0.1
    judged, trained = model.eval().features(joined), model.train().features(joined)
    assert not torch.equal(judged, trained), "the two sum in another order"
    torch.testing.assert_close(judged, trained, atol=1e-4, rtol=0)
