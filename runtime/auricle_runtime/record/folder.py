"""Where takes go: a folder per label, and a manifest.csv from which `auricle train --data` reads them.

    recordings/manifest.csv                               path,label,speaker,group
    recordings/kettle/kettle-20261123T081408Z-001.wav

The group is the session: what was recorded in one go stays on one side of a split.
"""

from __future__ import annotations

import csv
import io
import re
import time
from pathlib import Path

import numpy as np

from auricle_shared.audio import write_wav
from auricle_shared.errors import DataError
from auricle_shared.files import write_text

MANIFEST = "manifest.csv"
COLUMNS = ("path", "label", "speaker", "group")


class SessionFolder:
    """The takes of one session.

    Args:
        folder: made if it is missing.
        label: of the sound; its folder is named after it.
        speaker: whose voice it is, where that matters; else empty.

    Raises:
        DataError: a label that is no name, or a folder that holds recordings of another order.
    """

    def __init__(self, folder: Path, label: str, rate_hz: int, speaker: str = "") -> None:
        self._folder, self._label, self._rate_hz, self._speaker = folder, label, rate_hz, speaker
        self.session = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        self._name = re.sub(r"[^\w-]+", "_", label).strip("_")
        if not self._name or any(mark in label for mark in ";,\n\r"):
            raise DataError(f"{label!r} is no label. Wanted: a name such as kettle, without commas and semicolons.")
        self.count = 0
        self._columns, self._rows = self._read()

    @property
    def manifest(self) -> Path:
        return self._folder / MANIFEST

    def add(self, samples: np.ndarray) -> Path:
        """Write a take and its row; each file is whole or absent."""
        self.count += 1
        path = self._folder / self._name / f"{self._name}-{self.session}-{self.count:03d}.wav"
        write_wav(path, samples, self._rate_hz)
        relative = path.relative_to(self._folder).as_posix()
        row = {"path": relative, "label": self._label, "speaker": self._speaker, "group": self.session}
        self._rows.append(row)
        self._write()
        return path

    def _write(self) -> None:
        table = io.StringIO()
        rows = csv.DictWriter(table, self._columns, restval="", extrasaction="ignore", lineterminator="\n")
        rows.writeheader()
        rows.writerows(self._rows)
        write_text(self.manifest, table.getvalue())

    def _read(self) -> tuple[list[str], list[dict[str, str]]]:
        """Columns and rows of the manifest that is there."""
        if not self.manifest.exists():
            self._refuse_strangers()
            return list(COLUMNS), []
        try:
            with open(self.manifest, newline="", encoding="utf-8-sig") as file:
                reader = csv.DictReader(file)
                rows = list(reader)
                columns = list(reader.fieldnames or [])
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise DataError(f"{self.manifest} cannot be read as CSV in UTF-8 ({error}).") from error
        if not {"path", "label"} <= set(columns):
            raise DataError(f"{self.manifest} has the columns {', '.join(columns)}; wanted at least path and label.")
        if any(None in row for row in rows):
            raise DataError(f"{self.manifest} has a row with more cells than its first line has names. Mend it first.")
        return [*columns, *(name for name in COLUMNS if name not in columns)], rows

    def _refuse_strangers(self) -> None:
        """A manifest would hide recordings that lie there without one."""
        if self._folder.exists() and not self._folder.is_dir():
            raise DataError(f"{self._folder} is a file; wanted a folder.")
        found = next(
            (p for p in self._folder.glob("*/*") if p.suffix.lower() in (".wav", ".flac", ".ogg", ".mp3")), None
        )
        if found is not None:
            raise DataError(
                f"{self._folder} holds recordings without a {MANIFEST} ({found.relative_to(self._folder)}), which a "
                "manifest for new ones would hide. Name another folder with --out."
            )
