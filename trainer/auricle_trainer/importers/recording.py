"""What every importer lists: recordings, with all that is known about them before anything is decoded."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from auricle_shared.errors import DataError
from auricle_shared.metadata import BACKGROUND

BACKGROUND_NAMES = frozenset(
    {BACKGROUND, "_background_", "_background_noise_", "background_noise", "_silence_", "silence"}
)
"""Labels and class folders that mean `background`, compared in lower case; the same for all importers"""
SPLIT_NAMES = {
    **dict.fromkeys(["train", "training"], "train"),
    **dict.fromkeys(["val", "valid", "validation", "dev"], "val"),
    **dict.fromkeys(["test", "testing", "eval"], "test"),
}
NOT_AUDIO = frozenset({
    ".txt", ".md", ".rst", ".csv", ".tsv", ".json", ".toml", ".yaml", ".yml", ".xml", ".html", ".pdf",
    ".png", ".jpg", ".jpeg", ".gif", ".svg", ".py", ".ipynb", ".sh", ".bat", ".m", ".pkl", ".pickle", ".npy",
    ".npz", ".zip", ".gz", ".tar", ".ini", ".db", ".log", ".lab", ".textgrid", ".doc", ".docx", ".xlsx",
    ".bib",
})  # fmt: skip
"""Files with these endings lie beside recordings and are passed over; every other file is tried and, if it is not a
recording, listed as broken, so that nothing is lost without a word"""


@dataclass(frozen=True)
class Recording:
    """One clip to be. Either a file (or a part of it) or, out of a pickle, samples."""

    source: str
    """its name in the pack: the path relative to what is imported, with '/'"""
    labels: tuple[str, ...]
    path: Path | None = None
    samples: np.ndarray | None = None
    """[n] float32 in [-1, 1], if there is no file"""
    rate_hz: int = 0
    """of `samples`"""
    start_seconds: float = 0.0
    end_seconds: float | None = None
    """None: to the end of the file"""
    split: str = ""
    fold: str = ""
    speaker: str = ""
    group: str = ""
    problem: str = ""
    """why it cannot be used, if that is known already"""


def parse_labels(text: str) -> tuple[str, ...]:
    """'dog' -> ('dog',), 'rain;wind' -> ('rain', 'wind'), '_silence_' -> ('background',).

    Unicode is brought to its composed form (NFC), so that a folder copied from a Mac keeps its label.
    """
    found: list[str] = []
    for part in unicodedata.normalize("NFC", printable(text)).split(";"):
        label = " ".join(part.split())
        label = BACKGROUND if label.lower() in BACKGROUND_NAMES else label
        if label and label not in found:
            found.append(label)
    return tuple(found)


def parse_split(text: str, where: str) -> str:
    """'', 'train', 'val' or 'test' out of the usual names; `where` names the line in the message."""
    name = text.strip().lower()
    if name and name not in SPLIT_NAMES:
        raise DataError(f"{where}: the split is {text!r}; wanted train, val, test or nothing.")
    return SPLIT_NAMES.get(name, "")


def printable(text: str) -> str:
    """A file name whose bytes are not UTF-8 comes with stray surrogates, which UTF-8 cannot hold: spell them out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def source_name(path: Path, root: Path) -> str:
    return printable(path.relative_to(root).as_posix())


def subfolders(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


def audio_files(folder: Path) -> Iterator[Path]:
    """Every file below `folder` that may be a recording, sorted; links are followed, each folder once."""
    seen: set[tuple[int, int]] = set()
    for where, folders, names in os.walk(folder, followlinks=True):
        status = os.stat(where)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(n for n in folders if not n.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and Path(name).suffix.lower() not in NOT_AUDIO:
                yield Path(where, name)
