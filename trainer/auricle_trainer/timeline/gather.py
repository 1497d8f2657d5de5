"""Everything that is known of a project, in the order in which it happened."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from auricle_shared.errors import AuricleError

from ..record.run_folder import RunFolder, find_runs
from .commits import commits, repository_of
from .entry import Entry, in_order
from .runs import run_entries

Progress = Callable[[int, int], object]


@dataclass(frozen=True)
class Timeline:
    entries: list[Entry]
    """the oldest first"""
    left_out: list[str]
    """what is not in it and why, in words"""


def timeline(folder: Path, most: int, pictures: bool, progress: Progress = lambda done, total: None) -> Timeline:
    """Commits of the repository around `folder` (else around here) and the runs at and below it.

    Args:
        most: runs, and commits, the latest.
        pictures: with pictures and differences, which take longer.

    Raises:
        ModelError: a folder that is not there.
    """
    repository = repository_of(folder, Path.cwd())
    left_out = [] if repository else [f"no commits: {folder} and this folder are in no Git repository"]
    runs = find_runs([folder])
    if not runs:
        left_out.append(f"no runs at or below {folder}")
    if len(runs) > most:
        left_out.append(f"{len(runs) - most} older runs (--most {most})")
    entries, trained = [], defaultdict(list)
    first = max(0, len(runs) - most)
    for done, (before, run) in enumerate(zip([None, *runs][first:], runs[first:], strict=False), 1):
        name = _name(run, folder)
        progress(done, len(runs) - first)
        try:
            entries += run_entries(run, before, name, repository, pictures)
        except (AuricleError, KeyError, ValueError, TypeError, AttributeError) as error:
            left_out.append(f"{run.path}: its record is damaged ({error})")
            continue
        trained[str(run.record.get("code_commit", ""))].append(name)
    if repository:
        entries += commits(repository, most, trained)
    return Timeline(in_order(entries), left_out)


def _name(run: RunFolder, folder: Path) -> str:
    below = run.path.resolve().relative_to(folder.resolve()).as_posix()
    return below if below != "." else run.path.resolve().name
