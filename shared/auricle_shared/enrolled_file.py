"""The file of enrolled sounds: JSON, small enough to read, bound to the model that made the embeddings.

{"format": 1, "model": "model.onnx", "model_sha256": "...", "embedding_size": 64, "sounds": [
  {"name": "doorbell", "sources": ["ring 1.wav", ...], "settings": {"on_threshold": 0.55, ...},
   "told": {...}, "direction": [...], "prototypes": [[...], ...]}]}
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from .enrolment import EnrolledSound, EnrolmentError
from .errors import AuricleError
from .files import write_text
from .settings import EventSettings, from_table

FORMAT = 1
MOST_SOUNDS, MOST_BYTES = 1000, 64 << 20
DECIMALS = 5


def default_path(model: Path) -> Path:
    """model.onnx -> model.enrolled.json beside it"""
    return model.with_name(model.stem + ".enrolled.json")


def file_hash(model: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with open(model, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_enrolled(path: Path, model: Path, sounds: Sequence[EnrolledSound]) -> None:
    """Write the sounds beside the old file, then put it in its place."""
    values = {
        "format": FORMAT,
        "model": model.name,
        "model_sha256": file_hash(model),
        "embedding_size": int(sounds[0].direction.shape[0]) if sounds else 0,
        "sounds": [_to_dict(sound) for sound in sounds],
    }
    write_text(path, json.dumps(values, indent=1, ensure_ascii=False) + "\n")


def read_enrolled(path: Path, model: Path, embedding_size: int) -> list[EnrolledSound]:
    """What `write_enrolled` wrote.

    Raises:
        EnrolmentError: not there, not such a file, or enrolled with another model.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise EnrolmentError(f"{path} has {path.stat().st_size} bytes; wanted at most {MOST_BYTES}.")
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise EnrolmentError(f"{path} does not exist. 'auricle enroll {model} NAME CLIP...' makes it.") from error
    except (OSError, ValueError) as error:
        raise EnrolmentError(f"{path} is no file of enrolled sounds ({error}).") from error
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise EnrolmentError(f"{path} is no file of enrolled sounds of format {FORMAT}. Enrol the clips again.")
    found = file_hash(model)
    if values.get("model_sha256") != found:
        raise EnrolmentError(
            f"{path} was made with {values.get('model')} ({str(values.get('model_sha256'))[:16]}); {model} is another "
            f"model ({found[:16]}), whose embeddings mean something else. Enrol the clips again with it."
        )
    try:
        sounds = [_from_dict(value, embedding_size) for value in values["sounds"][:MOST_SOUNDS]]
    except (KeyError, TypeError, ValueError, AuricleError) as error:
        raise EnrolmentError(f"{path} is damaged ({error}). Enrol the clips again.") from error
    if len({sound.name for sound in sounds}) != len(sounds):
        raise EnrolmentError(f"{path} has a name twice. Remove one with a text editor.")
    return sounds


def _to_dict(sound: EnrolledSound) -> dict[str, Any]:
    return {
        "name": sound.name,
        "sources": list(sound.sources),
        "settings": asdict(sound.settings),
        "told": sound.told,
        "direction": [round(float(x), DECIMALS) for x in sound.direction],
        "prototypes": [[round(float(x), DECIMALS) for x in row] for row in sound.prototypes],
    }


def _from_dict(values: dict[str, Any], size: int) -> EnrolledSound:
    direction = np.array(values["direction"], np.float32)
    prototypes = np.array(values["prototypes"], np.float32)
    if direction.shape != (size,) or prototypes.ndim != 2 or prototypes.shape[1] != size:
        raise ValueError(f"vectors of length {direction.shape[-1]}, the model's have {size}")
    if not (np.isfinite(direction).all() and np.isfinite(prototypes).all()):
        raise ValueError("vectors that are not numbers")
    settings = from_table(EventSettings, values["settings"], "settings")
    name, sources = str(values["name"]), tuple(str(source) for source in values["sources"])
    return EnrolledSound(name, sources, prototypes, direction, settings, dict(values["told"]))
