"""The data of a run, clip by clip: data.csv says later which label was edited and which clip was exchanged."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auricle_shared.errors import DataError
from auricle_shared.files import write_text
from auricle_shared.pack import Clip, fingerprint

NAME = "data.csv"
COLUMNS = ("source", "labels", "split", "fold", "speaker", "group", "sha256", "used")
IDENTITY = ("split", "fold", "speaker", "group")


@dataclass(frozen=True)
class DataRow:
    """One clip as a run saw it."""

    clip: Clip
    used: str = ""
    """'train', 'validation' or empty"""

    @property
    def name(self) -> str:
        return self.clip.source or f"clip {self.clip.sha256[:12]}"


def write_rows(folder: Path, clips: Sequence[Clip], train: Iterable[int], validation: Iterable[int]) -> None:
    used = {**dict.fromkeys(train, "train"), **dict.fromkeys(validation, "validation")}
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(COLUMNS)
    for i, c in enumerate(clips):
        labels = ";".join(c.labels)
        rows.writerow([c.source, labels, c.split, c.fold, c.speaker, c.group, c.sha256, used.get(i, "")])
    write_text(folder / NAME, table.getvalue())


def read_rows(folder: Path) -> list[DataRow]:
    """The rows of a run; empty where it has none (a run of version 0.1).

    Raises:
        DataError: a damaged file.
    """
    path = folder / NAME
    if not path.is_file():
        return []
    try:
        with open(path, newline="", encoding="utf-8") as file:
            return [_row(row) for row in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, KeyError, csv.Error) as error:
        raise DataError(f"{path} is damaged ({error}).") from error


def _row(row: dict[str, str]) -> DataRow:
    labels = tuple(label for label in row["labels"].split(";") if label)
    known: dict[str, Any] = {name: row[name] for name in ("source", "sha256", *IDENTITY)}
    return DataRow(Clip(offset_samples=0, length_samples=0, labels=labels, **known), row["used"])


def rows_fingerprint(rate_hz: int, rows: Sequence[DataRow]) -> str:
    return fingerprint(rate_hz, [row.clip for row in rows])


@dataclass(frozen=True)
class DataDifference:
    """From one list of clips to another."""

    added: list[str]
    removed: list[str]
    relabelled: list[tuple[str, str, str]]
    """(clip, before, after)"""
    moved: list[str]
    """another split, fold, speaker or group, in words"""
    other_audio: list[str]

    @property
    def same(self) -> bool:
        return not (self.added or self.removed or self.relabelled or self.moved or self.other_audio)

    def words(self, most: int = 3) -> str:
        """For instance '1 relabelled (dog/2.wav: dog -> cat), 2 added (a.wav, b.wav)'."""
        relabelled = [
            f"{name}: {before or 'nothing'} -> {after or 'nothing'}" for name, before, after in self.relabelled
        ]
        parts = [
            (relabelled, "relabelled"),
            (self.other_audio, "with other audio"),
            (self.moved, "moved"),
            (self.removed, "removed"),
            (self.added, "added"),
        ]
        return "; ".join(
            f"{len(names)} {what} ({', '.join(names[:most])}{', ...' if len(names) > most else ''})"
            for names, what in parts
            if names
        )


def difference(before: Sequence[Clip], after: Sequence[Clip]) -> DataDifference:
    """Clips are paired by where they came from, those without a source and those that were renamed by their audio."""
    old, new = _by_key(before), _by_key(after)
    pairs = {key: key for key in old.keys() & new.keys()}
    pairs |= _renamed({k: old[k] for k in old.keys() - new.keys()}, {k: new[k] for k in new.keys() - old.keys()})
    relabelled, moved, other = [], [], []
    for key in sorted(pairs):
        a, b = old[key], new[pairs[key]]
        if a.labels != b.labels:
            relabelled.append((key, ";".join(a.labels), ";".join(b.labels)))
        if a.sha256 != b.sha256:
            other.append(key)
        moved += [
            f"{key}: {n} {getattr(a, n)!r} -> {getattr(b, n)!r}" for n in IDENTITY if getattr(a, n) != getattr(b, n)
        ]
    added, removed = sorted(new.keys() - set(pairs.values())), sorted(old.keys() - pairs.keys())
    return DataDifference(added, removed, relabelled, moved, other)


def _renamed(old: dict[str, Clip], new: dict[str, Clip]) -> dict[str, str]:
    """Key before -> key after, of clips with the same audio: in class folders, another label is another path."""
    by_audio: dict[str, list[str]] = {}
    for key in sorted(new):
        by_audio.setdefault(new[key].sha256, []).append(key)
    return {key: by_audio[a].pop(0) for key in sorted(old) if by_audio.get(a := old[key].sha256)}


def _by_key(clips: Sequence[Clip]) -> dict[str, Clip]:
    found: dict[str, Clip] = {}
    for clip in clips:
        name = clip.source or f"clip {clip.sha256[:12]}"
        number = 1
        while (key := name if number == 1 else f"{name} ({number})") in found:
            number += 1
        found[key] = clip
    return found
