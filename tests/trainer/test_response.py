"""Other microphones: a response drawn along the bands is what a filter of that response does to the audio."""

from __future__ import annotations

import numpy as np
import torch

from auricle_shared.settings import SpectrogramSettings
from auricle_shared.spectrogram import constants, spectrogram
from auricle_trainer.augment.response import draw_response, respond


def test_a_response_on_features_is_a_filter_on_the_audio() -> None:
    """Independent witness: the same response applied to the spectrum of the whole audio, before the front end."""
    settings = SpectrogramSettings()
    rng = np.random.default_rng(0)
    audio = rng.normal(0, 0.1, 16000)
    # A response that is flat within bands: 6 dB cut below 2 kHz, 4 dB boost above, and nothing is asked near the edge.
    edge_hz, low_db, high_db = 2000.0, -6.0, 4.0
    hz = np.fft.rfftfreq(len(audio), 1 / settings.rate_hz)
    filtered = np.fft.irfft(np.fft.rfft(audio) * 10 ** (np.where(hz < edge_hz, low_db, high_db) / 20), len(audio))
    values = constants(settings)

    def features(samples: np.ndarray) -> np.ndarray:
        joined = np.concatenate([np.zeros(settings.carry_samples), samples])
        length = len(joined) - (len(joined) - settings.carry_samples) % settings.hop_samples
        return spectrogram(np, joined[None, :length], values, settings)[0]

    deviation = rng.uniform(0.5, 3.0, settings.bands)
    assert values.mel is not None
    centre_hz = np.fft.rfftfreq(settings.n_fft, 1 / settings.rate_hz)[: len(values.mel)][values.mel.argmax(0)]
    response_db = np.where(centre_hz < edge_hz, low_db, high_db)
    plain, wanted = features(audio) / deviation, features(filtered) / deviation
    found = respond(*(torch.from_numpy(x) for x in (plain[None], response_db[None], deviation)))[0].numpy()
    far = abs(centre_hz - edge_hz) > 400
    assert far.sum() > 30
    np.testing.assert_allclose(found[2:-2, far], wanted[2:-2, far], atol=0.05)
    assert abs(plain - wanted)[2:-2, far].min() > 0.2


def test_draws_reach_their_points_are_straight_between_them_and_follow_their_generator() -> None:
    generators = [torch.Generator().manual_seed(s) for s in (1, 1, 2)]
    a, b, c = (draw_response(2000, 41, 6.0, 5, g, torch.device("cpu")) for g in generators)
    assert torch.equal(a, b) and not torch.equal(a, c)
    assert -6 <= a.min() < -5.9 and 5.9 < a.max() <= 6 and abs(float(a.mean())) < 0.2
    places = np.arange(41)
    wanted = [np.interp(places, places[::10], row[::10]) for row in a.numpy()]
    np.testing.assert_allclose(a.numpy(), np.array(wanted), atol=1e-5)
