"""Figures that `auricle evaluate` finds are kept in the run they are about, so that they can be found again."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from .json_lines import append_line, now
from .metadata import ModelMetadata
from .pack import Pack

NAME = "evaluations.jsonl"
FIGURES = ("n", "correct", "accuracy", "interval_95")


def keep_evaluation(
    model: Path, metadata: ModelMetadata, pack: Pack, clips: str, result: Mapping[str, Any]
) -> Path | None:
    """Add a line to RUN/evaluations.jsonl, where `model` is a run, one of its checkpoints or an export kept in it.

    Args:
        clips: which were judged: a split, 'all' or COLUMN=VALUE.

    Returns:
        The file; None where the model lies in no run of its own, or the run cannot be written.
    """
    run = _run_of(model, str(metadata.provenance.get("run_id", "")))
    if run is None:
        return None
    figures = {key: result[key] for key in FIGURES if key in result}
    if "stream" in result:
        figures["stream_accuracy"] = result["stream"]["accuracy"]
        figures["after_background_accuracy"] = result["after_background"]["accuracy"]
    if "scenes" in result:
        scenes = result["scenes"]
        hours = {key: scenes[key] for key in ("hours_of_scenes", "hours_of_negatives")}
        figures["scenes"] = {**hours, **scenes["shipped"]["overall"]}
    values = {
        "time": now(),
        "command": sys.argv,
        "model": str(model),
        "checkpoint": metadata.provenance.get("checkpoint", ""),
        "checkpoint_hash": metadata.provenance.get("checkpoint_hash", ""),
        "data": str(pack.path),
        "data_fingerprint": pack.fingerprint,
        "clips": clips,
        **figures,
    }
    with suppress(OSError):  # a run on a read-only disk can still be evaluated
        append_line(run / NAME, values)
        return run / NAME
    return None


def _run_of(model: Path, run_id: str) -> Path | None:
    for folder in (model, *model.resolve().parents[:3]):
        record = folder / "run.json"
        if run_id and record.is_file():
            with suppress(OSError, ValueError, AttributeError):
                if json.loads(record.read_text(encoding="utf-8")).get("run_id") == run_id:
                    return folder
    return None
