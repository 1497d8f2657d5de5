"""The torch module as a scorer: NumPy in, NumPy out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from auricle_shared.decision import frame_scores
from auricle_shared.metadata import ModelMetadata
from auricle_shared.scorer import ScoredFrames

from .checkpoint import checkpoint_path, load_checkpoint, restore
from .models.classifier import Classifier


class TorchScorer:
    """Scores with a classifier on the device it lies on."""

    def __init__(self, model: Classifier, metadata: ModelMetadata) -> None:
        self.model, self.metadata = model, metadata

    def __call__(self, audio: np.ndarray, state: np.ndarray) -> ScoredFrames:
        return self.embed(audio, state)._replace(embedding=None)

    def embed(self, audio: np.ndarray, state: np.ndarray) -> ScoredFrames:
        device = self.model.mean.device
        training = self.model.training
        self.model.eval()
        with torch.inference_mode():
            found = self.model(torch.from_numpy(audio).to(device), torch.from_numpy(state).to(device))
        self.model.train(training)
        logits, after = _numpy(found.logits), _numpy(found.state)
        scores = frame_scores(logits, self.metadata.activation, self.metadata.temperature)
        return ScoredFrames(logits, scores, after, None if found.embedding is None else _numpy(found.embedding))


def _numpy(values: torch.Tensor) -> np.ndarray:
    found: np.ndarray = values.float().cpu().numpy()
    return found


def open_if_checkpoint(path: Path) -> TorchScorer | None:
    """A run's folder or a .pt file as a scorer; None for anything else."""
    if path.suffix == ".onnx" or not (path.is_dir() or path.suffix == ".pt"):
        return None
    model, metadata, _ = restore(load_checkpoint(checkpoint_path(path)))
    return TorchScorer(model, metadata)
