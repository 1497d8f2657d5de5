"""Calibration of a run: fitted where there is enough, said where there is not, and never a weight touched."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar  # comes with librosa
from scipy.special import log_softmax
from sklearn.calibration import calibration_curve

from auricle_shared.calibration import fit_temperature, reliability
from auricle_shared.errors import DataError, SettingsError
from auricle_shared.evaluate import evaluate
from auricle_shared.metadata import BACKGROUND
from auricle_shared.pack import Pack, PackWriter
from auricle_shared.settings import EventSettings
from auricle_trainer import calibrate as calibrate_module
from auricle_trainer.calibrate import calibrate_run, scene_settings, training_side
from auricle_trainer.calibration_text import as_text
from auricle_trainer.checkpoint import load_checkpoint, restore, save_checkpoint, weights_hash
from auricle_trainer.config import load_config
from auricle_trainer.torch_scorer import open_if_checkpoint
from auricle_trainer.train import train

Run = Callable[..., CompletedProcess[str]]
CPU = torch.device("cpu")
RATE = 16000


@pytest.fixture(scope="module")
def many_tones(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """Tones of vague pitch, 24 of a class for validation."""
    rng = np.random.default_rng(0)
    with PackWriter(tmp_path_factory.mktemp("packs") / "many", RATE) as writer:
        for i in range(96):
            t = np.arange(round(RATE * rng.uniform(0.3, 0.6))) / RATE
            label, hz = (("high", 1600), ("low", 800))[i % 2]
            samples = 0.3 * np.sin(2 * np.pi * hz * 2 ** rng.normal(0, 0.25) * t)
            writer.add(samples.astype(np.float32), [label], split=("train", "val")[i // 2 % 2])
    return Pack.open(writer.path)


@pytest.fixture(scope="module")
def negatives(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """Ten minutes to calibrate on, with a tone every few seconds, and one recording of another split."""
    rng = np.random.default_rng(1)
    with PackWriter(tmp_path_factory.mktemp("packs") / "negatives", RATE) as writer:
        for split in ("train", "train", "val"):
            samples = rng.standard_normal(301 * RATE) * 0.01
            for start in range(RATE, 299 * RATE, 6 * RATE):
                t = np.arange(RATE // 2) / RATE
                samples[start : start + len(t)] += 0.05 * np.sin(2 * np.pi * 3000 * 2 ** rng.normal(0, 0.5) * t)
            writer.add(samples.astype(np.float32), [BACKGROUND], split=split)
    return Pack.open(writer.path)


@pytest.fixture(scope="module")
def finished(many_tones: Pack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run trained with a synthetic background."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    config = load_config("tiny", ["training.epochs=6", "calibration.minutes=3"])
    train(config, many_tones, None, folder, CPU, seed=0)
    return folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


def best(folder: Path) -> tuple[dict[str, Any], Any, Any]:
    values = load_checkpoint(folder / "checkpoints" / "best.pt")
    return values, *restore(values)[:2]


def test_the_end_of_training_calibrates_what_it_can(finished: Path) -> None:
    values, model, metadata = best(finished)
    record = metadata.provenance["calibration"]
    assert record["temperature"] == metadata.temperature != 1.0
    assert 0 <= record["ece_after"] <= record["ece_before"] + 0.02  # it is fitted to the likelihood, not to the bins
    assert record["validation_clips"] == {"high": 24, "low": 24} and record["frames"] > 0
    for label in ("high", "low"):  # a synthetic background says nothing about false alarms
        assert "minutes of negatives" in record["events"][label]["defaults"]
        assert metadata.event_settings(label) == EventSettings()
    assert metadata.provenance["checkpoint_hash"] == weights_hash(model)
    assert json.loads((finished / "calibration.json").read_text()) == record
    assert (finished / "pictures" / "reliability.png").stat().st_size > 0
    assert values["step"] > 0 and values["optimizer"]["state"]


def test_the_command_fits_thresholds_and_leaves_the_weights_alone(
    run: Path, many_tones: Pack, negatives: Pack, auricle_here: Run
) -> None:
    before, old_model, old = best(run)
    options = ("--negatives", negatives.path, "--false-alarms-per-hour", 40, "--minutes", 4)
    told = json.loads(auricle_here("calibrate", run, *options, "--json").stdout)
    after, model, metadata = best(run)
    assert weights_hash(model) == weights_hash(old_model) == metadata.provenance["checkpoint_hash"]
    assert {k for k in before if k not in ("model", "optimizer", "bank", "generator", "torch_random")} == {
        k for k in after if k not in ("model", "optimizer", "bank", "generator", "torch_random")
    }
    assert torch.equal(before["generator"], after["generator"]) and before["step"] == after["step"]
    record = json.loads((run / "run.json").read_text())
    assert record["event_settings"] == json.loads(after["metadata"]["auricle.events"])
    assert record["event_settings"] != json.loads(before["metadata"]["auricle.events"])
    assert record["temperature"] == metadata.temperature
    record = metadata.provenance["calibration"]
    assert record["negatives"]["recordings"] == 2, "the recording of another split stays for evaluation"
    assert record["negatives"]["hours"] == pytest.approx(602 / 3600, rel=0.01)
    rate = record["false_alarms_per_hour"]
    assert rate["wanted"] == 40 and rate["reached"] <= 40
    for label in ("high", "low"):
        fitted = record["events"][label]
        assert not fitted["defaults"] and fitted["before"]["events"] >= 20
        assert metadata.event_settings(label) == EventSettings(**fitted["settings"])
        assert f"{fitted['settings']['on_threshold']:.3f}" in as_text(record)
    assert "wanted 40 an hour" in as_text(record)
    again = auricle_here("calibrate", run, *options).stdout
    assert told == record == best(run)[2].provenance["calibration"], "calibrating twice is calibrating once"
    assert again.strip() == as_text(record)


def test_calibration_moves_no_decision_about_clips(run: Path, many_tones: Pack) -> None:
    def figures() -> Any:
        scorer = open_if_checkpoint(run)
        assert scorer is not None
        result = evaluate(scorer, many_tones, many_tones.select("val"))
        return result["correct"], result["confusion"]

    found = []
    for temperature in (0.3, 1.0, 4.0):
        values = load_checkpoint(run / "checkpoints" / "best.pt")
        strings = {**values["metadata"], "auricle.temperature": str(temperature)}
        save_checkpoint(run / "checkpoints" / "best.pt", {**values, "metadata": strings})
        found.append(figures())
    assert found[0] == found[1] == found[2]


def test_thresholds_of_the_config_win(many_tones: Pack, negatives: Pack, tmp_path: Path) -> None:
    own = "events.high={on_threshold = 0.83, off_threshold = 0.2}"
    config = load_config("tiny", ["training.epochs=1", "calibration.minutes=3", own])
    train(config, many_tones, negatives, tmp_path / "one", CPU, seed=0)
    _, _, metadata = best(tmp_path / "one")
    record = metadata.provenance["calibration"]
    assert metadata.event_settings("high") == EventSettings(on_threshold=0.83, off_threshold=0.2)
    assert not record["events"]["low"]["defaults"] and "high" not in record["events"]
    assert metadata.temperature == 1.0, "0.83 was chosen for scores as they are"
    assert "thresholds of the config for high" in as_text(record)


def test_a_table_for_all_classes_leaves_nothing_to_fit(
    many_tones: Pack, noise: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibrate_module, "score_scenes", None)  # calling it fails
    config = load_config("tiny", ["training.epochs=1", "events.default={on_threshold = 0.9}"])
    train(config, many_tones, noise, tmp_path / "run", CPU, seed=0)
    _, _, metadata = best(tmp_path / "run")
    assert metadata.temperature == 1.0 and metadata.event_settings("low") == EventSettings(on_threshold=0.9)
    assert "the config sets the thresholds" in as_text(metadata.provenance["calibration"])


def test_a_small_folder_keeps_the_defaults_and_hears_why(
    tones: Pack, noise: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(calibrate_module, "score_scenes", None)  # no time is spent on what cannot be fitted
    train(load_config("tiny", ["training.epochs=1"]), tones, noise, tmp_path / "run", CPU, seed=0)
    _, _, metadata = best(tmp_path / "run")
    assert metadata.temperature == 1.0 and metadata.event_settings("low") == EventSettings()
    assert "4 validation clips; 20 are needed" in capsys.readouterr().err


def test_other_data_are_refused_and_lost_data_are_asked_for(
    run: Path, tones: Pack, many_tones: Pack, auricle_here: Run
) -> None:
    with pytest.raises(DataError, match="fingerprint.*was trained on"):
        calibrate_run(run, tones, Pack.open(run / "background"), None, CPU)
    record = json.loads((run / "run.json").read_text())
    record["data"]["path"] = str(run / "gone")
    (run / "run.json").write_text(json.dumps(record))
    told = auricle_here("calibrate", run, check=False)
    assert told.returncode == 1 and "--data" in told.stderr and "Traceback" not in told.stderr
    assert auricle_here("calibrate", run, "--data", many_tones.path, "--minutes", 0.5).returncode == 0
    with pytest.raises(SettingsError, match="snr_high_db"):
        load_config("tiny", ["calibration.snr_low_db=30"])


def test_calibration_scenes_have_training_levels_and_single_events(many_tones: Pack, negatives: Pack) -> None:
    config = load_config("gru")
    found = scene_settings(config, config.calibration)
    assert (found.background_low_db, found.background_high_db) == (-65.0, -35.0)
    assert (found.snr_low_db, found.snr_high_db, found.adjoining, found.clean, found.reset) == (5.0, 20.0, 0, 0, 0)
    assert [c.split for c in training_side(negatives).clips] == ["train", "train"]
    assert training_side(many_tones).samples is not None


def test_scipy_and_scikit_learn_find_the_same(rng: np.random.Generator) -> None:
    z = rng.normal(0, 3, (4000, 5))
    y = np.argmax(z / 1.7 + rng.gumbel(size=z.shape), -1)

    def loss(temperature: float) -> float:
        return -float(log_softmax(z / temperature, axis=1)[np.arange(len(y)), y].mean())

    peer = minimize_scalar(loss, bounds=(0.2, 5.0), method="bounded", options={"xatol": 1e-6}).x
    assert fit_temperature(z, y) == pytest.approx(peer, abs=1e-4)
    scores = np.exp(log_softmax(z, axis=1)).max(1)
    right = z.argmax(1) == y
    shares, means = calibration_curve(right, scores, n_bins=15)
    found = reliability(scores, right, 15)
    some = found.frames > 0
    assert np.allclose(found.right[some], shares) and np.allclose(found.confidence[some], means)
