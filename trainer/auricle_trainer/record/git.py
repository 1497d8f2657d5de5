"""What the record asks of Git. No shell, no colours, no user's settings that change how a patch looks."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

PLAIN = ("-c", "core.quotePath=false", "-c", "diff.noprefix=false", "-c", "diff.mnemonicPrefix=false")
PATCH = ("diff", "--binary", "--full-index", "--no-color", "--no-ext-diff", "--no-textconv")
SECONDS = 120.0


def git(folder: Path, *arguments: str, given: bytes = b"", environment: Mapping[str, str] | None = None) -> bytes:
    """What `git -C folder arguments` prints.

    Raises:
        GitError: Git is missing, or says no.
    """
    command = ["git", "-C", str(folder), *PLAIN, *arguments]
    variables = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", **(environment or {})}
    try:
        done = subprocess.run(command, input=given, capture_output=True, timeout=SECONDS, env=variables)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GitError(str(error)) from error
    if done.returncode:
        raise GitError(done.stderr.decode(errors="replace").strip() or f"git {arguments[0]} ended with an error")
    return done.stdout


def line(folder: Path, *arguments: str) -> str | None:
    """The same as text without its last line break; None where Git is missing or says no."""
    try:
        return git(folder, *arguments).decode(errors="replace").strip()
    except GitError:
        return None


class GitError(Exception):
    """Git's own words."""
