"""Train, export, evaluate, prove: the exported model says exactly what the run says, or it is not there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
import torch

from auricle_export import export_command
from auricle_export.export_command import export
from auricle_export.parity import BOUNDS
from auricle_runtime.onnx_scorer import OnnxScorer
from auricle_shared.errors import ModelError
from auricle_shared.pack import Pack, PackWriter
from auricle_trainer.checkpoint import load_checkpoint, save_checkpoint

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """Three tones, each of a pitch so vague that no model tells them apart every time."""
    rng = np.random.default_rng(0)
    with PackWriter(tmp_path_factory.mktemp("export") / "tones", 16000) as writer:
        for i in range(72):
            t = np.arange(int(rng.integers(4000, 12000))) / 16000
            label, hz = (("low", 500), ("middle", 1000), ("high", 2000))[i % 3]
            samples = 0.3 * np.sin(2 * np.pi * hz * 2 ** rng.uniform(-0.7, 0.7) * t)
            writer.add(samples, [label], split=("train", "train", "val", "test")[i // 3 % 4])
    return Pack.open(writer.path)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    with PackWriter(tmp_path_factory.mktemp("export") / "room", 16000) as writer:
        writer.add(0.05 * np.random.default_rng(1).standard_normal(160000), ["background"])
    return Pack.open(writer.path)


@pytest.fixture(scope="module")
def run(pack: Pack, room: Pack, tmp_path_factory: pytest.TempPathFactory, run_auricle: Run) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    changes = ("--set", "training.epochs=10", "--set", "training.keep_every=1")
    run_auricle("train", "tiny", "--data", pack.path, "--background", room.path, "--run", folder, *changes)
    return folder


@pytest.fixture(scope="module")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory, run_auricle: Run) -> tuple[Path, str]:
    path = tmp_path_factory.mktemp("models") / "folder that is not there" / "model.onnx"
    return path, run_auricle("export", run, path).stdout


def test_the_export_says_what_it_took_and_what_to_do_next(run: Path, exported: tuple[Path, str]) -> None:
    path, told = exported
    best = load_checkpoint(run / "checkpoints" / "best.pt")
    assert f"best.pt (epoch {best['epoch']}, validation accuracy {100 * best['validation_accuracy']:.2f} %)" in told
    assert "parity holds" in told and f"wrote {path}" in told
    assert "pip install" in told and "auricle listen model.onnx" in told
    assert [f.name for f in path.parent.iterdir()] == ["model.onnx"]


def test_the_number_of_the_run_is_the_number_of_the_model(
    run: Path, exported: tuple[Path, str], pack: Pack, run_auricle: Run
) -> None:
    figures = [
        json.loads(run_auricle("evaluate", m, "--data", pack.path, "--split", "all", "--stream", "--json", "-").stdout)
        for m in (run, exported[0])
    ]
    assert figures[0] == figures[1]
    assert 0.4 < figures[0]["accuracy"] < 1.0, "a model that is always right or always wrong shows little"


def test_what_the_model_says_about_itself(run: Path, exported: tuple[Path, str], pack: Pack) -> None:
    metadata = OnnxScorer(exported[0]).metadata
    best = load_checkpoint(run / "checkpoints" / "best.pt")
    assert metadata.labels == ("background", "high", "low", "middle")
    assert metadata.provenance["data_fingerprint"] == pack.fingerprint
    assert metadata.provenance["metrics"]["validation_accuracy"] == best["validation_accuracy"]
    assert metadata.provenance["checkpoint"] == "best.pt"
    assert {"run_id", "config_hash", "code_commit", "code_dirty", "seed", "versions"} <= set(metadata.provenance)


def test_parity_as_json(run: Path, exported: tuple[Path, str], pack: Pack, tmp_path: Path, auricle_here: Run) -> None:
    auricle_here("parity", run, exported[0], "--data", pack.path, "--json", tmp_path / "p.json")
    report = json.loads((tmp_path / "p.json").read_text())
    assert report["passed"] is True
    assert report["max_abs_error"] <= BOUNDS["scores"] and report["logits_max_abs_error"] <= BOUNDS["logits"]
    wanted = {f"blocks of {n} frames" for n in (1, 2, 3, 7, 8, 100)} | {"ragged blocks", "3 streams in a batch"}
    assert wanted < set(report["blocks"]) and "10 minutes of carried state" in report["blocks"]
    assert "whole clips, recorded" in report["blocks"]
    assert report["max_abs_error"] == max(block["scores"] for block in report["blocks"].values())


def test_any_checkpoint_can_be_exported_and_tells_its_own_accuracy(
    run: Path, tmp_path: Path, auricle_here: Run
) -> None:
    told = auricle_here("export", run / "checkpoints" / "epoch-0001.pt", tmp_path / "first.onnx").stdout
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert f"epoch-0001.pt (epoch 1, validation accuracy {100 * lines[0]['validation/accuracy']:.2f} %)" in told
    best = auricle_here("parity", run, tmp_path / "first.onnx", "--json", "-", check=False)
    assert best.returncode == 1 and json.loads(best.stdout)["passed"] is False


def test_a_small_model_of_a_run(run: Path, pack: Pack, tmp_path: Path, auricle_here: Run) -> None:
    small = tmp_path / "small.onnx"
    told = auricle_here("export", run, small, "--small", "int8", "--most-lost", "100").stdout
    assert "weights as int8" in told and f"accuracy on {len(pack.select('val'))} validation clips" in told
    assert auricle_here("parity", run, small, "--data", pack.path).stdout.endswith("parity holds\n")
    other = auricle_here("parity", run / "checkpoints" / "epoch-0001.pt", small, check=False)
    assert other.returncode == 1 and "PARITY FAILS" in other.stdout


def test_a_small_model_needs_the_clips_it_is_judged_on(run: Path, tmp_path: Path, auricle_here: Run) -> None:
    (tmp_path / "best.pt").write_bytes((run / "checkpoints" / "best.pt").read_bytes())
    done = auricle_here("export", tmp_path / "best.pt", tmp_path / "small.onnx", "--small", "fp16", check=False)
    assert done.returncode == 1 and "Say where with --data" in done.stderr
    assert [f.name for f in tmp_path.iterdir()] == ["best.pt"]


def test_a_model_that_differs_is_not_left_behind_and_the_old_one_stays(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(b"the old model")
    from auricle_export import to_onnx

    honest = to_onnx.write_model

    def faulty(path: Path, classifier: torch.nn.Module, metadata: object) -> None:
        with torch.no_grad():
            next(p for name, p in classifier.named_parameters() if "weight_hh" in name)[0, 0] += 0.5
        honest(path, classifier, metadata)  # type: ignore[arg-type]

    monkeypatch.setattr(to_onnx, "write_model", faulty)
    with pytest.raises(ModelError, match="differs from.*was not written"):
        export.callback(run, model, None, None, 0.5, False)  # type: ignore[misc]
    assert model.read_bytes() == b"the old model" and [f.name for f in tmp_path.iterdir()] == ["model.onnx"]


def test_a_full_disk_leaves_the_old_model_whole(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    model = tmp_path / "model.onnx"
    model.write_bytes(b"the old model")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        export_command.export.callback(run, model, None, None, 0.5, False)  # type: ignore[misc]
    assert model.read_bytes() == b"the old model" and [f.name for f in tmp_path.iterdir()] == ["model.onnx"]


def test_what_cannot_be_exported_is_told_with_words(run: Path, tmp_path: Path, auricle_here: Run) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "words.pt").write_text("not a checkpoint")
    values = load_checkpoint(run / "checkpoints" / "best.pt")
    save_checkpoint(tmp_path / "newer.pt", {**values, "format": 7})
    old = tmp_path / "model.onnx"
    old.write_bytes(b"the old model")
    before = sorted(f.name for f in tmp_path.iterdir())
    for source, words in {
        tmp_path / "absent": "absent does not exist",
        tmp_path / "empty": "holds no checkpoint",
        tmp_path / "words.pt": "words.pt is not a checkpoint",
        tmp_path / "newer.pt": "format 7; this version of Auricle reads format 1",
    }.items():
        done = auricle_here("export", source, old, check=False)
        assert done.returncode == 1 and words in done.stderr and "Traceback" not in done.stderr, done.stderr
    done = auricle_here("export", run, tmp_path / "model.pb", check=False)
    assert done.returncode == 1 and "must end in .onnx" in done.stderr
    assert old.read_bytes() == b"the old model" and sorted(f.name for f in tmp_path.iterdir()) == before


def test_parity_of_strangers_is_refused(run: Path, tiny_model: Path, tmp_path: Path, auricle_here: Run) -> None:
    done = auricle_here("parity", run, tiny_model, check=False)
    assert done.returncode == 1 and "is not made from" in done.stderr and "Traceback" not in done.stderr
    done = auricle_here("parity", run, tmp_path / "absent.onnx", check=False)
    assert done.returncode == 1 and "absent.onnx" in done.stderr and "Traceback" not in done.stderr
