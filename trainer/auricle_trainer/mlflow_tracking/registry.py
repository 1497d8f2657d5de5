"""A run's model.onnx as a version of a registered model, with everything that says where it came from."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from auricle_shared.errors import ModelError
from auricle_shared.metadata import ModelMetadata

from .place import Place, experiment_id
from .record import RUN_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient

LOADER = "mlflow.onnx"


def register(client: MlflowClient, place: Place, model: Path, metadata: ModelMetadata, name: str, onnx: str) -> str:
    """Log the model under its run and register it; returns the new version's number.

    The same file is never a second version: the one that has it is returned.

    Args:
        onnx: version of the onnx package that wrote the model.

    Raises:
        ModelError: the model's run was never told to this MLflow.
    """
    from mlflow.entities import LoggedModelOutput

    facts = metadata.provenance
    experiment = experiment_id(client, place)
    runs = client.search_runs([experiment], f"tags.`{RUN_TAG}` = '{facts['run_id']}'", max_results=1)
    if not runs:
        raise ModelError(
            f"{model} was made from run {facts['run_id']}, of which MLflow at {place.uri} (experiment "
            f"{place.experiment}) knows nothing. Tell it first: auricle track RUN."
        )
    run_id = runs[0].info.run_id
    named = {key: str(facts[key]) for key in ("checkpoint_hash", "data_fingerprint", "config_hash") if key in facts}
    digest = _digest(model)
    for version in client.search_model_versions(f"name = '{name}'"):
        if version.tags.get("auricle.sha256") == digest:
            return str(version.version)
    labels = {RUN_TAG: str(facts["run_id"]), "auricle.sha256": digest, **{f"auricle.{k}": v for k, v in named.items()}}
    logged = client.create_logged_model(experiment, name=name, source_run_id=run_id, tags=labels, model_type="onnx")
    with tempfile.TemporaryDirectory() as folder:
        _as_mlflow_model(model, Path(folder), run_id, logged.model_id, onnx)
        client.log_model_artifacts(logged.model_id, folder)
    client.finalize_logged_model(logged.model_id, "READY")
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    made = client.create_model_version(
        name, source=f"models:/{logged.model_id}", run_id=run_id, tags=labels, model_id=logged.model_id
    )
    return str(made.version)


def _as_mlflow_model(model: Path, folder: Path, run_id: str, model_id: str, onnx: str) -> None:
    """model.onnx and the MLmodel file by which mlflow.onnx.load_model finds it."""
    from mlflow.models import Model

    shutil.copyfile(model, folder / "model.onnx")
    described = Model(run_id=run_id, model_id=model_id, model_size_bytes=model.stat().st_size)
    described.add_flavor("onnx", onnx_version=onnx, data="model.onnx", providers=["CPUExecutionProvider"])
    described.add_flavor("python_function", loader_module=LOADER, data="model.onnx")
    described.save(str(folder / "MLmodel"))


def _digest(file: Path) -> str:
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
