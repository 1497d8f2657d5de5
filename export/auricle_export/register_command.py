"""`auricle register`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("model", metavar="MODEL.onnx", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="Of the registered model; a new file becomes its next version.")
def register(run: Path, model: Path, name: str) -> None:
    """Register MODEL.onnx, exported from RUN, as a version of a model in MLflow's registry.

    The version names the run, the checkpoint, the config and the data, by the same identifiers as the file itself.

    \b
    Example:
      auricle export runs/first model.onnx && auricle register runs/first model.onnx --name kettle
    """
    import json

    import onnx

    from auricle_runtime.onnx_scorer import OnnxScorer
    from auricle_shared.errors import ModelError
    from auricle_trainer.mlflow_tracking.place import answering, place_of
    from auricle_trainer.mlflow_tracking.registry import register as register_model

    metadata = OnnxScorer(model, "cpu").metadata
    record = run / "run.json"
    if not record.is_file():
        raise ModelError(f"{run} is no run: it has no run.json. Wanted: the folder that {model} was exported from.")
    found, wanted = metadata.provenance["run_id"], json.loads(record.read_text(encoding="utf-8"))["run_id"]
    if found != wanted:
        raise ModelError(f"{model} was exported from run {found}, and {run} is run {wanted}. Nothing was registered.")
    place = place_of(run)
    with answering(place) as client:
        version = register_model(client, place, model, metadata, name, onnx.__version__)
    click.echo(f"{name}, version {version}, at {place.uri}; to look: {place.page}")
