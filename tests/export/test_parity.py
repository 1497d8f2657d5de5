"""The exported file against torch and against NumPy, with weights that would show a wrong formula."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from auricle_export.oracle import NumpyScorer
from auricle_export.parity import compare, made_audio
from auricle_export.to_onnx import build_model, write_model
from auricle_runtime.onnx_scorer import OnnxScorer
from auricle_runtime.without_output import without_output
from auricle_shared.metadata import ModelMetadata
from auricle_shared.scorer import zero_state
from auricle_shared.settings import SpectrogramSettings
from auricle_trainer.config import load_config
from auricle_trainer.models import make_network
from auricle_trainer.models.classifier import Classifier
from auricle_trainer.torch_scorer import TorchScorer

LOG_MEL = SpectrogramSettings()
LINEAR = load_config("gru_linear").spectrogram


NETS: dict[str, dict[str, Any]] = {
    "gru": {"hidden": 64},
    "gru of 2 layers": {"hidden": 64, "layers": 2},
    "conv_gru": {"hidden": 64, "channels": (8, 12)},
    "tcn": {"channels": 24, "kernel_frames": 4, "dilations": (1, 2, 4)},
}


def random_classifier(
    settings: SpectrogramSettings, net: str = "gru", classes: int = 5, embedding: int = 12
) -> Classifier:
    """Random weights and biases, normalised features, an output layer whose top scores span nearly 0 to nearly 1."""
    torch.manual_seed(4)
    network = make_network(net.split()[0], settings.bands, classes, embedding=embedding, **NETS[net])
    classifier = Classifier(settings, network)
    audio = made_audio(4.0, settings.rate_hz)
    classifier.fit_normalisation(audio[None, : len(audio) // settings.hop_samples * settings.hop_samples])
    with torch.no_grad():
        for name, value in network.named_parameters():
            if "bias" in name:
                value.normal_(0.0, 0.5)
        for name, value in network.named_buffers():
            if value.is_floating_point():  # of batch norms
                value.uniform_(0.5, 1.5) if "var" in name else value.normal_(0.0, 0.3)
        network.output.weight.mul_(40.0)
    return classifier


def metadata_of(classifier: Classifier, activation: str = "softmax", classes: int = 5) -> ModelMetadata:
    labels = ("background", *(f"sound {i}" for i in range(1, classes)))
    head = classifier.network.embedding
    return ModelMetadata(
        labels,
        activation,
        classifier.settings,
        classifier.state_size,
        temperature=1.7,
        embedding_size=0 if head is None else head.out_features,
    )


@pytest.mark.parametrize(
    ("net", "kind", "activation"),
    [
        *((net, "log_mel", "softmax") for net in NETS),
        ("gru", "linear", "sigmoid"),
        ("gru of 2 layers", "log_mel", "sigmoid"),
        ("conv_gru", "linear", "softmax"),
    ],
)
def test_export_equals_torch_and_numpy(net: str, kind: str, activation: str, tmp_path: Path) -> None:
    classifier = random_classifier(LOG_MEL if kind == "log_mel" else LINEAR, net)
    metadata = metadata_of(classifier, activation)
    write_model(tmp_path / "m.onnx", classifier, metadata)
    candidate = OnnxScorer(tmp_path / "m.onnx", provider="cpu")
    report = compare(
        TorchScorer(classifier, metadata), candidate, carried_seconds=8.0, oracle=NumpyScorer(classifier, metadata)
    )
    assert report.passed, report.as_text()
    assert report.warnings == ""
    assert report.largest_score > 0.97 and report.smallest_score < 0.02, "the scores do not span enough to show a fault"
    assert candidate.metadata == metadata


def test_a_wrong_gru_formula_is_noticed(tmp_path: Path) -> None:
    """linear_before_reset = 0 is what a known faulty exporter wrote: the bounds must catch it."""
    classifier = random_classifier(LOG_MEL)
    metadata = metadata_of(classifier)
    model = build_model(classifier, metadata)
    gru = next(n for n in model.graph.node if n.op_type == "GRU")
    next(a for a in gru.attribute if a.name == "linear_before_reset").i = 0
    onnx.save(model, tmp_path / "wrong.onnx")
    report = compare(TorchScorer(classifier, metadata), OnnxScorer(tmp_path / "wrong.onnx"), carried_seconds=7.0)
    assert not report.passed
    assert report.to_dict()["max_abs_error"] > 1e-3


@pytest.mark.parametrize("net", NETS)
def test_the_onnx_reference_agrees(net: str) -> None:
    """ONNX's own reference implementation, which shares no kernel with ONNX Runtime, reads the graph the same way."""
    from onnx.reference import ReferenceEvaluator

    classifier = random_classifier(LOG_MEL, net)
    metadata = metadata_of(classifier)
    model = build_model(classifier, metadata)
    audio = made_audio(0.13, 16000)[None]
    state = np.random.default_rng(0).standard_normal((1, metadata.state_size)).astype(np.float32) * 0.1
    names = ["logits", "scores", "next_state", "embedding"]
    logits, scores, after, embedding = ReferenceEvaluator(model).run(names, {"audio": audio, "state": state})
    wanted = TorchScorer(classifier, metadata).embed(audio, state)
    np.testing.assert_allclose(logits, wanted.logits, atol=1e-4)
    np.testing.assert_allclose(scores, wanted.scores, atol=1e-5)
    np.testing.assert_allclose(after, wanted.state, atol=1e-5)
    np.testing.assert_allclose(embedding, wanted.embedding, atol=1e-5)


