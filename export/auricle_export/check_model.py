"""Whether a model.onnx is whole, and whether it was exported from the run it is said to be of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auricle_runtime.onnx_scorer import OnnxScorer
from auricle_shared.errors import AuricleError
from auricle_shared.file_hash import is_whole
from auricle_shared.metadata import ModelMetadata
from auricle_trainer.checkpoint import BEST
from auricle_trainer.record.check_run import calibration_faults, wanted_weights
from auricle_trainer.record.checks import Check, differs, judged, unknown
from auricle_trainer.record.run_folder import RunFolder

from .export_record import sha256_of


def read_metadata(path: Path) -> ModelMetadata:
    """Raises ModelError for a file that is no model of Auricle's or does not run."""
    return OnnxScorer(path, "cpu").metadata


def check_file(path: Path) -> Check:
    """The file's own hash."""
    whole = is_whole(path.read_bytes())
    if whole is None:
        return unknown("file", "it carries no hash of its own (exported by version 0.1)")
    return judged("file", [] if whole else [f"{path} was changed after its export"], "as it was exported")


def models_of(run: RunFolder) -> list[Path]:
    """In the run's folder and in its exports; those that were noted there and are gone, too."""
    found = {*run.path.glob("*.onnx"), *(run.path / "exports").glob("*.onnx")}
    return sorted(found | {run.path / line["file"] for line in run.exports if "file" in line})


def check_model(run: RunFolder, path: Path) -> Check:
    """One model against its run, by its path in the run.

    An older model among the run's exports may be of earlier weights or of an earlier calibration: it is history.
    """
    own = path.resolve().relative_to(run.path.resolve()).as_posix() if _inside(run, path) else ""
    lines = [line for line in run.exports if own and line.get("file") == own]
    name, noted = own or str(path), lines[-1] if lines else {}
    if not path.is_file():
        return unknown(name, "it is gone from the run's exports")
    try:
        metadata = read_metadata(path)
    except AuricleError as error:
        return differs(name, str(error))
    faults = _origin(metadata.provenance, run)
    if is_whole(path.read_bytes()) is False:
        faults.append("changed after its export")
    if noted and noted.get("sha256") != sha256_of(path):
        faults.append("not the file that the run noted when it was exported")
    history = own.startswith("exports/") and noted is not run.exports[-1] if noted else False
    if not history:
        faults += _now(metadata, run)
    good = f"{'an older export, ' if history else ''}weights {metadata.provenance.get('checkpoint_hash')}"
    return judged(name, faults, good)


def _inside(run: RunFolder, path: Path) -> bool:
    return path.resolve().is_relative_to(run.path.resolve())


def _origin(told: Mapping[str, Any], run: RunFolder) -> list[str]:
    if told.get("run_id") == run.run_id:
        return []
    return [f"exported from another run: {told.get('run_id')} ({told.get('config')}); this one is {run.run_id}"]


def _now(metadata: ModelMetadata, run: RunFolder) -> list[str]:
    """Against the run as it ended and as it is calibrated."""
    told, faults = metadata.provenance, []
    for key in ("config_hash", "data_fingerprint"):
        if told.get(key) != run.record.get(key):
            faults.append(f"has the {key} {told.get(key)}; the run has {run.record.get(key)}")
    checkpoint, found = str(told.get("checkpoint", "")), told.get("checkpoint_hash")
    wanted = wanted_weights(run).get(checkpoint)
    if wanted not in (found, None):
        faults.append(f"exported from other weights of {checkpoint}: {found}; training ended with {wanted}")
    return faults + (calibration_faults(metadata, run.record) if checkpoint == BEST else [])
