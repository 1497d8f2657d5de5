"""The code of a run in a temporary place: its commit, with the patch of what was not committed."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from auricle_shared.errors import ModelError

from .code import TRAINS, code_of, this_code
from .git import GitError, git
from .run_folder import RunFolder

DISTRIBUTIONS = {"auricle_shared": "shared", "auricle_trainer": "trainer"}
"""Package -> its folder in a checkout"""


@dataclass(frozen=True)
class RunCode:
    """Code that trains as a run did."""

    folders: tuple[Path, ...]
    """to put in front of everything that is installed; empty: the installed packages are that code"""
    where: str
    """in words"""

    def command(self, arguments: Sequence[str]) -> list[str]:
        return [sys.executable, "-m", "auricle_shared.command", *arguments]

    def environment(self) -> dict[str, str]:
        """For a process that is to run this code and no other."""
        given = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
        path = os.pathsep.join([*map(str, self.folders), *given])
        return {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **({"PYTHONPATH": path} if path else {})}


def code_for(run: RunFolder, repository: Path | None, place: Path) -> RunCode:
    """Check the run's code out into `place`, or take the installed packages where the run names no commit.

    Args:
        repository: where the commit is looked for; None: the checkout that this command runs from.

    Raises:
        ModelError: no such commit, a lost or changed patch, or other sources than those that trained.
    """
    record = run.record
    commit, wanted = str(record.get("code_commit", "")), str(record.get("source_hash", ""))
    if not commit:
        found = this_code().source_hash
        if found != wanted:
            versions = record.get("versions", {})
            told = ", ".join(f"{name} {versions[name]}" for name in versions if name.startswith("auricle-"))
            raise ModelError(
                f"{run.path} was trained by installed packages ({told or 'of unknown version'}) with the source hash "
                f"{wanted or '(none)'}; those installed here have {found}. Install that version and try again."
            )
        return RunCode((), "the installed packages")
    source = repository or this_code().repository
    if source is None:
        raise ModelError(
            f"{run.path} was trained from commit {commit}, and this command does not run from a checkout. "
            "Name one with --repository."
        )
    patch = _patch(run)
    folder = place / "code"
    try:
        _clone(source, commit, folder)
        if patch:
            git(folder, "apply", "--whitespace=nowarn", "-", given=patch)
    except GitError as error:
        raise ModelError(
            f"Commit {commit} of {run.path} cannot be checked out from {source}: {error}. Fetch it, or name another "
            "repository with --repository."
        ) from error
    folders = tuple(folder / DISTRIBUTIONS[name] for name in TRAINS)
    _check_sources(run, folder, wanted)
    return RunCode(folders, f"commit {commit[:12]}" + (" with its uncommitted patch" if patch else ""))


def _clone(source: Path, commit: str, folder: Path) -> None:
    """A clone that shares the objects, so that nothing is copied and the user's repository learns nothing of it."""
    no_lfs = {"GIT_LFS_SKIP_SMUDGE": "1"}
    git(source, "clone", "--quiet", "--shared", "--no-checkout", str(source.resolve()), str(folder), environment=no_lfs)
    git(folder, "checkout", "--quiet", "--detach", commit, environment=no_lfs)


def _patch(run: RunFolder) -> bytes:
    """What was not committed; its name is the hash of its content."""
    wanted = str(run.record.get("code_patch", ""))
    if not wanted:
        if run.record.get("code_dirty"):
            raise ModelError(f"{run.path} was trained with uncommitted changes that it did not keep (version 0.1).")
        return b""
    path = run.path / "code" / f"{wanted}.patch"
    if not path.is_file():
        raise ModelError(f"{path} is gone: the run was trained with changes that were not committed.")
    patch = path.read_bytes()
    found = hashlib.sha256(patch).hexdigest()[:16]
    if found != wanted:
        raise ModelError(f"{path} was edited: its content has the hash {found}.")
    return patch


def _check_sources(run: RunFolder, folder: Path, wanted: str) -> None:
    found = code_of({name: folder / DISTRIBUTIONS[name] / name for name in TRAINS}).source_hash
    if wanted and found != wanted:
        raise ModelError(
            f"The checkout of {run.path} has the source hash {found}; the run was trained with {wanted}. Sources that "
            f"Git ignores or that were too large for the patch are missing: {run.record.get('untracked_left_out')}."
        )
