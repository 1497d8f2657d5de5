"""Whether the parts of a run belong together: its config, its lists, its checkpoints."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auricle_shared.errors import AuricleError, ModelError
from auricle_shared.metadata import ModelMetadata
from auricle_shared.settings import settings_hash

from ..checkpoint import BEST, LAST, load_checkpoint, state_hash
from ..config import Config
from .checks import Check, differs, judged, ok, unknown
from .data_rows import rows_fingerprint
from .differences import changed, in_words
from .run_folder import RunFolder, flat
from .writing import event_values


def check_config(run: RunFolder) -> Check:
    """config.json against the hash in run.json; a checkpoint's copy tells what was edited."""
    wanted = str(run.record.get("config_hash", ""))
    try:
        hashes = {settings_hash(run.config)}
    except ModelError as error:
        return differs("config", str(error))
    try:
        found = Config.from_dict(run.config, str(run.config.get("name", ""))).hash
    except (AuricleError, TypeError, ValueError):  # settings of another version
        found = next(iter(hashes))
    if wanted in hashes | {found}:
        return ok("config", wanted)
    edited = in_words(changed(flat(_kept_config(run)), flat(run.config)))
    return differs(
        "config", f"config.json has the hash {found}; trained with {wanted}" + (f": {edited}" if edited else "")
    )


def _kept_config(run: RunFolder) -> dict[str, Any]:
    """As the checkpoints have it; what is in config.json itself where no checkpoint of this config is readable."""
    for name in (BEST, LAST):
        try:
            values = load_checkpoint(run.path / "checkpoints" / name)
        except ModelError:
            continue
        if values.get("config_hash") == run.record.get("config_hash"):
            return json.loads(json.dumps(values["config"]))  # tuples as lists
    return run.config


def check_rows(run: RunFolder) -> Check:
    """data.csv, the run's own list of its clips."""
    wanted = str(run.record.get("data_fingerprint", ""))
    try:
        if not run.data:
            return unknown("data.csv", "the run has none (version 0.1)")
        found = rows_fingerprint(int(run.config["spectrogram"]["rate_hz"]), run.data)
    except (AuricleError, KeyError, TypeError, ValueError) as error:
        return differs("data.csv", str(error))
    return judged("data.csv", [f"gives the fingerprint {found}; run.json has {wanted}"] if found != wanted else [])


def check_checkpoints(run: RunFolder) -> list[Check]:
    """Every checkpoint in the run's folder, and those that it knows but that are gone."""
    names = {path.name for path in (run.path / "checkpoints").glob("*.pt")} | wanted_weights(run).keys()
    if run.epochs:
        names.add(LAST)
    return [_check_checkpoint(run, run.path / "checkpoints" / name) for name in sorted(names)]


def wanted_weights(run: RunFolder) -> dict[str, str]:
    """Checkpoint -> hash of its weights, as training's end left them; empty where no end was told."""
    found = run.ended.get("checkpoints", {})
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


def _check_checkpoint(run: RunFolder, path: Path) -> Check:
    try:
        values = load_checkpoint(path)
        metadata = ModelMetadata.from_strings(values["metadata"], str(path))
        found = state_hash(values["model"])
    except (AuricleError, KeyError, AttributeError) as error:
        return differs(path.name, str(error))
    told, record, wanted = metadata.provenance, run.record, wanted_weights(run).get(path.name)
    faults = []
    if told.get("run_id") != run.run_id:
        faults.append(f"of another run: {told.get('run_id')} ({told.get('config')}); this one is {run.run_id}")
    if told.get("checkpoint") not in (path.name, None):
        faults.append(f"is {told['checkpoint']} under another name")
    if told.get("checkpoint_hash") not in (found, None):
        faults.append(f"its weights were edited: {found}; saved as {told['checkpoint_hash']}")
    if wanted not in (found, None):
        faults.append(f"from another moment of the run: weights {found}; training ended with {wanted}")
    for key in ("config_hash", "data_fingerprint"):
        if values.get(key) != record.get(key):
            faults.append(f"has the {key} {values.get(key)}; run.json has {record.get(key)}")
    if path.name == BEST:
        faults += calibration_faults(metadata, record)
    return judged(path.name, faults, f"weights {found}")


def calibration_faults(metadata: ModelMetadata, record: Mapping[str, Any]) -> list[str]:
    """Temperature and event settings that are not the run's of now; nothing where it keeps none (version 0.1)."""
    pairs = {k: (v, record[k]) for k, v in event_values(metadata).items() if k in record}
    found, wanted = flat({k: v[0] for k, v in pairs.items()}), flat({k: v[1] for k, v in pairs.items()})
    edited = in_words(changed(wanted, found))
    return [f"calibrated otherwise than the run is now: {edited}"] if edited else []
