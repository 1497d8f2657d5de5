"""What the table says about this machine, as a config: batch, workers, graph, and a learning rate to go with them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from auricle_shared.errors import SettingsError
from auricle_shared.files import write_text
from auricle_trainer.config import TrainingSettings

from .measure import Measured

WORTH = 0.95
"""A smaller batch is proposed if it is this near to the fastest: it needs fewer epochs."""


def proposal(rows: Sequence[Measured], settings: TrainingSettings) -> dict[str, Any]:
    """Settings of [training], with the learning rate for the batch where the config does not scale it by itself."""
    usable = [row for row in rows if row.path]
    if not usable:
        return {}
    fastest = max(row.clips_per_second for row in usable)
    near = [row for row in usable if row.clips_per_second >= WORTH * fastest]
    best = min(near, key=lambda row: (row.batch, row.workers))
    graph = {"graph": True} if best.path == "graph" else {}
    rate = {} if settings.learning_rate_batch else {"learning_rate": scaled_rate(settings, best.batch)}
    return {"streams": best.batch, "workers": best.workers, **graph, **rate}


def as_changes(training: dict[str, Any]) -> str:
    """As `auricle train` takes them."""
    return " ".join(f"--set training.{key}={json.dumps(value)}" for key, value in training.items())


def scaled_rate(settings: TrainingSettings, batch: int) -> float:
    """The config's learning rate for another batch, as one would write it down."""
    return float(f"{settings.learning_rate_for(batch):.2g}")


def write_config(config: str, training: dict[str, Any], path: Path) -> None:
    """The config's own text, comments and all, with other settings of [training]."""
    import tomlkit

    if path.exists():
        raise SettingsError(f"{path} is already there; choose another name for --write.")
    source = Path(config)
    shipped = files("auricle_trainer") / "configs" / f"{config}.toml"
    document = tomlkit.parse(source.read_text(encoding="utf-8") if source.suffix == ".toml" else shipped.read_text())
    table = document.setdefault("training", tomlkit.table())
    for key, value in training.items():
        table[key] = value
    write_text(path, tomlkit.dumps(document))
