"""ESC-50 and ESC-10 with their official five folds; clips of one source recording share a group.

    audio/1-100032-A-0.wav + meta/esc50.csv     ESC-50; its table marks the clips that make ESC-10
    001 - Dog bark/1-100032-A.ogg               ESC-10 as first published: fold-source-take

Folds are not splits: they are left for training to choose (train on four, test on the fifth).
https://github.com/karolpiczak/ESC-50, https://github.com/karolpiczak/ESC-10
"""

from __future__ import annotations

import re
from pathlib import Path

from auricle_shared.errors import DataError

from .manifest import read_rows
from .recording import Recording, audio_files, parse_labels, printable, source_name, subfolders

LICENCE_50 = "CC BY-NC 3.0, ESC-50, K. J. Piczak"
LICENCE_10 = "CC BY 3.0, ESC-10, K. J. Piczak"
TABLE = Path("meta", "esc50.csv")
CLASS_FOLDER = re.compile(r"\d{3} - (.+)")
CLIP_NAME = re.compile(r"([1-5])-(\d+)-[A-Z]\.\w+")


def recognises(path: Path) -> bool:
    return path.is_dir() and ((path / TABLE).is_file() or _is_first_layout(path))


def licence(path: Path, only_10: bool) -> str:
    return LICENCE_50 if (path / TABLE).is_file() and not only_10 else LICENCE_10


def recordings(path: Path, only_10: bool = False) -> list[Recording]:
    """All clips; with `only_10` those of ESC-10."""
    if (path / TABLE).is_file():
        return _from_table(path, only_10)
    if _is_first_layout(path):
        return [r for folder in subfolders(path) if CLASS_FOLDER.fullmatch(folder.name) for r in _class(folder, path)]
    raise DataError(
        f"{path} is not laid out as ESC: wanted audio/ and {TABLE.as_posix()}, or folders like '001 - Dog bark'."
    )


def _is_first_layout(path: Path) -> bool:
    classes = [f for f in subfolders(path) if CLASS_FOLDER.fullmatch(f.name)]
    return any(CLIP_NAME.fullmatch(file.name) for file in (next(audio_files(f), None) for f in classes) if file)


def _from_table(path: Path, only_10: bool) -> list[Recording]:
    rows = read_rows(path / TABLE, ("filename", "fold", "category", "esc10", "src_file"))
    return [
        Recording(
            source=printable(f"audio/{row['filename']}"),
            labels=parse_labels(row["category"]),
            path=path / "audio" / row["filename"],
            fold=row["fold"],
            group=row["src_file"],
        )
        for row in rows
        if not only_10 or row["esc10"].lower() == "true"
    ]


def _class(folder: Path, root: Path) -> list[Recording]:
    match = CLASS_FOLDER.fullmatch(folder.name)
    assert match is not None
    labels, found = parse_labels(match[1].lower().replace(" ", "_")), []
    for file in audio_files(folder):
        name = CLIP_NAME.fullmatch(file.name)
        fold, group = name.groups() if name else ("", "")
        problem = "" if name else "is not named FOLD-SOURCE-TAKE.ogg"
        found.append(Recording(source_name(file, root), labels, file, fold=fold, group=group, problem=problem))
    return found
