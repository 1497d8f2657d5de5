"""Which code trains: the commit, a patch of everything that was not committed, and a hash of every source file.

The hashes hold for a checkout and for installed wheels alike: the same sources, the same `source_hash`.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .git import PATCH, GitError, git, line

TRAINS = ("auricle_shared", "auricle_trainer")
"""The packages whose sources decide what comes out of a training"""
SOURCE_SUFFIXES = (".py", ".toml", ".html", ".txt", ".cfg", ".sh")
LARGEST_UNTRACKED_BYTES = 1_000_000
"""Of a file that Git does not know: a source is smaller, data are left out"""


@dataclass(frozen=True)
class Code:
    """The code of one moment."""

    sources: dict[str, str]
    """'auricle_trainer/train.py' -> SHA-256 of the file"""
    repository: Path | None = None
    """the checkout it runs from; None for installed wheels"""
    commit: str = ""
    patch: bytes = field(default=b"", repr=False)
    """from the commit to what ran, with untracked sources; `git apply` takes it"""
    left_out: tuple[str, ...] = ()
    """untracked files that are in no patch: not sources, or large"""

    @property
    def source_hash(self) -> str:
        """16 hex digits over names and hashes of all sources that train."""
        rows = [f"{name} {digest}" for name, digest in sorted(self.sources.items())]
        return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:16]

    @property
    def patch_hash(self) -> str:
        return hashlib.sha256(self.patch).hexdigest()[:16] if self.patch else ""

    def identifiers(self) -> dict[str, Any]:
        """What checkpoints, models and records name the code by."""
        return {
            "code_commit": self.commit,
            "code_dirty": bool(self.patch),
            "code_patch": self.patch_hash,
            "source_hash": self.source_hash,
        }


@cache
def this_code() -> Code:
    """The code that this process runs, as it lay on the disk at the first call."""
    return code_of({name: package_folder(name) for name in TRAINS})


def package_folder(name: str) -> Path:
    found = find_spec(name)
    assert found is not None and found.origin is not None
    return Path(found.origin).parent


def code_of(packages: dict[str, Path]) -> Code:
    """The code in these packages' folders, with its commit where the first of them is tracked by Git."""
    sources = {f"{name}/{file}": digest for name, folder in packages.items() for file, digest in hashes(folder)}
    folder = next(iter(packages.values()))
    top = line(folder, "rev-parse", "--show-toplevel")
    commit = line(folder, "rev-parse", "HEAD")
    if not top or not commit or line(folder, "ls-files", "--error-unmatch", "__init__.py") is None:
        return Code(sources)
    try:
        patch, left_out = _uncommitted(Path(top))
    except GitError:
        return Code(sources)
    return Code(sources, Path(top), commit, patch, left_out)


def hashes(folder: Path) -> list[tuple[str, str]]:
    """(path below the folder, SHA-256) of all sources in it, sorted."""
    files = [f for f in folder.rglob("*") if f.suffix in SOURCE_SUFFIXES and "__pycache__" not in f.parts]
    return sorted((f.relative_to(folder).as_posix(), hashlib.sha256(f.read_bytes()).hexdigest()) for f in files)


def _uncommitted(top: Path) -> tuple[bytes, tuple[str, ...]]:
    """The patch from HEAD to the working tree; the index stays as it is: a copy of it learns the untracked sources."""
    listed = git(top, "ls-files", "-z", "--others", "--exclude-standard").decode(errors="surrogateescape")
    untracked = [name for name in listed.split("\0") if name]
    sources = [name for name in untracked if _is_source(top / name)]
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder, "index")
        # With its time: by it Git knows which files may have been edited too soon after to tell from their own times.
        shutil.copy2(top / (line(top, "rev-parse", "--git-path", "index") or ".git/index"), index)
        aside = {"GIT_INDEX_FILE": str(index)}
        if sources:
            names = "\0".join(sources).encode(errors="surrogateescape")
            wanted = ("add", "--intent-to-add", "--pathspec-from-file=-", "--pathspec-file-nul")
            git(top, *wanted, given=names, environment=aside)
        patch = git(top, *PATCH, "HEAD", environment=aside)
    return patch, tuple(name for name in untracked if name not in set(sources))


def _is_source(file: Path) -> bool:
    return file.suffix in SOURCE_SUFFIXES and file.is_file() and file.stat().st_size <= LARGEST_UNTRACKED_BYTES
