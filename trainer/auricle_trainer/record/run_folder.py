"""Reading a run's folder, without torch: what it is, how it went, what was said and made of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from auricle_shared.errors import ModelError
from auricle_shared.json_lines import read_lines

from ..mlflow_tracking.place import ARTIFACTS
from .data_rows import DataRow, read_rows

NOTES, EXPORTS, EVALUATIONS = "notes.jsonl", "exports.jsonl", "evaluations.jsonl"
PICTURES = ("curves.png", "confusion.png", "reliability.png", "det.png", "scene.png")


@dataclass(frozen=True)
class RunFolder:
    """A folder that 'auricle train --run' made; everything is read when it is asked for."""

    path: Path

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Raises ModelError: no run, or a damaged one."""
        run = cls(path)
        if not (path / "run.json").is_file():
            raise ModelError(f"{path} is no run: it has no run.json. Wanted: a folder that 'auricle train --run' made.")
        if "run_id" not in run.record:
            raise ModelError(f"{path / 'run.json'} is damaged: it has no run_id.")
        return run

    @cached_property
    def record(self) -> dict[str, Any]:
        return self._json("run.json")

    @cached_property
    def config(self) -> dict[str, Any]:
        return self._json("config.json")

    @cached_property
    def metrics(self) -> list[dict[str, Any]]:
        return read_lines(self.path / "metrics.jsonl")

    @cached_property
    def sessions(self) -> list[dict[str, Any]]:
        return read_lines(self.path / "sessions.jsonl")

    @cached_property
    def notes(self) -> list[dict[str, Any]]:
        return read_lines(self.path / NOTES)

    @cached_property
    def exports(self) -> list[dict[str, Any]]:
        return read_lines(self.path / EXPORTS)

    @cached_property
    def evaluations(self) -> list[dict[str, Any]]:
        return read_lines(self.path / EVALUATIONS)

    @cached_property
    def data(self) -> list[DataRow]:
        return read_rows(self.path)

    @property
    def run_id(self) -> str:
        return str(self.record["run_id"])

    @property
    def began(self) -> datetime:
        """A run of version 0.1 tells no time: then that of its config, which is written first."""
        if "began" in self.record:
            return datetime.fromisoformat(self.record["began"])
        return datetime.fromtimestamp((self.path / "config.json").stat().st_mtime, UTC)

    @property
    def ended(self) -> dict[str, Any]:
        """The line that training's end left; empty while it runs and after a crash."""
        last = self.sessions[-1] if self.sessions else {}
        return last if "ended" in last else {}

    @property
    def epochs(self) -> int:
        return max((int(m["epoch"]) for m in self.metrics if "epoch" in m), default=0)

    @property
    def state(self) -> str:
        """'finished', 'stopped', or 'running' for what has not told its end (or never will)."""
        if self.ended:
            return "finished" if self.ended["finished"] else "stopped"
        if self.sessions:
            return "running"
        return "finished" if self.epochs >= self.config["training"]["epochs"] else "stopped"

    @property
    def seconds(self) -> float:
        """Spent in all sessions that told their end."""
        pairs = zip(self.sessions, self.sessions[1:], strict=False)
        spans = ((a["began"], b["ended"]) for a, b in pairs if "began" in a and "ended" in b)
        return sum(
            (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds() for begin, end in spans
        )

    @property
    def best_validation(self) -> float | None:
        return max((m["validation/accuracy"] for m in self.metrics if "validation/accuracy" in m), default=None)

    @property
    def pictures(self) -> list[Path]:
        return [p for name in PICTURES if (p := self.path / "pictures" / name).is_file()]

    def last_evaluation(self, split: str = "test") -> dict[str, Any] | None:
        """The latest figures of clips of that split, of whatever data."""
        return next((e for e in reversed(self.evaluations) if e.get("clips") == split), None)

    def _json(self, name: str) -> dict[str, Any]:
        path = self.path / name
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ModelError(f"{path} cannot be read ({error}).") from error
        if not isinstance(found, dict):
            raise ModelError(f"{path} is damaged: it is no table.")
        return found


def find_runs(folders: Iterable[Path]) -> list[RunFolder]:
    """All runs at or below these folders, the oldest first.

    Raises:
        ModelError: a folder that is not there.
    """
    found: dict[Path, RunFolder] = {}
    for folder in folders:
        if not folder.exists():
            raise ModelError(f"{folder} does not exist. Wanted: a folder with runs that 'auricle train --run' made.")
        for record in sorted(folder.rglob("run.json")):
            run = RunFolder(record.parent)
            if ARTIFACTS in record.parts:  # MLflow's copies of the same runs
                continue
            if (record.parent / "config.json").is_file() and _is_run(run):
                found.setdefault(record.parent.resolve(), run)
    return sorted(found.values(), key=lambda run: (run.began, run.path))


def _is_run(run: RunFolder) -> bool:
    try:
        return "run_id" in run.record and bool(run.config)
    except ModelError:
        return False


def run_around(path: Path) -> RunFolder | None:
    """The run that a file lies in, or that a folder is; None outside of any."""
    for folder in (path, *path.resolve().parents[:4]):
        if (folder / "run.json").is_file() and (folder / "config.json").is_file():
            return RunFolder.open(folder)
    return None


def flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} as {"a.b": 1}."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found
