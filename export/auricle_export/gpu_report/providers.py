"""ONNX Runtime's CUDA provider against its CPU provider: the same model, the same audio."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from auricle_export.to_onnx import write_model
from auricle_runtime.session import open_session
from auricle_shared.errors import DeviceError
from auricle_shared.metadata import ModelMetadata
from auricle_trainer.checkpoint import make_classifier
from auricle_trainer.config import Config

from .timing import median_seconds


def compare(config: Config, batches: Sequence[int], frames: int, providers: Sequence[str]) -> list[dict[str, Any]]:
    """Milliseconds a run and the largest difference of a logit from the CPU's, for every provider and batch.

    A provider that does not start has one row, which says why.
    """
    torch.manual_seed(0)
    model = make_classifier(config, 2).eval()
    metadata = ModelMetadata(("background", "sound"), "softmax", config.spectrogram, model.state_size)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        write_model(path, model, metadata)
        sessions = {"cpu": open_session(path, "cpu")[0]}
        found: list[dict[str, Any]] = []
        for name in providers:
            try:
                sessions[name] = open_session(path, name)[0]
            except DeviceError as error:
                found.append({"provider": name, "failed": str(error)})
        for batch in batches:
            feed = _feed(config, model.state_size, batch, frames)
            wanted = sessions["cpu"].run(["logits"], feed)[0]
            for name in (name for name in providers if name in sessions):
                run = partial(sessions[name].run, ["logits"], feed)
                difference = float(np.abs(run()[0] - wanted).max())
                ms = 1000 * median_seconds(run, torch.device("cpu"))
                found.append({"provider": name, "batch": batch, "frames": frames, "ms": ms, "error": difference})
    return found


def _feed(config: Config, state_size: int, batch: int, frames: int) -> dict[str, np.ndarray]:
    samples = frames * config.spectrogram.hop_samples
    audio = np.random.default_rng(0).standard_normal((batch, samples)).astype(np.float32) * 0.1
    return {"audio": audio, "state": np.zeros((batch, state_size), np.float32)}
