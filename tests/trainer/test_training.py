"""Training as a whole: it learns, it stops and goes on exactly, and its numbers are the ones evaluation finds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from auricle_shared.errors import DataError, ModelError, SettingsError
from auricle_shared.evaluate import evaluate
from auricle_shared.pack import Pack, PackWriter
from auricle_trainer import train as train_module
from auricle_trainer.checkpoint import load_checkpoint, restore, save_checkpoint, tensors_hash, weights_hash
from auricle_trainer.config import Config, load_config
from auricle_trainer.torch_scorer import open_if_checkpoint
from auricle_trainer.tracking import Observer
from auricle_trainer.train import train

CPU = torch.device("cpu")


def losses(folder: Path) -> list[float]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line["train/loss"] for line in lines]


class StopsAfter(Observer):
    """Ends training after an epoch."""

    def __init__(self, epoch: int) -> None:
        self._epoch, self._wants = epoch, False

    def log(self, step: int, values: dict[str, Any]) -> None:
        self._wants = values["epoch"] >= self._epoch

    def wants_stop(self) -> bool:
        return self._wants


def tiny(*changes: str) -> Config:
    return load_config("tiny", changes)


def test_it_learns_two_tones_and_says_the_same_number_twice(tones: Pack, noise: Pack, tmp_path: Path) -> None:
    outcome = train(tiny("training.epochs=20"), tones, noise, tmp_path / "run", CPU, seed=0)
    scorer = open_if_checkpoint(tmp_path / "run")
    assert scorer is not None
    quiet = np.zeros(16000, np.float32)
    result = evaluate(scorer, tones, tones.select("test"), quiet)
    assert result["accuracy"] == 1.0 and result["stream"]["accuracy"] >= 0.75
    validation = evaluate(scorer, tones, tones.select("val"))
    kept = load_checkpoint(tmp_path / "run/checkpoints/best.pt")["best_accuracy"]
    assert validation["accuracy"] == outcome.best_accuracy == kept
    for name in ("config.json", "run.json", "metrics.jsonl", "pictures/curves.png", "pictures/confusion.png"):
        assert (tmp_path / "run" / name).stat().st_size > 0
    assert list((tmp_path / "run" / "tensorboard").iterdir())


def test_several_labels_at_once(several_tones: Pack, noise: Pack, tmp_path: Path) -> None:
    train(tiny("training.epochs=20"), several_tones, noise, tmp_path / "run", CPU, seed=0)
    scorer = open_if_checkpoint(tmp_path / "run")
    assert scorer is not None and scorer.metadata.activation == "sigmoid"
    assert scorer.metadata.labels == ("high", "low")
    result = evaluate(scorer, several_tones, several_tones.select("train"))
    assert result["accuracy"] >= 0.9
    assert np.asarray(result["confusion"]).shape == (2, 2, 2)


def test_the_same_seed_gives_the_same_weights_whatever_the_workers(tones: Pack, noise: Pack, tmp_path: Path) -> None:
    hashes = set()
    for workers in (0, 1, 2):
        folder = tmp_path / f"workers{workers}"
        train(tiny("training.epochs=2", f"training.workers={workers}"), tones, noise, folder, CPU, seed=4)
        values = load_checkpoint(folder / "checkpoints" / "last.pt")
        hashes.add(weights_hash(restore(values)[0]))
    assert len(hashes) == 1
    train(tiny("training.epochs=2"), tones, noise, tmp_path / "other", CPU, seed=5)
    hashes.add(weights_hash(restore(load_checkpoint(tmp_path / "other" / "checkpoints" / "last.pt"))[0]))
    assert len(hashes) == 2


@pytest.mark.parametrize("workers", [0, 2])
def test_resume_goes_on_as_if_nothing_had_happened(
    tones: Pack, noise: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    """Also with other workers; the epoch that was cut in two has the loss of the whole one."""
    config = tiny("training.epochs=6", "model.dropout=0.3", "training.workers=0")
    other = tiny("training.epochs=6", "model.dropout=0.3", f"training.workers={workers}")
    train(config, tones, noise, tmp_path / "whole", CPU, seed=1)

    class StopsAtStep3(train_module.StopRequest):
        asked = 0

        def __getattribute__(self, name: str) -> object:
            if name == "wanted":
                StopsAtStep3.asked += 1
                return StopsAtStep3.asked >= 3
            return super().__getattribute__(name)

        def __init__(self) -> None:
            self._old = {}

    with monkeypatch.context() as patch:
        patch.setattr(train_module, "StopRequest", StopsAtStep3)
        outcome = train(config, tones, noise, tmp_path / "halved", CPU, seed=1)
    assert not outcome.finished
    assert load_checkpoint(tmp_path / "halved/checkpoints/last.pt")["step"] == 3
    torch.manual_seed(99)  # a new process would have another generator
    assert train(other, tones, noise, tmp_path / "halved", CPU, seed=1, resume=True).finished
    assert losses(tmp_path / "halved") == losses(tmp_path / "whole") and len(losses(tmp_path / "whole")) == 6
    first, second = (load_checkpoint(tmp_path / name / "checkpoints/last.pt") for name in ("whole", "halved"))
    assert tensors_hash(first) == tensors_hash(second)
    assert first["config_hash"] == second["config_hash"], "it is the run that was begun"


def test_a_checkpoint_of_another_kind_of_device_is_taken_up(tones: Pack, noise: Pack, tmp_path: Path) -> None:
    """A GPU's generator has 16 bytes, and its optimiser a learning rate as a tensor."""
    config = tiny("training.epochs=4")
    stops = StopsAfter(2)
    train(config, tones, noise, tmp_path / "run", CPU, seed=1, observers=[stops])
    path = tmp_path / "run" / "checkpoints" / "last.pt"
    values = load_checkpoint(path)
    values |= {name: torch.zeros(1, 16, dtype=torch.uint8) for name in ("generator", "torch_random")}
    for group in values["optimizer"]["param_groups"]:
        group |= {"lr": torch.tensor(1e-3), "capturable": True}
    save_checkpoint(path, values)
    assert train(config, tones, noise, tmp_path / "run", CPU, seed=1, resume=True).finished


