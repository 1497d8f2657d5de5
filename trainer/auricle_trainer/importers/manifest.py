"""A CSV manifest: a row a clip.

    path,label,split,fold,speaker,group,start_seconds,end_seconds
    kitchen/0001.flac,kettle,train,,,kitchen,,
    street.wav,car;horn,,,,,12.5,14.0

`path` (relative to the manifest) and `label` (`a;b` for several) are needed, the others may be absent, further columns
are passed over. Parts of one recording stay on one side of a split.
"""

from __future__ import annotations

import csv
from pathlib import Path

from auricle_shared.errors import DataError

from .recording import Recording, parse_labels, parse_split, printable

NAME = "manifest.csv"
NEEDED = ("path", "label")


def recognises(path: Path) -> bool:
    return (path / NAME).is_file() if path.is_dir() else path.suffix.lower() == ".csv"


def recordings(path: Path) -> list[Recording]:
    manifest = path / NAME if path.is_dir() else path
    rows = read_rows(manifest, NEEDED)
    return [_recording(row, manifest.parent, f"{manifest}, line {number}") for number, row in enumerate(rows, start=2)]


def read_rows(path: Path, needed: tuple[str, ...]) -> list[dict[str, str]]:
    """The rows of a CSV file with a header, every missing cell as ''.

    Raises:
        DataError: no such file, not UTF-8 text, or a header without the columns `needed`.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            found = [(name or "").strip() for name in reader.fieldnames or []]
            missing = [name for name in needed if name not in found]
            if missing:
                raise DataError(
                    f"{path} has the columns {', '.join(found) or '(none)'}; missing: {', '.join(missing)}. "
                    f"Wanted: a first line with {','.join(needed)}, separated by commas."
                )
            reader.fieldnames = found
            return [{k: (v or "").strip() for k, v in row.items() if isinstance(k, str)} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as CSV in UTF-8 ({error}).") from error


def _recording(row: dict[str, str], root: Path, where: str) -> Recording:
    problem = "" if row["path"] else f"no path ({where})"
    try:
        start, end = _seconds(row.get("start_seconds", "")), _seconds(row.get("end_seconds", ""))
    except ValueError as error:
        start = end = None
        problem = problem or f"start_seconds and end_seconds must be seconds from 0 upwards: {error} ({where})"
    cut = start is not None or end is not None
    source = printable(row["path"]) + (f"#t={start or 0:g},{'' if end is None else f'{end:g}'}" if cut else "")
    group = row.get("group", "")
    if cut and not group and not row.get("speaker"):
        group = printable(row["path"])
    return Recording(
        source=source,
        labels=parse_labels(row["label"]),
        path=root / row["path"],
        start_seconds=start or 0.0,
        end_seconds=end,
        split=parse_split(row.get("split", ""), where),
        fold=row.get("fold", ""),
        speaker=row.get("speaker", ""),
        group=group,
        problem=problem,
    )


def _seconds(text: str) -> float | None:
    if not text:
        return None
    value = float(text)
    if not 0 <= value < float("inf"):
        raise ValueError(f"{text!r} was found")
    return value
