"""Small models: the rounded weights and nothing else, folded when opened, refused when they cost too much."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper

from auricle_export import small_export
from auricle_export.kinds import KINDS, Kind
from auricle_export.small import rounded, shrink
from auricle_export.small_export import Loss, measure_loss, small_parity, stored_as, write_small
from auricle_export.to_onnx import build_model, write_model
from auricle_runtime.onnx_scorer import OnnxScorer
from auricle_shared.errors import ModelError
from auricle_shared.metadata import ModelMetadata
from auricle_shared.pack import Pack, PackWriter
from auricle_trainer.checkpoint import make_classifier
from auricle_trainer.config import load_config

SIZES = {"fp16": 0.53, "int8": 0.30}
"""Largest share of the whole file's size"""
LABELS = ("background", "high", "low")


def network_of(config_name: str) -> tuple[Any, ModelMetadata]:
    """A shipped config's network with random weights that differ much from output to output."""
    torch.manual_seed(1)
    config = load_config(config_name)
    classifier = make_classifier(config, len(LABELS))
    with torch.no_grad():
        for value in classifier.parameters():
            value.mul_(torch.rand(len(value), *[1] * (value.ndim - 1)) * 3 + 0.01)
    metadata = ModelMetadata(
        LABELS, "softmax", config.spectrogram, classifier.state_size, embedding_size=config.model.embedding
    )
    return classifier, metadata


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    rng = np.random.default_rng(0)
    with PackWriter(tmp_path_factory.mktemp("small") / "tones", 16000) as writer:
        for i in range(12):
            tone = np.sin(2 * np.pi * (300, 3000)[i % 2] * np.arange(6000) / 16000)
            writer.add(0.3 * tone + 0.01 * rng.standard_normal(6000), [LABELS[2 - i % 2]], split="val")
    return Pack.open(writer.path)


@pytest.fixture(autouse=True)
def _less_audio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_export, "CARRIED_SECONDS", 5.0)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("small") / "whole.onnx"
    write_model(path, *network_of("tiny"))
    return path


@pytest.mark.parametrize(("name", "kind"), [("conv_gru", "int8"), ("tcn", "fp16")])
def test_small_models_run_their_rounded_weights(name: str, kind: Kind, tmp_path: Path) -> None:
    model = build_model(*network_of(name))
    path = tmp_path / "small.onnx"
    path.write_bytes(shrink(model, kind).SerializeToString())
    report = small_parity(model, OnnxScorer(path, "cpu"), kind)
    assert report.passed, report.as_text()
    assert path.stat().st_size < SIZES[kind] * len(model.SerializeToString())


@pytest.mark.parametrize("kind", KINDS)
def test_every_value_is_rounded_to_the_nearest_step_of_its_output(kind: Kind) -> None:
    model = build_model(*network_of("gru"))
    before = {c.name: numpy_helper.to_array(c) for c in model.graph.initializer}
    after = {c.name: numpy_helper.to_array(c) for c in rounded(model, kind).graph.initializer}
    assert set(before) == set(after)
    changed = [name for name in before if not np.array_equal(before[name], after[name])]
    assert changed and all(before[name].size >= 1024 for name in changed)
    for name in changed:
        a, b = before[name], after[name]
        if kind == "fp16":
            np.testing.assert_allclose(b, a, rtol=2**-11, atol=2**-25)
        else:  # along the inputs of each output: the last axis of a GRU's weights, the first of a product's
            largest = np.abs(a).max(axis=-1 if a.ndim == 3 else 0, keepdims=True)
            assert (np.abs(a - b) <= largest / 254 * 1.001).all()


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_it_is_left_in_the_graph_that_runs(whole: Path, kind: Kind, tmp_path: Path) -> None:
    """Seen in what ONNX Runtime itself writes after optimising."""

    def optimised(path: Path) -> list[str]:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(tmp_path / f"optimised {path.name}")
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        return sorted(node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node)

    path = tmp_path / "small.onnx"
    path.write_bytes(shrink(onnx.load(str(whole)), kind).SerializeToString())
    assert optimised(path) == optimised(whole)
    assert "Cast" not in optimised(path)


def test_what_is_lost_is_measured_said_and_travels_in_the_file(whole: Path, pack: Pack, tmp_path: Path) -> None:
    target = tmp_path / "small.onnx"
    report, loss = write_small(whole, target, "int8", pack, pack.select("val"), 100.0)
    small = OnnxScorer(target, "cpu")
    assert report.passed and loss == measure_loss(OnnxScorer(whole, "cpu"), small, pack, pack.select("val"))
    assert loss.clips == 12 and loss.largest_logit_error > 0 and 0 < loss.same_label <= 1
    assert stored_as(small.metadata) == "int8" and stored_as(OnnxScorer(whole, "cpu").metadata) is None
    assert small.metadata.provenance["rounding"] == json.loads(json.dumps(loss.to_dict()))
    plain = OnnxScorer(whole, "cpu").metadata
    assert replace(small.metadata, provenance={}) == replace(plain, provenance={})


def test_a_model_that_loses_too_much_is_not_written(
    whole: Path, pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = Loss(clips=200, accuracy=0.99, small_accuracy=0.98, changed=4, same_label=0.97, largest_logit_error=2.0)
    monkeypatch.setattr(small_export, "measure_loss", lambda *_: lost)
    target = tmp_path / "small.onnx"
    with pytest.raises(ModelError, match=r"loses 1.00 points of accuracy; at most 0.5 are allowed.*--small fp16"):
        write_small(whole, target, "int8", pack, pack.select("val"), 0.5)
    assert not target.exists()
    write_small(whole, target, "int8", pack, pack.select("val"), 1.0)
    assert target.exists()


def test_a_small_model_that_runs_other_weights_is_refused(
    whole: Path, pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(small_export, "rounded", lambda model, kind: model)  # the weights before rounding
    with pytest.raises(ModelError, match="does not run its rounded weights"):
        write_small(whole, tmp_path / "small.onnx", "int8", pack, pack.select("val"), 100.0)
