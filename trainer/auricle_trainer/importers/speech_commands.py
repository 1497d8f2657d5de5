"""Google's Speech Commands: a folder a word, {speaker}_nohash_{n}.wav, and long recordings in `_background_noise_`.

Split by the lists that come with the archive or, without them, by the hash its README describes: the speaker's name
decides, so a voice is never on two sides and stays where it is when recordings are added. The long recordings go in
whole, as `background`. https://arxiv.org/abs/1804.03209
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from auricle_shared.errors import DataError

from .recording import Recording, audio_files, parse_labels, source_name, subfolders

LICENCE = "CC BY 4.0, Speech Commands, P. Warden, Google"
MARK = "_nohash_"
LISTS = {"validation_list.txt": "val", "testing_list.txt": "test"}
HASH_RANGE = 2**27 - 1
"""MAX_NUM_WAVS_PER_CLASS of the dataset's README"""
VALIDATION_PERCENT, TESTING_PERCENT = 10, 10
"""with which the archive's own lists were made"""


def recognises(path: Path) -> bool:
    if not path.is_dir():
        return False
    if all((path / name).is_file() for name in LISTS):
        return True
    return any(MARK in file.name for folder in subfolders(path) for file in folder.iterdir())


def recordings(path: Path) -> list[Recording]:
    listed = _read_lists(path)
    found = [_recording(file, path, listed) for folder in subfolders(path) for file in audio_files(folder)]
    if not any(r.speaker for r in found):
        raise DataError(f"{path} holds no WORD/SPEAKER{MARK}N.wav; wanted the layout of Speech Commands.")
    return found


def hash_split(speaker: str) -> str:
    """'train', 'val' or 'test' for the part of a file name before `_nohash_`.

    The arithmetic of `which_set` in the README of the dataset: SHA-1 of the name, modulo, as a percentage; below 10
    validation, below 20 testing.
    """
    number = int(hashlib.sha1(speaker.encode()).hexdigest(), 16) % (HASH_RANGE + 1)
    percent = number * (100.0 / HASH_RANGE)
    if percent < VALIDATION_PERCENT:
        return "val"
    return "test" if percent < VALIDATION_PERCENT + TESTING_PERCENT else "train"


def _read_lists(path: Path) -> dict[str, str] | None:
    if not all((path / name).is_file() for name in LISTS):
        return None
    return {
        line.strip(): split
        for name, split in LISTS.items()
        for line in (path / name).read_text(encoding="utf-8").splitlines()
    }


def _recording(file: Path, root: Path, listed: dict[str, str] | None) -> Recording:
    word = file.relative_to(root).parts[0]
    source = source_name(file, root)
    speaker = file.name.split(MARK)[0] if MARK in file.name else ""
    if not speaker:  # background: split later, a recording as a whole
        return Recording(source, parse_labels(word), file)
    split = listed.get(source, "train") if listed is not None else hash_split(speaker)
    return Recording(source, parse_labels(word), file, split=split, speaker=speaker)
