"""What was exported stays with its run: the model, its hash, the parity report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
import torch

from auricle_export.export_record import keep_export, sha256_of
from auricle_runtime.onnx_scorer import OnnxScorer
from auricle_shared.pack import Pack, PackWriter
from auricle_trainer.config import load_config
from auricle_trainer.record.run_folder import RunFolder
from auricle_trainer.train import train

Auricle = Callable[..., CompletedProcess[str]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("exports")
    rng = np.random.default_rng(0)
    with PackWriter(folder / "pack", 16000) as writer:
        for i in range(24):
            samples = 0.2 * np.sin(2 * np.pi * (500, 2000)[i % 2] * rng.uniform(0.8, 1.2) * np.arange(8000) / 16000)
            writer.add(samples, [("low", "high")[i % 2]], split=("train", "val")[i // 2 % 2])
    pack = Pack.open(folder / "pack")
    config = load_config("tiny", ["training.epochs=1", "calibration.minutes=0"])
    train(config, pack, None, folder / "run", torch.device("cpu"), 0)
    return RunFolder.open(folder / "run")


def test_the_run_keeps_the_model_its_hash_and_the_report(run: RunFolder, tmp_path: Path, auricle_here: Auricle) -> None:
    auricle_here("export", run.path, tmp_path / "model.onnx")
    (line,) = RunFolder.open(run.path).exports
    kept = run.path / line["file"]
    assert kept.read_bytes() == (tmp_path / "model.onnx").read_bytes()
    assert line["sha256"] == sha256_of(kept) and line["bytes"] == kept.stat().st_size
    assert line["model"] == str((tmp_path / "model.onnx").resolve())
    report = json.loads((run.path / line["parity"]).read_text())
    assert report["passed"] is True and report["max_abs_error"] == line["max_abs_error"] and report["blocks"]
    carried = OnnxScorer(kept).metadata.provenance
    for name in ("run_id", "config_hash", "data_fingerprint", "code_commit", "code_patch", "source_hash"):
        assert carried[name] == run.record[name]

    (run.path / "model.onnx").write_bytes(kept.read_bytes())
    keep_export(run.path / "checkpoints" / "best.pt", run.path / "model.onnx", OnnxScorer(kept).metadata, report)
    inside = RunFolder.open(run.path).exports[-1]
    assert inside["file"] == "model.onnx", "a model inside the run is kept where it is"


def test_a_checkpoint_without_its_run_keeps_nothing(run: RunFolder, tmp_path: Path, tiny_model: Path) -> None:
    loose = tmp_path / "best.pt"
    loose.write_bytes((run.path / "checkpoints" / "best.pt").read_bytes())
    metadata = OnnxScorer(tiny_model).metadata
    assert keep_export(loose, tiny_model, metadata, {}) is None
    assert keep_export(run.path / "checkpoints" / "best.pt", tiny_model, metadata, {}) is None, "another run's model"
