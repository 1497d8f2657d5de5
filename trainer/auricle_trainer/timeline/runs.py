"""What a run's record tells: its beginning, its data, what became of it, exports and notes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ..record.differences import as_text, code_diff, data_changes, differences
from ..record.figures import as_cell, key_figures
from ..record.run_folder import RunFolder
from .entry import Entry
from .pictures import small_picture

FIGURES = {
    "validation": "validation", "test": "test", "stream": "state carried", "misses": "missed",
    "false_alarms_an_hour": "false alarms/h", "epochs": "epochs", "minutes": "minutes", "parameters": "parameters",
    "config": "config", "data": "data", "seed": "seed", "commit": "commit",
}  # fmt: skip
"""Column of `auricle runs` -> what a person reads, in this order"""
LONGEST_DIFF = 20_000
"""characters of a code difference in the page"""


def run_entries(
    run: RunFolder, before: RunFolder | None, name: str, repository: Path | None, pictures: bool
) -> list[Entry]:
    """All entries of one run.

    Args:
        before: the run that began before it, which it is compared with.
        name: what it is called in the timeline.
        pictures: with pictures and the differences from the run before.
    """
    training = _training(run, name)
    if pictures:
        drawn = tuple(p for path in run.pictures if (p := small_picture(path)))
        training = replace(training, pictures=drawn, details=_differences(before, run, repository))
    entries = [*_data(run, before, name), training]
    entries += [_evaluation(values, name) for values in run.evaluations]
    entries += [_export(values, name) for values in run.exports]
    entries += [Entry(_time(values), "note", str(values.get("text", "")), run=name) for values in run.notes]
    return entries


def _training(run: RunFolder, name: str) -> Entry:
    figures = key_figures(run)
    facts = {"state": figures["state"]}
    figures["minutes"] = figures["minutes"] or None  # not known of runs of version 0.1
    facts |= {told: as_cell(key, figures[key]) for key, told in FIGURES.items() if figures[key] not in (None, "")}
    if figures["dirty"]:
        facts["commit"] = facts.get("commit", "") + " + changes"
    return Entry(run.began, "run", name, facts, run=name)


def _differences(before: RunFolder | None, run: RunFolder, repository: Path | None) -> dict[str, str]:
    if before is None:
        return {}
    told = as_text(differences(before, run), (before.path.name, run.path.name))
    details = {f"differences from {before.path.name}": told}
    code = code_diff(repository, before, run, LONGEST_DIFF) if repository else ""
    return details | ({"code, line by line": code} if code else {})


def _data(run: RunFolder, before: RunFolder | None, name: str) -> list[Entry]:
    """A data change is known from the next run: that it was trained on other clips."""
    words = data_changes(before, run) if before else ""
    if not words:
        return []
    data = Path(str(run.record.get("data", {}).get("path", ""))).name
    return [Entry(run.began, "data", f"{name} is trained on other data", {"data": data, "change": words}, run=name)]


def _evaluation(values: dict[str, Any], name: str) -> Entry:
    facts = {"clips": str(values.get("clips", "")), "data": Path(str(values.get("data", ""))).name}
    known = {"accuracy": values.get("accuracy"), "state carried": values.get("stream_accuracy")}
    facts |= {key: as_cell("test", value) for key, value in known.items() if value is not None}
    return Entry(_time(values), "evaluation", f"{name} was evaluated", facts, run=name)


def _export(values: dict[str, Any], name: str) -> Entry:
    error = values.get("max_abs_error")
    facts = {
        "model": Path(str(values.get("model", ""))).name,
        "size": f"{int(values.get('bytes', 0)) / 1024:.0f} KiB, {values.get('weights', '')}",
        "parity": "passed" if values.get("passed") else "failed",
        "largest difference": as_cell("", error) if isinstance(error, int | float) else "",
        "sha256": str(values.get("sha256", ""))[:12],
    }
    return Entry(_time(values), "export", f"{name} was exported", {k: v for k, v in facts.items() if v}, run=name)


def _time(values: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(str(values["time"]))
