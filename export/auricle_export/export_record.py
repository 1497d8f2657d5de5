"""A run keeps what was exported from it: the model, its hash and the whole parity report.

RUN/exports.jsonl           a line an export: where it went, its hash, how far it is from the checkpoint
RUN/exports/HASH.onnx       the model, where it was written outside of the run
RUN/exports/HASH.json       the parity report
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from auricle_shared.files import write_text, write_whole
from auricle_shared.json_lines import append_line, now
from auricle_shared.metadata import ModelMetadata
from auricle_trainer.record.code import this_code
from auricle_trainer.record.run_folder import EXPORTS, RunFolder, run_around


def keep_export(
    checkpoint: Path, model: Path, metadata: ModelMetadata, parity: dict[str, Any], weights: str = "float32"
) -> RunFolder | None:
    """Enter an export in the run that the checkpoint lies in; None for a checkpoint without its run.

    Args:
        metadata: the model's own.
        parity: the report, as `ParityReport.to_dict` has it.
        weights: how they are stored.
    """
    run = run_around(checkpoint)
    if run is None or run.run_id != metadata.provenance.get("run_id"):
        return None
    digest = sha256_of(model)
    folder, name = run.path / "exports", digest[:12]
    folder.mkdir(exist_ok=True)
    inside = model.resolve().is_relative_to(run.path.resolve())
    kept = model.resolve() if inside else (folder / f"{name}.onnx").resolve()
    if not inside:
        with open(model, "rb") as source:
            write_whole(kept, lambda file: shutil.copyfileobj(source, file))
    write_text(folder / f"{name}.json", json.dumps(parity, indent=2) + "\n")
    values = {
        "time": now(),
        "model": str(model.resolve()),
        "file": kept.relative_to(run.path.resolve()).as_posix(),
        "sha256": digest,
        "bytes": model.stat().st_size,
        "weights": weights,
        "parity": f"exports/{name}.json",
        "passed": parity["passed"],
        "max_abs_error": parity["max_abs_error"],
        **{key: metadata.provenance.get(key, "") for key in ("run_id", "checkpoint", "checkpoint_hash")},
        **this_code().identifiers(),
    }
    append_line(run.path / EXPORTS, values)
    return run


def sha256_of(file: Path) -> str:
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