def test_a_wrong_embedding_is_noticed(tmp_path: Path) -> None:
    classifier = random_classifier(LOG_MEL)
    metadata = metadata_of(classifier)
    model = build_model(classifier, metadata)
    next(a for n in model.graph.node if n.op_type == "LpNormalization" for a in n.attribute if a.name == "p").i = 1
    onnx.save(model, tmp_path / "wrong.onnx")
    report = compare(TorchScorer(classifier, metadata), OnnxScorer(tmp_path / "wrong.onnx"), carried_seconds=7.0)
    assert not report.passed and report.to_dict()["embedding_max_abs_error"] > 1e-2
    assert report.to_dict()["logits_max_abs_error"] < 1e-4


def test_the_embedding_costs_a_stream_nothing_that_does_not_ask_for_it(tmp_path: Path) -> None:
    """The pruned model is a valid one, with what training exports without the head, node for node."""
    classifier = random_classifier(LOG_MEL)
    whole = build_model(classifier, metadata_of(classifier))
    pruned = onnx.load_from_string(without_output(whole.SerializeToString(), "embedding"))
    onnx.checker.check_model(pruned, full_check=True)
    assert [o.name for o in pruned.graph.output] == ["logits", "scores", "next_state"]
    classifier.network.embedding = None
    wanted = build_model(classifier, metadata_of(classifier))
    assert [n.op_type for n in pruned.graph.node] == [n.op_type for n in wanted.graph.node]
    assert len(whole.graph.node) > len(wanted.graph.node)
    write_model(tmp_path / "m.onnx", random_classifier(LOG_MEL), metadata_of(random_classifier(LOG_MEL)))
    scorer = OnnxScorer(tmp_path / "m.onnx", provider="cpu")
    audio = made_audio(1.0, 16000)[None]
    plain, embedded = scorer(audio, zero_state(scorer.metadata)), scorer.embed(audio, zero_state(scorer.metadata))
    assert plain.embedding is None and embedded.embedding is not None
    np.testing.assert_allclose(plain.logits, embedded.logits, atol=1e-5)


def test_a_model_without_outputs_to_lose_stays_as_it_is() -> None:
    model = build_model(random_classifier(LOG_MEL), metadata_of(random_classifier(LOG_MEL))).SerializeToString()
    assert without_output(model, "no such output") == model


@pytest.mark.parametrize("net", NETS)
def test_the_graph_is_open_in_batch_and_length_and_old_enough(net: str) -> None:
    classifier = random_classifier(LOG_MEL, net)
    model = build_model(classifier, metadata_of(classifier))
    assert model.opset_import[0].version <= 18 and model.ir_version <= 9
    shapes = {v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in model.graph.input}
    assert shapes == {"audio": ["batch", "samples"], "state": ["batch", classifier.state_size]}
    assert not any(n.op_type in ("Shape", "Gather", "Loop", "BatchNormalization", "Dropout") for n in model.graph.node)


def test_two_exports_are_the_same_bytes() -> None:
    classifier = random_classifier(LOG_MEL)
    metadata = metadata_of(classifier)
    first = build_model(classifier, metadata).SerializeToString(deterministic=True)
    assert first == build_model(classifier, metadata).SerializeToString(deterministic=True)


def test_streams_in_one_batch_never_mix(tmp_path: Path) -> None:
    classifier = random_classifier(LOG_MEL)
    metadata = metadata_of(classifier)
    write_model(tmp_path / "m.onnx", classifier, metadata)
    scorer = OnnxScorer(tmp_path / "m.onnx")
    a, b = made_audio(1.0, 16000, seed=1)[None], made_audio(1.0, 16000, seed=2)[None]
    alone = scorer(a, zero_state(metadata))
    together = scorer(np.concatenate([a, b]), zero_state(metadata, 2))
    np.testing.assert_allclose(together.logits[0], alone.logits[0], atol=1e-5)
    assert np.abs(together.logits[1] - alone.logits[0]).max() > 0.1


def test_onnx_runtime_prints_nothing(tmp_path: Path) -> None:
    """In a fresh process, at lengths and batches other than any example's."""
    classifier = random_classifier(LOG_MEL)
    write_model(tmp_path / "m.onnx", classifier, metadata_of(classifier))
    program = f"""
import numpy as np
from auricle_runtime.onnx_scorer import OnnxScorer
from auricle_shared.scorer import zero_state
scorer = OnnxScorer({str(tmp_path / "m.onnx")!r}, provider="cpu")
for batch, frames in ((1, 1), (3, 13), (2, 100), (1, 7)):
    scorer(np.ones((batch, frames * 160), np.float32), zero_state(scorer.metadata, batch))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_temperature_changes_scores_and_not_logits(tmp_path: Path) -> None:
    classifier = random_classifier(LOG_MEL)
    audio = made_audio(1.0, 16000)[None]
    found = []
    for temperature in (1.0, 4.0):
        metadata = replace(metadata_of(classifier), temperature=temperature)
        write_model(tmp_path / f"{temperature}.onnx", classifier, metadata)
        found.append(OnnxScorer(tmp_path / f"{temperature}.onnx")(audio, zero_state(metadata)))
    cold, warm = found
    np.testing.assert_allclose(cold.logits, warm.logits, atol=1e-6)
    softened = np.exp(cold.logits / 4.0 - (cold.logits / 4.0).max(-1, keepdims=True))
    np.testing.assert_allclose(warm.scores, softened / softened.sum(-1, keepdims=True), atol=1e-6)
