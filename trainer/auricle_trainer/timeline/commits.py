"""The commits of the repository that the runs lie in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from ..record.git import GitError, git, line
from .entry import Entry

RECORD, FIELD = "\x1e", "\x1f"
FORMAT = f"--format=format:{RECORD}%H{FIELD}%cI{FIELD}%an{FIELD}%s{FIELD}%b{FIELD}"


def repository_of(*folders: Path) -> Path | None:
    """The checkout around the first of these folders that is in one."""
    for folder in folders:
        top = line(folder, "rev-parse", "--show-toplevel") if folder.is_dir() else None
        if top:
            return Path(top)
    return None


def commits(repository: Path, most: int, trained: Mapping[str, Sequence[str]]) -> list[Entry]:
    """The latest commits of the branch that is checked out, the oldest of them first; none where there is none yet.

    Args:
        trained: commit -> runs that were trained with it.
    """
    wanted = ("log", f"--max-count={most}", "--stat=72", "--no-color", "--no-show-signature", FORMAT)
    try:
        text = git(repository, *wanted).decode(errors="replace")
    except GitError:
        return []
    return [_entry(record.split(FIELD), trained) for record in reversed(text.split(RECORD)[1:])]


def _entry(fields: list[str], trained: Mapping[str, Sequence[str]]) -> Entry:
    commit, time, author, subject, body, changed = fields
    facts = {"commit": commit[:10], "by": author}
    if runs := trained.get(commit):
        facts["trained with it"] = ", ".join(runs)
    text = "\n\n".join(part for part in (body.strip(), changed.strip("\n")) if part)
    return Entry(datetime.fromisoformat(time), "commit", subject, facts, {"what it changed": text} if text else {})
