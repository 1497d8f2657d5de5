"""What a run writes about itself when it begins, goes on and ends.

RUN/config.json           every setting, defaults included
RUN/run.json              command, code, data, seed, device, event settings: what the run is
RUN/data.csv              every clip of the data, its label and what it was used for
RUN/environment.json      the machine, all libraries
RUN/code/sources.json     hash of every source file; code/HASH.patch: what was not committed
RUN/sessions.jsonl        a line when training begins or goes on, and one when it ends
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from auricle_shared.files import write_text, write_whole
from auricle_shared.json_lines import append_line, now
from auricle_shared.metadata import ModelMetadata
from auricle_shared.pack import Pack

from ..config import Config
from ..selection import Selection
from .code import this_code
from .data_rows import write_rows
from .machine import machine

RUN, CONFIG, SESSIONS, ENVIRONMENT = "run.json", "config.json", "sessions.jsonl", "environment.json"


def write_record(
    folder: Path,
    config: Config,
    metadata: ModelMetadata,
    pack: Pack,
    background: Pack,
    recorded: bool,
    selection: Selection,
    device: torch.device,
) -> None:
    """Everything that is known before the first step.

    Args:
        recorded: the background was given, not synthesised.
    """
    write_text(folder / CONFIG, _json(config.to_dict()))
    write_text(folder / ENVIRONMENT, _json(machine()))
    write_rows(folder, pack.clips, selection.train, selection.validation)
    code = this_code()
    write_text(folder / "code" / "sources.json", _json(code.sources))
    values = {
        "began": now(),
        "command": sys.argv,
        "folder": os.getcwd(),
        "device": str(device),
        "threads": torch.get_num_threads(),
        "data": {
            "path": str(pack.path.resolve()),
            "counts": dict(pack.counts(selection.train)),
            "validation_counts": dict(pack.counts(selection.validation)),
            "clips": len(pack),
            "seconds": round(pack.seconds, 3),
        },
        "background": str(background.path.resolve()),
        "background_recorded": recorded,
        "labels": list(metadata.labels),
        "untracked_left_out": list(code.left_out),
        **event_values(metadata),
        **metadata.provenance,
    }
    write_text(folder / RUN, _json(values))


def event_values(metadata: ModelMetadata) -> dict[str, Any]:
    """What calibration changes."""
    events = {label: asdict(settings) for label, settings in metadata.events.items()}
    return {"event_settings": events, "temperature": metadata.temperature}


def write_events(folder: Path, metadata: ModelMetadata) -> None:
    """After a calibration: run.json tells what best.pt has. A checkpoint without its run is left alone."""
    path = folder / RUN
    if path.is_file():
        known = json.loads(path.read_text(encoding="utf-8"))
        write_text(path, _json({**known, **event_values(metadata)}))


def begin_session(folder: Path, device: torch.device, step: int) -> None:
    """Training begins at `step`, or goes on there, with the code of now."""
    code = this_code()
    if code.patch:
        path = folder / "code" / f"{code.patch_hash}.patch"
        write_whole(path, lambda file: file.write(code.patch))
    values = {
        "began": now(),
        "step": step,
        "command": sys.argv,
        "device": str(device),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        **code.identifiers(),
    }
    append_line(folder / SESSIONS, values)


def end_session(folder: Path, step: int, finished: bool, figures: Mapping[str, Any]) -> None:
    append_line(folder / SESSIONS, {"ended": now(), "step": step, "finished": finished, **figures})


def _json(values: Mapping[str, Any]) -> str:
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"
