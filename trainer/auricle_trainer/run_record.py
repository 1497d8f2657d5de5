"""What a run wrote down about itself: where its data and its background lay."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from auricle_shared.errors import DataError


def read_record(run: Path) -> dict[str, Any]:
    """run.json; empty where there is none that can be read."""
    try:
        found = json.loads((run / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def data_path(run: Path) -> Path:
    """Where the run's clips are. Raises DataError when they are gone: wanted `--data` then."""
    return existing(read_record(run).get("data", {}).get("path"), "--data", run)


def existing(path: str | None, option: str, run: Path) -> Path:
    """Raises DataError when nothing is there any more; `option` is what the user can give instead."""
    if not path or not Path(path).exists():
        raise DataError(f"The data of {run} are not at {path or 'any known place'} any more. Say where with {option}.")
    return Path(path)
