"""A pack: many labelled recordings at one rate in one folder, made to be memory-mapped.

    PACK/audio.i16       all clips end to end, little-endian int16, mono
    PACK/index.csv       a row a clip: where it lies, what it is, where it came from
    PACK/dataset.json    rate, labels, counts, licence, fingerprint

The fingerprint is the SHA-256 over the sorted rows of what was heard and how it was labelled: two packs with the same
fingerprint train the same model, wherever they lie.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from functools import cached_property
from importlib.metadata import entry_points
from operator import itemgetter
from pathlib import Path
from sys import intern
from typing import Any

import numpy as np

from .errors import DataError
from .files import aside, sync_folder
from .metadata import BACKGROUND, RESAMPLER
from .pcm import to_float as to_float
from .pcm import to_int16 as to_int16

FORMAT = 1
FOLDERS = "auricle.folders"
"""Entry-point group of the function (path, rate_hz) -> Pack that reads plain recordings"""
ACTIVE_FRAME_SECONDS = 0.02
ACTIVE_RANGE_DB = 25.0


@dataclass(frozen=True)
class Clip:
    """One row of the index."""

    offset_samples: int
    length_samples: int
    labels: tuple[str, ...]
    """one or more; with more than one in any clip the pack is multi-label"""
    split: str = ""
    """'train', 'val', 'test' or empty"""
    fold: str = ""
    speaker: str = ""
    group: str = ""
    """what must stay on one side of a split: a source recording, a session, a speaker"""
    source: str = ""
    """where it came from, relative to what was imported"""
    sha256: str = ""
    """of the int16 samples as stored"""
    active_rms: float = 0.0
    """root mean square over the active frames, full scale 1.0; see `active_rms`"""


COLUMNS = [f.name for f in fields(Clip)]


def active_rms(samples: np.ndarray, rate_hz: int) -> float:
    """Level of what is heard, not of the silence around it.

    Root mean square over the frames of 20 ms whose power is within 25 dB of the loudest one's.

    Args:
        samples: [n] float in [-1, 1].
    """
    if not len(samples):
        return 0.0
    frame = max(1, min(len(samples), round(ACTIVE_FRAME_SECONDS * rate_hz)))
    whole = len(samples) // frame * frame
    power = np.square(samples[:whole].astype(np.float64).reshape(-1, frame)).mean(axis=1)
    active = power[power >= power.max() * 10 ** (-ACTIVE_RANGE_DB / 10)]
    return float(np.sqrt(active.mean()))


def fingerprint(rate_hz: int, clips: Iterable[Clip]) -> str:
    """SHA-256 (16 hex digits) over the sorted manifest: audio hash, labels, split, fold and group of every clip."""
    rows = sorted("\t".join([c.sha256, ";".join(c.labels), c.split, c.fold, c.speaker, c.group]) for c in clips)
    return hashlib.sha256("\n".join([str(rate_hz), *rows]).encode()).hexdigest()[:16]


class Pack:
    """An opened pack. Audio stays on disk until it is asked for.

    A pack pickles as its path and index, without an open file: worker processes map the audio themselves.
    """

    def __init__(self, path: Path, info: dict[str, Any], clips: list[Clip]) -> None:
        self.path, self.info, self.clips = path, info, clips
        self._audio: np.ndarray | None = None

    @cached_property
    def offsets_samples(self) -> np.ndarray:
        """Where each clip begins in `samples`, int64 [clips]."""
        return np.array([c.offset_samples for c in self.clips], np.int64)

    @cached_property
    def lengths_samples(self) -> np.ndarray:
        """int64 [clips]"""
        return np.array([c.length_samples for c in self.clips], np.int64)

    @cached_property
    def levels(self) -> np.ndarray:
        """Each clip's active_rms, float64 [clips]."""
        return np.array([c.active_rms for c in self.clips], np.float64)

    @classmethod
    def open(cls, path: str | Path) -> Pack:
        """Raises DataError: not a pack, another format, or files that do not belong together."""
        path = Path(path)
        if not is_pack(path):
            raise DataError(f"{path} is not a pack: it has no dataset.json. 'auricle import SOURCE PACK' makes one.")
        try:
            info = json.loads((path / "dataset.json").read_text(encoding="utf-8"))
            if info["format"] != FORMAT:
                raise DataError(
                    f"{path} has pack format {info['format']}; wanted {FORMAT}. Import the recordings again."
                )
            clips = read_index(path / "index.csv")
            size = (path / "audio.i16").stat().st_size
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            raise DataError(f"{path} is a damaged pack ({error}). Import the recordings again.") from error
        wanted = 2 * max((c.offset_samples + c.length_samples for c in clips), default=0)
        if size < wanted:
            raise DataError(
                f"{path}/audio.i16 has {size} bytes, its index needs {wanted}. Import the recordings again."
            )
        return cls(path, info, clips)

    @property
    def rate_hz(self) -> int:
        return int(self.info["rate_hz"])

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label that occurs, in the order of the model's outputs (background apart)."""
        return tuple(self.info["labels"])

    @property
    def multi_label(self) -> bool:
        return bool(self.info["multi_label"])

    @property
    def fingerprint(self) -> str:
        return str(self.info["fingerprint"])

    @property
    def seconds(self) -> float:
        return sum(c.length_samples for c in self.clips) / self.rate_hz

    def __len__(self) -> int:
        return len(self.clips)

    def audio(self, i: int) -> np.ndarray:
        """Samples of clip i, int16 [n], a read-only view of the file."""
        clip = self.clips[i]
        return self.samples[clip.offset_samples : clip.offset_samples + clip.length_samples]

    @property
    def samples(self) -> np.ndarray:
        """The whole of audio.i16, memory-mapped."""
        if self._audio is None:
            empty = not any(c.length_samples for c in self.clips)
            mapped = np.zeros(0, "<i2") if empty else np.memmap(self.path / "audio.i16", dtype="<i2", mode="r")
            self._audio = mapped
        return self._audio

    def select(self, split: str = "", fold: str = "", not_fold: str = "") -> list[int]:
        """Indices of the clips of a split and fold; an empty argument does not select."""
        return [
            i
            for i, c in enumerate(self.clips)
            if (not split or c.split == split) and (not fold or c.fold == fold) and (not not_fold or c.fold != not_fold)
        ]

    def counts(self, indices: Iterable[int] | None = None) -> Counter[str]:
        """Clips per label."""
        chosen = self.clips if indices is None else [self.clips[i] for i in indices]
        return Counter(label for c in chosen for label in c.labels)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_audio": None}


