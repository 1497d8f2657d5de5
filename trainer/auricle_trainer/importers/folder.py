"""Class folders: SOURCE/dog/*.wav, SOURCE/cat/*.wav. What lies in a folder has its name as label.

Sub-folders of a class belong to the class. If all folders are called like splits (train, val, test), the class folders
are looked for one level below. A folder `background` (or `_background_noise_`) holds what is none of the classes.
"""

from __future__ import annotations

from pathlib import Path

from .recording import SPLIT_NAMES, Recording, audio_files, parse_labels, source_name, subfolders


def recognises(path: Path) -> bool:
    return path.is_dir() and any(next(audio_files(folder), None) for folder in subfolders(path))


def recordings(path: Path) -> list[Recording]:
    folders = subfolders(path)
    if folders and all(f.name.lower() in SPLIT_NAMES for f in folders):
        found = [r for f in folders for r in _classes(f, path, SPLIT_NAMES[f.name.lower()])]
    else:
        found = _classes(path, path, "")
    return found


def _classes(folder: Path, root: Path, split: str) -> list[Recording]:
    loose = [
        Recording(source_name(f, root), (), f, problem="lies in no class folder, so it has no label")
        for f in audio_files(folder)
        if f.parent == folder
    ]
    return loose + [
        Recording(source_name(file, root), parse_labels(one.name), file, split=split)
        for one in subfolders(folder)
        for file in audio_files(one)
    ]
