"""The front end against librosa in float64, and its one body run by torch against the same body run by NumPy."""

from __future__ import annotations

import csv
from pathlib import Path

import librosa
import numpy as np
import pytest
import torch

from auricle_shared.audio import read_audio
from auricle_shared.settings import SpectrogramSettings
from auricle_shared.spectrogram import clip_spectrogram, constants, convert, pad_to_hop, spectrogram
from auricle_trainer.config import load_config

RATE_HZ = 16000
LOG_MEL = load_config("gru").spectrogram
LINEAR = load_config("gru_linear").spectrogram
LOG_MEL_64 = SpectrogramSettings(window_seconds=0.032, hop_seconds=0.020, n_fft=1024, bands=64, low_hz=50.0)
ALL = pytest.mark.parametrize("settings", [LOG_MEL, LINEAR, LOG_MEL_64], ids=["log_mel", "linear", "log_mel_64"])


def by_librosa(clip: np.ndarray, settings: SpectrogramSettings) -> np.ndarray:
    """[F, bands] in float64 by librosa alone.

    librosa centres the window in n_fft samples, so the audio is shifted by half of what that adds.
    """
    audio = pad_to_hop(clip.astype(np.float64), settings.hop_samples)
    frames = len(audio) // settings.hop_samples
    margin = (settings.n_fft - settings.window_samples) // 2
    audio = np.pad(audio, (settings.carry_samples + margin, settings.n_fft))
    transform = librosa.stft(
        audio,
        n_fft=settings.n_fft,
        win_length=settings.window_samples,
        hop_length=settings.hop_samples,
        window="hann",
        center=False,
        dtype=np.complex128,
    )
    hann = librosa.filters.get_window("hann", settings.window_samples)
    power = np.abs(transform[:, :frames]) ** 2 / hann.sum() ** 2
    if settings.kind == "linear":
        bands = power[: settings.bands]
    else:
        mel = librosa.filters.mel(
            sr=settings.rate_hz,
            n_fft=settings.n_fft,
            n_mels=settings.bands,
            fmin=settings.low_hz,
            fmax=settings.high_hz,
            htk=False,
            norm="slaney",
            dtype=np.float64,
        )
        bands = mel @ power
    return np.log(bands.T + settings.eps)


def made_clips() -> dict[str, np.ndarray]:
    """Two seconds each: what speech, machines and whistles are like, loud and quiet."""
    rng = np.random.default_rng(5)
    t = np.arange(2 * RATE_HZ) / RATE_HZ
    syllables = np.maximum(0.0, np.sin(2 * np.pi * 3.1 * t)) ** 2
    low_passed = np.convolve(rng.standard_normal(len(t) + 8), np.hanning(9), "valid")
    return {
        "speech-like noise": 0.1 * syllables * low_passed,
        "noise": 0.3 * rng.standard_normal(len(t)).clip(-3, 3),
        "quiet noise": 1e-3 * rng.standard_normal(len(t)),
        "tone 440 Hz": 0.25 * np.sin(2 * np.pi * 440 * t),
        "square 520 Hz": 0.4 * np.sign(np.sin(2 * np.pi * 520 * t)),
        "chirp": 0.25 * np.sin(2 * np.pi * (100 * t + 1900 * t**2)),
        "click": np.eye(1, len(t), 5000)[0],
        "silence": np.zeros(len(t)),
        "off the hop": 0.1 * rng.standard_normal(12345),
    }


CLIPS = made_clips()


@ALL
@pytest.mark.parametrize("name", CLIPS)
def test_equals_librosa(settings: SpectrogramSettings, name: str) -> None:
    clip = CLIPS[name].astype(np.float32)
    ours, witness = clip_spectrogram(clip, settings), by_librosa(clip, settings)
    assert ours.shape == witness.shape
    assert np.abs(ours - witness).max() <= 1e-4


@ALL
@pytest.mark.parametrize("tone_hz", [440.0, 1000.0, 3100.0])
def test_full_scale_tone_is_limited_by_float32_alone(settings: SpectrogramSettings, tone_hz: float) -> None:
    """Beside a full-scale tone a bin as weak as eps is a sum that cancels; its rounding may differ between CPUs."""
    clip = np.sin(2 * np.pi * tone_hz * np.arange(RATE_HZ) / RATE_HZ).astype(np.float32)
    assert np.abs(clip_spectrogram(clip, settings) - by_librosa(clip, settings)).max() <= 5e-4


@ALL
def test_equals_librosa_on_real_speech(settings: SpectrogramSettings, auricle_data: Path) -> None:
    with open(auricle_data / "speech_commands" / "manifest.csv", newline="", encoding="utf-8") as file:
        paths = [row["path"] for row in csv.DictReader(file)][::25]
    assert len(paths) > 100
    worst = 0.0
    for path in paths:
        clip, _ = read_audio(auricle_data / "speech_commands" / path, RATE_HZ)
        worst = max(worst, float(np.abs(clip_spectrogram(clip, settings) - by_librosa(clip, settings)).max()))
    assert worst <= 1e-4


@pytest.mark.parametrize("shift", ["early", "late"])
def test_the_witness_would_notice_one_sample(shift: str) -> None:
    clip = CLIPS["noise"].astype(np.float32)
    moved = np.roll(clip, -1 if shift == "early" else 1)
    assert np.abs(clip_spectrogram(moved, LOG_MEL) - by_librosa(clip, LOG_MEL)).max() > 0.01


@ALL
def test_torch_runs_the_same_body(settings: SpectrogramSettings) -> None:
    batch = np.stack([CLIPS["noise"], CLIPS["chirp"], CLIPS["speech-like noise"]]).astype(np.float32)
    batch = batch[:, : batch.shape[1] // settings.hop_samples * settings.hop_samples]
    audio = np.pad(batch, ((0, 0), (settings.carry_samples, 0)))
    values = convert(constants(settings), lambda x: torch.tensor(x, dtype=torch.float32))
    by_torch = spectrogram(torch, torch.from_numpy(audio), values, settings).numpy()
    assert by_torch.dtype == np.float32
    for found, clip in zip(by_torch, batch, strict=True):
        np.testing.assert_allclose(found, clip_spectrogram(clip, settings), atol=5e-5, rtol=0)


@ALL
def test_float64_settles_what_float32_cannot(settings: SpectrogramSettings) -> None:
    """In float64 the same body and librosa differ by rounding alone: the method is the same."""
    clip = CLIPS["chirp"]
    audio = np.pad(pad_to_hop(clip, settings.hop_samples), (settings.carry_samples, 0))
    ours = spectrogram(np, audio[None], constants(settings), settings)[0]
    assert ours.dtype == np.float64
    np.testing.assert_allclose(ours, by_librosa(clip, settings), atol=1e-8, rtol=0)


def test_gradients_reach_the_audio() -> None:
    audio = torch.full((1, LOG_MEL.carry_samples + 5 * LOG_MEL.hop_samples), 0.01, requires_grad=True)
    values = convert(constants(LOG_MEL), lambda x: torch.tensor(x, dtype=torch.float32))
    spectrogram(torch, audio, values, LOG_MEL).sum().backward()
    assert audio.grad is not None
    assert torch.isfinite(audio.grad).all()
    assert (audio.grad != 0).any()
