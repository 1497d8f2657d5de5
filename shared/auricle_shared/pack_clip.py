"""One clip of a pack: a row of its index, and what is worked out about it."""

from __future__ import annotations

import csv
import gc
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from operator import itemgetter
from pathlib import Path
from sys import intern

import numpy as np

FORMAT = 1
"""of packs"""
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


def audio_fingerprint(rate_hz: int, clips: Iterable[Clip]) -> str:
    """SHA-256 (16 hex digits) over the audio hashes alone: the same after labels or splits were edited."""
    return hashlib.sha256("\n".join([str(rate_hz), *sorted(c.sha256 for c in clips)]).encode()).hexdigest()[:16]


def read_index(path: Path) -> list[Clip]:
    """The rows of an index; a million of them take seconds, so nothing is looked up by name in each."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        header = next(rows, [])
        if missing := set(COLUMNS) - set(header):
            raise ValueError(f"index.csv has no column {', '.join(sorted(missing))}")
        in_order = itemgetter(*(header.index(name) for name in COLUMNS))
        labels: dict[str, tuple[str, ...]] = {}
        with no_collection():
            return [_clip(in_order(row), labels) for row in rows]


@contextmanager
def no_collection() -> Iterator[None]:
    """Python's search for cycles would look through all clips again and again while they are made."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _clip(row: tuple[str, ...], known: dict[str, tuple[str, ...]]) -> Clip:
    """`known` keeps one tuple for all clips of the same labels."""
    offset, length, labels, split, fold, speaker, group, source, sha256, rms = row
    if labels not in known:
        known[labels] = tuple(label for label in labels.split(";") if label)
    return Clip(
        int(offset), int(length), known[labels], intern(split), intern(fold), speaker, group, source, sha256, float(rms)
    )


def write_index(path: Path, clips: Iterable[Clip]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for c in clips:
            rows.writerow([";".join(c.labels) if n == "labels" else getattr(c, n) for n in COLUMNS])
        file.flush()
        os.fsync(file.fileno())


def is_pack(path: str | Path) -> bool:
    return (Path(path) / "dataset.json").is_file()
