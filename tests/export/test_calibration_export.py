"""What calibration found travels: checkpoint, metadata, model.onnx and the scores that it gives out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from auricle_export.to_onnx import write_model
from auricle_runtime.onnx_scorer import OnnxScorer
from auricle_shared.events import EventDetector
from auricle_shared.metadata import ModelMetadata
from auricle_shared.scorer import zero_state
from auricle_shared.settings import EventSettings
from auricle_trainer.checkpoint import make_classifier
from auricle_trainer.config import load_config
from auricle_trainer.torch_scorer import TorchScorer

EVENTS = {
    "a": EventSettings(0.35, 0.21, 0.16, 0.1, 0.4, 0.5),
    "b": EventSettings(0.998, 0.5988, 0.04, 0.2),
}


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
@pytest.mark.parametrize("temperature", [0.37, 1.16019, 4.2])
def test_temperature_and_thresholds_travel_to_the_model(activation: str, temperature: float, tmp_path: Path) -> None:
    import torch

    config = load_config("tiny")
    model = make_classifier(config, 3)
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(0, 0.5)
    metadata = ModelMetadata(
        labels=("background", "a", "b") if activation == "softmax" else ("c", "a", "b"),
        activation=activation,  # type: ignore[arg-type]
        spectrogram=config.spectrogram,
        state_size=model.state_size,
        events=EVENTS,
        temperature=temperature,
        provenance={"calibration": {"temperature": temperature, "ece_before": 0.0283, "frames": 21698}},
    )
    write_model(tmp_path / "model.onnx", model, metadata)
    onnx, torch_scorer = OnnxScorer(tmp_path / "model.onnx"), TorchScorer(model.eval(), metadata)
    assert onnx.metadata == metadata
    audio = np.random.default_rng(0).normal(0, 0.1, (2, 200 * metadata.hop_samples)).astype(np.float32)
    wanted, found = (s(audio, zero_state(metadata, 2)) for s in (torch_scorer, onnx))
    assert np.abs(found.scores - wanted.scores).max() <= 1e-5
    cold = TorchScorer(model, replace(metadata, temperature=1.0))(audio, zero_state(metadata, 2))
    assert np.abs(cold.scores - wanted.scores).max() > 0.01, "the temperature changes nothing here"
    assert np.array_equal(cold.logits, wanted.logits)
    heard = [EventDetector.for_model(m).update(found.scores[0], 0.0) for m in (metadata, onnx.metadata)]
    assert heard[0] == heard[1]
