"""Writing so that a full disk or a pulled plug leaves the old file whole: aside, synced, renamed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO


def aside(path: Path) -> Path:
    """A name beside `path` on the same file system, free at the moment, that nobody takes for the finished thing."""
    return path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(3).hex()}.partial")


def write_whole(path: str | Path, write: Callable[[IO[bytes]], object]) -> None:
    """Let `write(file)` fill a file beside `path`, sync it, and rename it into place; on any error remove it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = aside(path)
    try:
        with open(partial, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
        sync_folder(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text so that `path` holds either the old content or all of the new one."""
    write_whole(path, lambda file: file.write(text.encode()))


def sync_folder(folder: Path) -> None:
    """Make a rename inside `folder` durable, where the system allows it."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
