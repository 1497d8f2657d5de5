"""Which recordings of Speech Commands teach an embedding, and which words and speakers it never hears.

The ten digits are kept for testing. Their test clips come from speakers who are left out of training with everything
they say; the digits of all other speakers are used for nothing.
"""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from auricle_shared.errors import DataError

TEST_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
COMMANDS, MORE = "speech_commands", "more_words"
"""Folders with a manifest.csv; no speaker is in both"""
UNKNOWN = "_unknown_"
"""Many words under one label; which one it is stands in the column `group`"""


@dataclass(frozen=True)
class Spoken:
    folder: str
    path: str
    """relative to the folder"""
    word: str
    speaker: str
    split: str


def spoken_words(data: Path) -> tuple[list[Spoken], list[Spoken]]:
    """Clips to train on and clips to test on, from the two folders below `data`.

    Raises:
        DataError: a folder without its manifest.
    """
    found = [clip for folder in (COMMANDS, MORE) for clip in _clips(data, folder)]
    strangers = {clip.speaker for clip in found if clip.folder == COMMANDS and clip.split == "val"}
    strangers |= {clip.speaker for clip in found if clip.folder == MORE and clip.word in TEST_WORDS}
    strangers -= {""}  # silence has no speaker
    test = [clip for clip in found if clip.word in TEST_WORDS and clip.speaker in strangers]
    train = [clip for clip in found if clip.word not in TEST_WORDS and clip.speaker not in strangers]
    return train, test


def _clips(data: Path, folder: str) -> list[Spoken]:
    manifest = data / folder / "manifest.csv"
    try:
        with open(manifest, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise DataError(
            f"{manifest} cannot be read ({error.strerror}). Wanted: {COMMANDS} and {MORE} in it."
        ) from error
    return [
        Spoken(
            folder, row["path"], row["group"] if row["label"] == UNKNOWN else row["label"], row["speaker"], row["split"]
        )
        for row in rows
    ]


def manifest_text(data: Path, beside: Path, clips: Sequence[Spoken]) -> str:
    """The clips as a manifest for `auricle import`, with paths relative to the folder `beside`."""
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["path", "label", "speaker"])
    for clip in clips:
        file = os.path.relpath((data / clip.folder / clip.path).resolve(), beside.resolve())
        rows.writerow([Path(file).as_posix(), clip.word, clip.speaker])
    return table.getvalue()


def told(train: Sequence[Spoken], test: Sequence[Spoken]) -> list[str]:
    """Lines for people: what is trained on, what is tested, and that they share neither word nor speaker."""
    lines = []
    for what, clips in (("trained on", train), ("tested on", test)):
        speakers = {clip.speaker for clip in clips} - {""}
        words = Counter(clip.word for clip in clips)
        listed = ", ".join(f"{word} {count}" for word, count in sorted(words.items()))
        lines.append(f"{what}: {len(clips)} clips of {len(speakers)} speakers: {listed}")
    shared_speakers = {clip.speaker for clip in train} & {clip.speaker for clip in test} - {""}
    shared_words = {clip.word for clip in train} & {clip.word for clip in test}
    lines.append(f"words on both sides: {len(shared_words)}; speakers on both sides: {len(shared_speakers)}")
    return lines