def is_pack(path: str | Path) -> bool:
    return (Path(path) / "dataset.json").is_file()


def open_data(path: str | Path, rate_hz: int) -> Pack:
    """What is given as --data: a pack, or plain recordings, which the trainer packs once and keeps beside them.

    Raises:
        DataError: nothing there, a pack of another rate, or plain recordings without the trainer installed.
    """
    path = Path(path)
    if is_pack(path):
        pack = Pack.open(path)
        if pack.rate_hz != rate_hz:
            raise DataError(
                f"{path} has a rate of {pack.rate_hz} Hz; wanted {rate_hz} Hz. "
                f"Import the recordings again with --rate {rate_hz}."
            )
        return pack
    if not path.exists():
        raise DataError(
            f"{path} does not exist. Wanted: a pack, a folder of class folders, a CSV manifest or a pickle."
        )
    points = list(entry_points(group=FOLDERS))
    if not points:
        raise DataError(
            f"{path} is not a pack, and reading plain recordings needs the trainer, which is not installed: "
            "pip install auricle-trainer, or run 'auricle import' where it is and copy the pack here."
        )
    opened: Pack = points[0].load()(path, rate_hz)
    return opened


class PackWriter:
    """Writes a pack beside its final place and renames it into place at the end; an exception leaves nothing behind.

    with PackWriter("digits", rate_hz=16000) as writer:
        writer.add(samples, ["seven"], split="train", group="george")
    """

    def __init__(self, path: str | Path, rate_hz: int, licence: str = "", overwrite: bool = False, **info: Any) -> None:
        self.path, self.rate_hz = Path(path), rate_hz
        self._info = {"licence": licence, **info}
        if self.path.exists() and not self.path.is_dir():
            raise DataError(f"{self.path} is a file; a pack is a folder. Nothing was written.")
        if self.path.exists() and not (overwrite and is_pack(self.path)) and any(self.path.iterdir()):
            kind = (
                "is already there (use --force to replace it)" if is_pack(self.path) else "is a folder with other files"
            )
            raise DataError(f"{self.path} {kind}. Nothing was written.")
        self.clips: list[Clip] = []

    def __enter__(self) -> PackWriter:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._folder = aside(self.path)
        self._folder.mkdir()
        self._file = open(self._folder / "audio.i16", "wb")
        self._written = 0
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
        return clip

    def assign(self, splits: Sequence[str]) -> None:
        """Set the split of every clip so far, in order."""
        self.clips = [replace(c, split=s) for c, s in zip(self.clips, splits, strict=True)]

    def add_file(self, name: str, text: str) -> None:
        """A further UTF-8 file inside the pack, such as the list of what could not be imported."""
        (self._folder / name).write_text(text, encoding="utf-8")

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            if kind is None:
                self._file.flush()
                os.fsync(self._file.fileno())
                self._file.close()
                self._finish()
        finally:
            with suppress(OSError):  # on a full disk, what is still buffered cannot be written either
                self._file.close()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _finish(self) -> None:
        with open(self._folder / "index.csv", "w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(COLUMNS)
            for c in self.clips:
                rows.writerow([";".join(c.labels) if n == "labels" else getattr(c, n) for n in COLUMNS])
            file.flush()
            os.fsync(file.fileno())
        info = {
            "format": FORMAT,
            "rate_hz": self.rate_hz,
            "labels": sorted({label for c in self.clips for label in c.labels}, key=lambda x: (x != BACKGROUND, x)),
            "multi_label": any(len(c.labels) != 1 for c in self.clips),
            "clips": len(self.clips),
            "seconds": round(self._written / self.rate_hz, 3),
            "counts": dict(sorted(Counter(label for c in self.clips for label in c.labels).items())),
            "splits": dict(sorted(Counter(c.split for c in self.clips).items())),
            "resampler": RESAMPLER,
            "fingerprint": fingerprint(self.rate_hz, self.clips),
            **self._info,
        }
        with open(self._folder / "dataset.json", "w", encoding="utf-8") as file:
            json.dump(info, file, indent=2, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        if self.path.exists():
            old = aside(self.path)
            self.path.rename(old)
            try:
                self._folder.rename(self.path)
            except OSError:
                old.rename(self.path)
                raise
            shutil.rmtree(old, ignore_errors=True)
        else:
            self._folder.rename(self.path)
        sync_folder(self.path.parent)


def read_index(path: Path) -> list[Clip]:
    """The rows of an index; a million of them take seconds, so nothing is looked up by name in each."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        header = next(rows, [])
        if missing := set(COLUMNS) - set(header):
            raise ValueError(f"index.csv has no column {', '.join(sorted(missing))}")
        in_order = itemgetter(*(header.index(name) for name in COLUMNS))
        labels: dict[str, tuple[str, ...]] = {}
        return [_clip(in_order(row), labels) for row in rows]


def _clip(row: tuple[str, ...], known: dict[str, tuple[str, ...]]) -> Clip:
    """`known` keeps one tuple for all clips of the same labels."""
    offset, length, labels, split, fold, speaker, group, source, sha256, rms = row
    if labels not in known:
        known[labels] = tuple(label for label in labels.split(";") if label)
    return Clip(
        int(offset), int(length), known[labels], intern(split), intern(fold), speaker, group, source, sha256, float(rms)
    )
