"""Checkpoints: plain tensors and plain types, written aside, synced, renamed, read with weights_only."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from auricle_shared.errors import ModelError
from auricle_shared.files import write_whole
from auricle_shared.metadata import ModelMetadata

from .config import Config
from .models import make_network
from .models.classifier import Classifier

FORMAT = 1
BEST, LAST = "best.pt", "last.pt"


def save_checkpoint(path: Path, values: dict[str, Any]) -> None:
    """`values` are tensors, numbers, strings, lists and dicts; the old file stays whole until the new one is synced."""
    write_whole(path, lambda file: torch.save({"format": FORMAT, **values}, file))


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Raises ModelError: no checkpoint, a damaged one, another format version, or one that holds more than data."""
    try:
        values = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ModelError(f"The checkpoint {path} does not exist.") from error
    except (UnpicklingError, RuntimeError, EOFError, ValueError, OSError, KeyError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(f"{path} is not a checkpoint that can be read safely ({first}).") from error
    if not isinstance(values, dict) or "format" not in values:
        raise ModelError(f"{path} is a torch file, but not a checkpoint of 'auricle train'.")
    if values["format"] != FORMAT:
        raise ModelError(
            f"{path} has checkpoint format {values['format']}; this version of Auricle reads format {FORMAT}. "
            "Train again, or install the version that wrote it."
        )
    return values


def checkpoint_path(path: Path) -> Path:
    """The checkpoint meant by a run's folder (its best one) or by a file.

    Raises:
        ModelError: a folder without one.
    """
    if not path.is_dir():
        return path
    for name in (BEST, LAST):
        if (path / "checkpoints" / name).is_file():
            return path / "checkpoints" / name
    raise ModelError(f"{path} holds no checkpoint. Wanted: a folder that 'auricle train … --run {path}' made.")


def restore(values: dict[str, Any]) -> tuple[Classifier, ModelMetadata, Config]:
    """The classifier (in evaluation mode), its metadata and its config from a loaded checkpoint."""
    config = Config.from_dict(values["config"], str(values["config"]["name"]))
    model = make_classifier(config, len(values["metadata_labels"]))
    model.load_state_dict(values["model"])
    model.eval()
    metadata = ModelMetadata.from_strings(values["metadata"], "the checkpoint")
    return model, metadata, config


def make_classifier(config: Config, classes: int) -> Classifier:
    settings = asdict(config.model)
    kind = settings.pop("kind")
    network = make_network(kind, config.spectrogram.bands, classes, **settings)
    return Classifier(config.spectrogram, network)


def weights_hash(model: Classifier) -> str:
    """SHA-256 (16 hex digits) over names, shapes and bytes of all weights: the same weights, the same hash."""
    return state_hash(model.state_dict())


def checkpoint_hashes(folder: Path) -> dict[str, str]:
    """File name -> hash of the weights, for all checkpoints of a run."""
    files = sorted((folder / "checkpoints").glob("*.pt"))
    return {file.name: state_hash(load_checkpoint(file)["model"]) for file in files}


def state_hash(weights: Mapping[str, torch.Tensor]) -> str:
    """`weights_hash` of a checkpoint's table 'model'."""
    digest = hashlib.sha256()
    for name, value in sorted(weights.items()):
        digest.update(f"{name} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def tensors_hash(values: Any) -> str:
    """SHA-256 (16 hex digits) over all tensors of a checkpoint: weights, optimizer, streams, generators.

    Equal where two runs went the same way bit for bit; settings, accuracies and metadata do not count.
    """
    digest = hashlib.sha256()
    for name, value in _tensors(values, ""):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def _tensors(values: Any, name: str) -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(values, torch.Tensor):
        yield name, values
    elif isinstance(values, Mapping):
        for key in sorted(values, key=str):
            yield from _tensors(values[key], f"{name}.{key}")
    elif isinstance(values, list | tuple):
        for number, value in enumerate(values):
            yield from _tensors(value, f"{name}.{number}")
