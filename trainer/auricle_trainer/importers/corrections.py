"""Label corrections: a CSV `path,label` applied at import. An empty label drops the clip.

path,label
dog/0042.wav,cat
dog/0077.wav,
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from auricle_shared.errors import DataError

from .manifest import read_rows
from .recording import Recording, parse_labels


def apply_corrections(recordings: list[Recording], path: Path) -> tuple[list[Recording], str]:
    """The recordings with their labels corrected, and what was done in words.

    `path` in the CSV is a source as the pack's index has it; without the part after '#' it means all parts of a file.

    Raises:
        DataError: a path that no recording has (a typing error would otherwise pass unseen), or one that comes twice
            with different labels.
    """
    labels: dict[str, str] = {}
    for row in read_rows(path, ("path", "label")):
        if labels.get(row["path"], row["label"]) != row["label"]:
            raise DataError(f"{path} corrects {row['path']!r} twice, to {labels[row['path']]!r} and {row['label']!r}.")
        labels[row["path"]] = row["label"]
    known = {name for r in recordings for name in _names(r)}
    unknown = sorted(set(labels) - known)
    if unknown:
        raise DataError(
            f"{path} corrects {len(unknown)} path(s) that the source does not have, the first: {unknown[0]!r}. "
            f"Wanted: paths as in the pack's index.csv, such as {recordings[0].source!r}."
        )
    corrected: list[Recording] = []
    changed = dropped = 0
    for recording in recordings:
        name = next((n for n in _names(recording) if n in labels), None)
        if name is None:
            corrected.append(recording)
        elif labels[name]:
            corrected.append(replace(recording, labels=parse_labels(labels[name])))
            changed += 1
        else:
            dropped += 1
    return corrected, f"{path.name}: {changed} clips relabelled, {dropped} dropped."


def _names(recording: Recording) -> tuple[str, str]:
    return recording.source, recording.source.split("#t=")[0]
