"""Writing a pack beside its final place."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from .errors import DataError
from .files import aside, sync_folder
from .metadata import BACKGROUND, RESAMPLER
from .pack_clip import FORMAT, Clip, active_rms, fingerprint, is_pack, write_index
from .pack_journal import Journal
from .pcm import to_float, to_int16


class PackWriter:
    """Writes a pack beside its final place and renames it into place at the end; an error leaves nothing behind.

    with PackWriter("digits", rate_hz=16000) as writer:
        writer.add(samples, ["seven"], split="train", group="george")

    Args:
        resume_key: of what is packed. With one, a writer that is cut off (Ctrl-C, a kill, a power cut) leaves what it
            has beside `path`, and the next one with the same key has it in `clips`, `entries` and `refused`.
    """

    def __init__(
        self,
        path: str | Path,
        rate_hz: int,
        licence: str = "",
        overwrite: bool = False,
        resume_key: str = "",
        **info: Any,
    ) -> None:
        self.path, self.rate_hz = Path(path), rate_hz
        self._key = resume_key
        self._info = {"licence": licence, **info}
        check_free(self.path, overwrite)
        self.clips: list[Clip] = []
        self.refused: dict[int, str] = {}
        """entry -> why it is not in the pack"""
        self.entries = 0
        """added and refused so far"""

    def __enter__(self) -> PackWriter:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._journal = Journal.take_up(unfinished(self.path), self._key) if self._key else None
        if self._journal is not None:
            self._folder, self._file = self._journal.folder, self._journal.audio
            self.clips, self.refused = list(self._journal.clips), dict(self._journal.refused)
            self.entries = len(self.clips) + len(self.refused)
        else:
            self._folder = aside(self.path)
            self._folder.mkdir()
            self._file = open(self._folder / "audio.i16", "wb")
        self._written = sum(c.length_samples for c in self.clips)
        return self

    def add(self, samples: np.ndarray, labels: Sequence[str], **columns: str) -> Clip:
        """Append one clip.

        Args:
            samples: [n] at the pack's rate, int16 or float in [-1, 1].
            columns: split, fold, speaker, group, source.
        """
        stored = samples.astype("<i2") if samples.dtype.kind == "i" else to_int16(samples)
        data = stored.tobytes()
        self._file.write(data)
        clip = Clip(
            offset_samples=self._written,
            length_samples=len(stored),
            labels=tuple(labels),
            sha256=hashlib.sha256(data).hexdigest(),
            active_rms=round(active_rms(to_float(stored), self.rate_hz), 7),
            **columns,
        )
        self._written += len(stored)
        self.clips.append(clip)
        self.entries += 1
        if self._journal is not None:
            self._journal.add(clip)
        return clip

    def refuse(self, reason: str) -> None:
        """An entry that is not in the pack."""
        self.refused[self.entries] = reason
        self.entries += 1
        if self._journal is not None:
            self._journal.refuse(reason)

    def assign(self, splits: Sequence[str]) -> None:
        """Set the split of every clip so far, in order."""
        self.clips = [replace(c, split=s) for c, s in zip(self.clips, splits, strict=True)]

    def add_file(self, name: str, text: str) -> None:
        """A further UTF-8 file inside the pack, such as the list of what could not be imported."""
        (self._folder / name).write_text(text, encoding="utf-8")

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self._journal is not None:
            self._journal.close(finished=error is None)
            if error is not None and not isinstance(error, Exception):
                return  # cut off, not failed: the next writer goes on
        try:
            if kind is None:
                self._close_audio()
                self._finish()
        finally:
            with suppress(OSError):  # on a full disk, what is still buffered cannot be written either
                self._file.close()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _close_audio(self) -> None:
        if not self._file.closed:  # a journal closes its own
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()

    def _finish(self) -> None:
        write_index(self._folder / "index.csv", self.clips)
        write_info(self._folder, {**describe(self.clips, self.rate_hz), "resampler": RESAMPLER, **self._info})
        put_in_place(self._folder, self.path)


def check_free(path: Path, overwrite: bool) -> None:
    """Raises DataError where no pack may be written: a file, a pack without `overwrite`, a folder of other things."""
    if path.exists() and not path.is_dir():
        raise DataError(f"{path} is a file; a pack is a folder. Nothing was written.")
    if path.exists() and not (overwrite and is_pack(path)) and any(path.iterdir()):
        kind = "is already there (use --force to replace it)" if is_pack(path) else "is a folder with other files"
        raise DataError(f"{path} {kind}. Nothing was written.")


def describe(clips: Sequence[Clip], rate_hz: int) -> dict[str, Any]:
    """What dataset.json tells of a pack's clips."""
    counts = Counter(label for c in clips for label in c.labels)
    return {
        "format": FORMAT,
        "rate_hz": rate_hz,
        "labels": sorted(counts, key=lambda x: (x != BACKGROUND, x)),
        "multi_label": any(len(c.labels) != 1 for c in clips),
        "clips": len(clips),
        "seconds": round(sum(c.length_samples for c in clips) / rate_hz, 3),
        "counts": dict(sorted(counts.items())),
        "splits": dict(sorted(Counter(c.split for c in clips).items())),
        "fingerprint": fingerprint(rate_hz, clips),
    }


def write_info(folder: Path, info: Mapping[str, Any]) -> None:
    with open(folder / "dataset.json", "w", encoding="utf-8") as file:
        json.dump(info, file, indent=2, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())


def put_in_place(folder: Path, path: Path) -> None:
    """Rename a finished pack to `path`; the one that was there is whole until then."""
    if path.exists():
        old = aside(path)
        path.rename(old)
        try:
            folder.rename(path)
        except OSError:
            old.rename(path)
            raise
        shutil.rmtree(old, ignore_errors=True)
    else:
        folder.rename(path)
    sync_folder(path.parent)


def unfinished(path: Path) -> Path:
    """Where a pack lies that was cut off."""
    return path.with_name(f".{path.name}.unfinished")
