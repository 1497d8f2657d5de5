"""A run's folder in MLflow's terms: tags, parameters, the data set, the files worth keeping."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput, Param

RUN_TAG = "auricle.run_id"
"""What a checkpoint and a model.onnx name their run by"""
LONGEST_PARAMETER = 6000
"""characters; MLflow's own limit"""
TOLD = ("code_dirty", "config_hash", "data_fingerprint", "background_fingerprint", "device")
KEPT_BY_OTHERS = ("checkpoints", "tensorboard", "background")
"""Folders of a run that stay where they are: large, or shown by another page"""
MACHINE = ("host/", "gpu/")
"""Metrics of the machine; MLflow's page has a tab for those that begin with system/"""


def metric_name(name: str) -> str:
    return f"system/{name}" if name.startswith(MACHINE) else name


def tags(record: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """From run.json; the commit under MLflow's own name, so that its page links to it."""
    return {
        RUN_TAG: str(record["run_id"]),
        "mlflow.source.git.commit": str(record["code_commit"]),
        "mlflow.source.name": "auricle train",
        "auricle.command": " ".join(["auricle", *map(str, record["command"][1:])]),
        "mlflow.source.type": "LOCAL",
        "auricle.folder": str(folder.absolute()),
        **{f"auricle.{key}": str(record[key]) for key in TOLD if key in record},
    }


def parameters(config: Mapping[str, Any], record: Mapping[str, Any]) -> list[Param]:
    """Every setting under its name in the config, and the seed."""
    from mlflow.entities import Param

    settings = {**flat(config), "seed": record["seed"]}
    return [Param(key, str(value)[:LONGEST_PARAMETER]) for key, value in sorted(settings.items())]


def flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} as {"a.b": 1}; lists as JSON."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = json.dumps(value) if isinstance(value, (list, tuple)) else value
    return found


def dataset(record: Mapping[str, Any]) -> DatasetInput:
    """The pack, with our fingerprint as its digest: the same data, the same data set, wherever it lies."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    data = record["data"]
    return DatasetInput(
        Dataset(
            name=Path(str(data["path"])).name,
            digest=str(record["data_fingerprint"]),
            source_type="local",
            source=json.dumps({"uri": str(data["path"])}),
            profile=json.dumps({"training clips a label": data["counts"]}),
        ),
        [InputTag("mlflow.data.context", "training")],
    )


def files_of(folder: Path) -> list[Path]:
    """Config, record, metrics, pictures, reports and models; not what is large or a work in progress."""
    return [
        file
        for file in sorted(folder.rglob("*"))
        if file.is_file()
        and file.relative_to(folder).parts[0] not in KEPT_BY_OTHERS
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    ]
