"""Which code, data and machine made a run: facts that travel in the checkpoint and in model.onnx."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from .record.code import this_code

PACKAGES = ("auricle-shared", "auricle-trainer", "torch", "numpy", "soxr", "soundfile")


def code_state() -> dict[str, Any]:
    """Commit of the checkout this package runs from (empty for installed wheels), whether and how it was changed since,
    and the hash of the sources."""
    return this_code().identifiers()


def environment() -> dict[str, str]:
    """Python, the system and the versions of what the result depends on."""
    found = {"python": platform.python_version(), "machine": f"{platform.system()} {platform.machine()}"}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
