"""The few figures by which runs are listed, sorted and told apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .run_folder import RunFolder

PERCENT = ("validation", "test", "stream", "misses")
"""Shares; shown in percent"""


def key_figures(run: RunFolder) -> dict[str, Any]:
    """What one line of a table tells, in plain types; None where it is not known.

    `validation` is the best epoch's share of clips right, `test` and `stream` those of the last `auricle evaluate`,
    `misses` and `false_alarms_an_hour` those of the last one with --scenes.
    """
    record, test = run.record, run.last_evaluation("test") or {}
    scenes: dict[str, Any] = next((e["scenes"] for e in reversed(run.evaluations) if "scenes" in e), {})
    negatives = scenes.get("false_alarms_in_negatives") or {}
    return {
        "run": str(run.path),
        "run_id": run.run_id,
        "began": run.began.isoformat(timespec="seconds"),
        "state": run.state,
        "config": str(record.get("config", "")),
        "config_hash": str(record.get("config_hash", "")),
        "data": Path(str(record.get("data", {}).get("path", ""))).name,
        "data_fingerprint": str(record.get("data_fingerprint", "")),
        "seed": record.get("seed"),
        "device": str(record.get("device", "")),
        "epochs": run.epochs,
        "minutes": round(run.seconds / 60, 2),
        "parameters": run.ended.get("parameters"),
        "loss": next((m["train/loss"] for m in reversed(run.metrics) if "train/loss" in m), None),
        "validation": run.best_validation,
        "test": test.get("accuracy"),
        "stream": test.get("stream_accuracy"),
        "misses": scenes.get("miss_share"),
        "false_alarms_an_hour": negatives.get("an_hour"),
        "commit": str(record.get("code_commit", "")),
        "dirty": bool(record.get("code_dirty", False)),
        "exports": len(run.exports),
        "notes": len(run.notes),
    }


def as_cell(name: str, value: Any) -> str:
    """A figure as a table shows it."""
    if value is None or value == "":
        return "-"
    if name in PERCENT:
        return f"{100 * value:.2f} %"
    if name == "began":
        return str(value)[:16].replace("T", " ")
    if name in ("commit", "data_fingerprint", "config_hash"):
        return str(value)[:8]
    return f"{value:.4g}" if isinstance(value, float) else str(value)
