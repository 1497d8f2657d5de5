"""What of a pack was written already, so that an import that was cut off goes on instead of beginning again.

    FOLDER/audio.i16      samples so far
    FOLDER/journal.jsonl  first line: the key of what is packed; then a line an entry, in order

A line of the journal is written once the samples it tells of are on the disk: whatever ends the process, and when, the
journal never promises more than there is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from .pack_clip import Clip

NAME = "journal.jsonl"
SYNCED_ENTRIES = 256
"""Entries between two syncs: what a cut costs at most."""


class Journal:
    """The entries of an unfinished pack; `take_up` opens one.

    Args:
        folder: of the unfinished pack.
        key: of what is packed; entries under another key are forgotten.
    """

    def __init__(self, folder: Path, key: str, file: IO[bytes]) -> None:
        self.folder, self._file = folder, file
        self.clips: list[Clip] = []
        self.refused: dict[int, str] = {}
        """entry -> why it is not in the pack"""
        self.audio: IO[bytes] = open(folder / "audio.i16", "ab")
        self._lines = self._read(json.dumps({"key": key}).encode(), file.read().split(b"\n"))
        written = sum(2 * c.length_samples for c in self.clips)
        self.audio.truncate(written)
        file.seek(0)
        file.truncate()
        self.sync()

    @classmethod
    def take_up(cls, folder: Path, key: str) -> Journal | None:
        """The journal in `folder`, which is made if it is not there; None if another process writes it."""
        folder.mkdir(exist_ok=True)
        (folder / NAME).touch()
        file = open(folder / NAME, "r+b")
        if not locked(file):
            file.close()
            return None
        return cls(folder, key, file)

    def _read(self, head: bytes, lines: list[bytes]) -> list[bytes]:
        """Take up the entries whose samples are there; returns the lines that count."""
        kept, size, end = [head + b"\n"], self.audio.tell(), 0
        for line in lines[1:-1] if lines[0] == head else []:  # the last one is empty, or was cut
            values = json.loads(line)
            if "clip" in values:
                clip = Clip(**{**values["clip"], "labels": tuple(values["clip"]["labels"])})
                end += 2 * clip.length_samples
                if end > size:
                    break
                self.clips.append(clip)
            else:
                self.refused[len(kept) - 1] = values["refused"]
            kept.append(line + b"\n")
        return kept

    def add(self, clip: Clip) -> None:
        self._write({"clip": asdict(clip)})

    def refuse(self, reason: str) -> None:
        self._write({"refused": reason})

    def _write(self, values: dict[str, Any]) -> None:
        self._lines.append(json.dumps(values).encode() + b"\n")
        if len(self._lines) >= SYNCED_ENTRIES:
            self.sync()

    def sync(self) -> None:
        """Samples first, then the lines that promise them."""
        nothing: Iterable[bytes] = ()
        for file, lines in ((self.audio, nothing), (self._file, self._lines)):
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        self._lines = []

    def close(self, finished: bool) -> None:
        """`finished`: the pack is whole and needs no journal."""
        self.sync()
        self.audio.close()
        if finished:
            (self.folder / NAME).unlink()
        self._file.close()


def locked(file: IO[bytes]) -> bool:
    """Whether this process alone has the file now, until it is closed."""
    try:
        import fcntl
    except ImportError:
        return False  # not a POSIX system: there an import begins anew
    lock: Callable[..., object] = fcntl.flock
    try:
        lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