def test_resume_refuses_other_settings_and_an_empty_folder(tones: Pack, noise: Pack, tmp_path: Path) -> None:
    train(tiny("training.epochs=1"), tones, noise, tmp_path / "run", CPU, seed=0)
    with pytest.raises(SettingsError, match=r"another config \(training.epochs 1 -> 2\)"):
        train(tiny("training.epochs=2"), tones, noise, tmp_path / "run", CPU, seed=0, resume=True)
    with pytest.raises(SettingsError, match="not empty"):
        train(tiny("training.epochs=1"), tones, noise, tmp_path / "run", CPU, seed=0)
    with pytest.raises(SettingsError, match="no checkpoint to go on from"):
        train(tiny("training.epochs=1"), tones, noise, tmp_path / "none", CPU, seed=0, resume=True)


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_leaves_a_checkpoint_to_go_on_from(
    tones: Pack, noise: Pack, tmp_path: Path, number: signal.Signals
) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-m", "auricle_shared.command", "train", "tiny", "--data", str(tones.path)]
    command += ["--background", str(noise.path), "--run", str(run), "--set", "training.epochs=5000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (run / "checkpoints" / "last.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    if number == signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
    else:
        assert process.returncode == 130 and "--resume" in out
    epoch = load_checkpoint(run / "checkpoints" / "last.pt")["epoch"]
    assert epoch > 0
    stops = StopsAfter(epoch + 1)
    train(tiny("training.epochs=5000"), tones, noise, run, CPU, seed=0, resume=True, observers=[stops])
    assert load_checkpoint(run / "checkpoints" / "last.pt")["epoch"] == epoch + 1


def test_a_checkpoint_that_is_none(tmp_path: Path) -> None:
    import pickle

    cases = {
        "noise.pt": np.random.default_rng(0).bytes(1000),
        "empty.pt": b"",
        "hostile.pt": pickle.dumps(os.system, protocol=2),
    }
    for name, data in cases.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ModelError, match=name):
            load_checkpoint(tmp_path / name)
    torch.save({"format": 999}, tmp_path / "newer.pt")
    with pytest.raises(ModelError, match="999.*reads format 1"):
        load_checkpoint(tmp_path / "newer.pt")
    torch.save({"weights": torch.zeros(3)}, tmp_path / "foreign.pt")
    with pytest.raises(ModelError, match="not a checkpoint of"):
        load_checkpoint(tmp_path / "foreign.pt")


def test_a_full_disk_leaves_the_old_checkpoint_whole(
    tones: Pack, noise: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(tiny("training.epochs=1"), tones, noise, tmp_path / "run", CPU, seed=0)
    path = tmp_path / "run" / "checkpoints" / "last.pt"
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(path, {"model": torch.zeros(10)})
    assert path.read_bytes() == before
    assert sorted(p.name for p in path.parent.iterdir()) == ["best.pt", "last.pt"]


def test_nothing_to_train_on(tmp_path: Path, noise: Pack) -> None:
    with PackWriter(tmp_path / "one", 16000) as writer:
        writer.add(np.ones(16000, np.float32) * 0.1, ["alone"], split="train")
    with pytest.raises(DataError, match="at least two"):
        train(tiny(), Pack.open(tmp_path / "one"), noise, tmp_path / "run", CPU, seed=0)
    with pytest.raises(DataError, match="no labelled clips"):
        train(tiny(), noise, noise, tmp_path / "run2", CPU, seed=0)


def test_observers_see_every_epoch_and_may_end_training(tones: Pack, noise: Pack, tmp_path: Path) -> None:
    class StopsAfterTwoEpochs(Observer):
        def __init__(self) -> None:
            self.told: list[object] = []

        def begin(self, folder: Path) -> None:
            assert (folder / "run.json").is_file() and (folder / "config.json").is_file()
            self.told.append("begin")

        def log(self, step: int, values: dict[str, object]) -> None:
            self.told.append(values["epoch"])

        def wants_stop(self) -> bool:
            return 2 in self.told

        def end(self, folder: Path, finished: bool) -> None:
            self.told.append(finished)

    observer = StopsAfterTwoEpochs()
    outcome = train(tiny("training.epochs=4"), tones, noise, tmp_path / "run", CPU, seed=0, observers=[observer])
    assert observer.told == ["begin", 1, 2, False] and not outcome.finished
    assert train(tiny("training.epochs=4"), tones, noise, tmp_path / "run", CPU, seed=0, resume=True).finished
