"""A small Git repository with this very code in it, to be committed to, dirtied and cloned."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from auricle_trainer.record.checkout import DISTRIBUTIONS
from auricle_trainer.record.code import package_folder


def git(folder: Path, *arguments: str) -> str:
    named = ("-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", "-C", str(folder), *named, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def make_repository(folder: Path) -> Path:
    """The two packages that train, in the folders of a checkout, in one commit."""
    for package, place in DISTRIBUTIONS.items():
        shutil.copytree(package_folder(package), folder / place / package, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / ".gitignore").write_text("__pycache__/\n")
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "first")
    return folder
