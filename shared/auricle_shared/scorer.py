"""The one interface that everything which judges audio has: the torch module, the ONNX session, the NumPy oracle.

frames = scorer(audio, state)          # audio [B, k * hop] float32, state [B, S] float32
frames.logits                          # [B, k, C]
frames.scores                          # [B, k, C], probabilities at the model's temperature
state = frames.state                   # [B, S], goes into the next call
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from .errors import ModelError
from .metadata import ModelMetadata


class ScoredFrames(NamedTuple):
    logits: np.ndarray
    """[B, k, C] float32"""
    scores: np.ndarray
    """[B, k, C] float32, 0 to 1"""
    state: np.ndarray
    """[B, S] float32"""
    embedding: np.ndarray | None = None
    """[B, k, D] float32, each of unit length; only from `embed`"""


class Scorer(Protocol):
    """Judges audio frame by frame and carries what it remembers in one flat state."""

    @property
    def metadata(self) -> ModelMetadata: ...

    def __call__(self, audio: np.ndarray, state: np.ndarray) -> ScoredFrames:
        """audio [B, k * hop] float32 in [-1, 1] with k >= 1, state [B, S]."""
        ...

    def embed(self, audio: np.ndarray, state: np.ndarray) -> ScoredFrames:
        """The same with the embedding, which a plain call does not compute. Only where embedding_size is not 0."""
        ...


def zero_state(metadata: ModelMetadata, streams: int = 1) -> np.ndarray:
    """The state at the start of `streams` streams, float32 [streams, S]."""
    return np.zeros((streams, metadata.state_size), np.float32)


def open_scorer(path: str | Path) -> Scorer:
    """Open a model file, a checkpoint or a run, with whichever installed part of Auricle can read it.

    Raises:
        ModelError: nothing is there, nothing installed reads it, or it is broken.
    """
    from importlib.metadata import entry_points  # slow to load, and a device opens its model without it

    path = Path(path)
    if not path.exists():
        raise ModelError(f"{path} does not exist. Wanted: a model.onnx, a run's folder or a checkpoint (.pt).")
    openers = sorted(entry_points(group="auricle.scorers"), key=lambda e: e.name)
    for opener in openers:
        scorer: Scorer | None = opener.load()(path)
        if scorer is not None:
            return scorer
    installed = ", ".join(e.name for e in openers) or "nothing"
    raise ModelError(
        f"{path} is nothing that can be opened here (installed readers: {installed}). A model.onnx needs "
        "auricle-runtime, a run's folder or a checkpoint needs auricle-trainer."
    )
