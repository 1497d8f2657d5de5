"""What another front end costs: the right ones cost nothing, the wrong ones are really wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
import torch

from auricle_shared.evaluate import clip_frame_logits, evaluate
from auricle_shared.pack import Pack
from auricle_shared.settings import SpectrogramSettings
from auricle_shared.spectrogram import clip_spectrogram
from auricle_trainer.config import load_config
from auricle_trainer.mismatch import judged, librosa_log_mel, variants
from auricle_trainer.torch_scorer import TorchScorer, open_if_checkpoint
from auricle_trainer.train import train


@pytest.fixture(scope="module")
def run(tones: Pack, noise: Pack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mismatch") / "run"
    train(load_config("tiny", ["training.epochs=3"]), tones, noise, folder, torch.device("cpu"), seed=0)
    return folder


@pytest.fixture(scope="module")
def scorer(run: Path) -> TorchScorer:
    found = open_if_checkpoint(run)
    assert found is not None
    return found


def test_the_right_features_give_evaluations_own_numbers(scorer: TorchScorer, tones: Pack) -> None:
    clips = list(range(len(tones)))
    wanted = evaluate(scorer, tones, clips)
    for name, features in list(variants(scorer.metadata.spectrogram).items())[:2]:
        found = judged(scorer, tones, clips, features)
        assert found["confusion"] == wanted["confusion"], name
    assert clip_frame_logits(scorer, tones, [3])[0].std() > 0.1


def test_librosa_s_features_are_ours(scorer: TorchScorer, rng: np.random.Generator) -> None:
    settings = scorer.metadata.spectrogram
    for samples in (400, 8000, 12345):
        clip = rng.uniform(-0.5, 0.5, samples).astype(np.float32)
        np.testing.assert_allclose(librosa_log_mel(clip, settings), clip_spectrogram(clip, settings), atol=2e-3)


@pytest.mark.parametrize(("window_seconds", "count"), [(0.025, 14), (0.032, 13)])
def test_every_variant_is_another_front_end(window_seconds: float, count: int, rng: np.random.Generator) -> None:
    """Each differs from the right one as its name says it does; a window of 32 ms is as long as n_fft anyway."""
    settings = SpectrogramSettings(window_seconds=window_seconds)
    clip = (0.3 * rng.standard_normal(16000)).astype(np.float32)
    clip[4000:8000] = 0
    found = {name: features(clip) for name, features in variants(settings).items()}
    right = found.pop("the same function")
    assert np.abs(found.pop("librosa with the same parameters") - right).max() < 2e-3
    assert len(found) == count
    for name, features in found.items():
        assert features.shape[1] == right.shape[1] and np.isfinite(features).all(), name
        n = min(len(features), len(right))
        assert np.abs(features[:n] - right[:n]).max() > 0.1, f"{name} changes nothing"
    loud = np.abs(right) < 10
    decibels = found["decibels instead of natural logarithm"]
    np.testing.assert_allclose(decibels[loud], right[loud] * 4.342945, rtol=1e-3)
    scaled = found["int16 not divided by 32768"]
    np.testing.assert_allclose(scaled[8:20] - right[8:20], 2 * np.log(32768), atol=1e-2)


def test_the_command_tells_every_row(
    run: Path, tones: Pack, tmp_path: Path, run_auricle: Callable[..., CompletedProcess[str]]
) -> None:
    done = run_auricle("mismatch", run, "--data", tones.path, "--json", tmp_path / "rows.json")
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert len(done.stdout.splitlines()) == len(rows) >= 14
    assert all(set(row) == {"at_use_time", "accuracy", "n"} and row["n"] == 8 for row in rows)
    wrong = run_auricle("mismatch", tmp_path / "none", "--data", tones.path, check=False)
    assert wrong.returncode == 1 and "no run and no checkpoint" in wrong.stderr and "Traceback" not in wrong.stderr
