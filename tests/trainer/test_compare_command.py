"""`auricle compare` on small trained runs and on a model file: what it counts, what it tells, what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
import torch

from auricle_shared.compare import check_alike
from auricle_shared.errors import ModelError
from auricle_shared.evaluate import clip_frame_logits
from auricle_shared.metadata import BACKGROUND, ModelMetadata
from auricle_shared.pack import Pack, PackWriter
from auricle_shared.scorer import open_scorer
from auricle_shared.settings import SpectrogramSettings
from auricle_trainer.config import load_config
from auricle_trainer.train import train

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture(scope="module")
def runs(tones: Pack, noise: Pack, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One that learnt next to nothing, and one that learnt."""
    folder = tmp_path_factory.mktemp("compare")
    for name, epochs, rate in (("poor", 1, 1e-7), ("good", 12, 3e-3)):
        config = load_config("tiny", [f"training.epochs={epochs}", f"training.learning_rate={rate}"])
        train(config, tones, noise, folder / name, torch.device("cpu"), seed=1)
    return folder / "poor", folder / "good"


def right(model: Path, pack: Pack) -> np.ndarray:
    """Bool [n] over the whole pack, by hand: the larger mean of exponentials of two classes, after 0.1 s of a clip."""
    scorer = open_scorer(model)
    labels = scorer.metadata.labels
    found = []
    for clip, logits in zip(pack.clips, clip_frame_logits(scorer, pack, range(len(pack))), strict=True):
        mean = np.exp(logits.astype(np.float64))[round(0.1 / scorer.metadata.spectrogram.hop_seconds) :].mean(0)
        said = max(("high", "low"), key=lambda label: mean[labels.index(label)])
        found.append(said == clip.labels[0])
    return np.array(found)


def test_it_counts_the_clips_that_changed(
    runs: tuple[Path, Path], tones: Pack, tmp_path: Path, auricle_here: Run
) -> None:
    first, second = (right(run, tones) for run in runs)
    assert (first & ~second).sum() + (~first & second).sum() > 3, "runs that agree test nothing"
    arguments = ("compare", *runs, "--data", tones.path, "--split", "all")
    done = auricle_here(*arguments, "--json", tmp_path / "f.json")
    figures = json.loads((tmp_path / "f.json").read_text())
    assert figures["n"] == 24 and set(figures) == {"model_a", "model_b", "n", "alone", "only_first", "only_second"}
    found = figures["alone"]
    assert (found["first"], found["second"]) == (first.mean(), second.mean())
    assert found["difference"] == pytest.approx(second.mean() - first.mean())
    test = found["mcnemar"]
    assert (test["only_first"], test["only_second"]) == ((first & ~second).sum(), (~first & second).sum())
    assert [row["clip"] for row in figures["only_second"]] == np.flatnonzero(~first & second).tolist()
    assert all(row["said"] != row["labels"][0] for row in figures["only_second"])
    for words in (f"{100 * found['difference']:+.2f} points", f"n = {test['n']} clips changed", f"p = {test['p']:.3g}"):
        assert words in done.stdout
    printed = json.loads(auricle_here(*arguments, "--json", "-").stdout)
    assert printed == figures


def test_exchanged_models_turn_every_sign(runs: tuple[Path, Path], tones: Pack, auricle_here: Run) -> None:
    options = ("--data", tones.path, "--split", "all", "--stream", "--orders", 3, "--json", "-")
    there = json.loads(auricle_here("compare", *runs, *options).stdout)
    back = json.loads(auricle_here("compare", *reversed(runs), *options).stdout)
    for way in ("alone", "after_background", "stream"):
        assert there[way]["difference"] == -back[way]["difference"]
        assert there[way]["interval_95"] == pytest.approx([-x for x in reversed(back[way]["interval_95"])])
    assert there["only_first"] == back["only_second"]
    assert there["alone"]["mcnemar"]["p"] == back["alone"]["mcnemar"]["p"]
    assert "mcnemar" in there["after_background"]
    assert "mcnemar" not in there["stream"], "shares of several orders are not pairs of right and wrong"


def test_a_model_is_as_good_as_itself_and_as_its_export(
    runs: tuple[Path, Path], tones: Pack, tmp_path: Path, auricle_here: Run
) -> None:
    auricle_here("export", runs[1], tmp_path / "model.onnx")
    for other in (runs[1], runs[1] / "checkpoints" / "best.pt", tmp_path / "model.onnx"):
        done = auricle_here("compare", runs[1], other, "--data", tones.path, "--split", "all", "--json", "-")
        found = json.loads(done.stdout)
        assert found["alone"]["mcnemar"] == {"n": 0, "only_first": 0, "only_second": 0, "p": 1.0}
        assert found["alone"]["difference"] == 0 and found["alone"]["interval_95"][0] < 0


def test_what_cannot_be_compared_is_told(
    runs: tuple[Path, Path], tones: Pack, noise: Pack, tmp_path: Path, auricle_here: Run
) -> None:
    with PackWriter(tmp_path / "others", 16000) as writer:
        for i in range(8):
            writer.add(np.full(8000, 0.1 * (i % 2)), [("high", "hum")[i % 2]], split="train" if i < 6 else "val")
    others = Pack.open(tmp_path / "others")
    train(load_config("tiny", ["training.epochs=1"]), others, noise, tmp_path / "run", torch.device("cpu"), seed=0)
    for arguments, words in {
        (runs[0], tmp_path / "run", "--data", tones.path): "only the first says low; only the second says hum",
        (runs[0], tmp_path / "none", "--data", tones.path): "none does not exist",
        (*runs, "--data", tones.path, "--split", "tset"): "No clips of that split",
    }.items():
        done = auricle_here("compare", *arguments, check=False)
        assert done.returncode == 1 and words in done.stderr and "Traceback" not in done.stderr


def test_rates_and_kinds_that_differ_are_told() -> None:
    one = ModelMetadata((BACKGROUND, "a"), "softmax", SpectrogramSettings(), 1)
    slow = SpectrogramSettings(rate_hz=8000, high_hz=4000.0, n_fft=256)
    with pytest.raises(ModelError, match="first model hears 16000 Hz, the second 8000 Hz"):
        check_alike(one, replace(one, spectrogram=slow))
    several = replace(one, labels=("a",), activation="sigmoid")
    with pytest.raises(ModelError, match="only the first says background"):
        check_alike(one, several)
    with pytest.raises(ModelError, match="first model is for one sound at a time, the second for several"):
        check_alike(replace(one, labels=("a",)), several)
    coarse = replace(one, labels=(BACKGROUND, "fine"), report_as={"fine": "a"})
    check_alike(one, coarse)
