"""Which code, data and machine made a run: facts that travel in the checkpoint and in model.onnx."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("auricle-shared", "auricle-trainer", "torch", "numpy", "soxr", "soundfile")


def code_state() -> dict[str, Any]:
    """Commit of the checkout this package runs from, and whether it was changed since; empty for installed wheels."""
    folder = Path(__file__).parent
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None or _git(folder, "ls-files", "--error-unmatch", Path(__file__).name) is None:
        return {"code_commit": "", "code_dirty": False}
    return {"code_commit": commit, "code_dirty": bool(_git(folder, "status", "--porcelain", "--untracked-files=no"))}


def environment() -> dict[str, str]:
    """Python, the system and the versions of what the result depends on."""
    found = {"python": platform.python_version(), "machine": f"{platform.system()} {platform.machine()}"}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
