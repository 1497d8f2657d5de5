"""The Free Spoken Digit Dataset: recordings/{digit}_{speaker}_{take}.wav.

Split as its README says: takes 0 to 4 are the test set, all others training. The same speakers are on both sides, so
the accuracy on this split says nothing about new voices; the speaker is kept for leaving one out.
https://github.com/Jakobovski/free-spoken-digit-dataset
"""

from __future__ import annotations

import re
from pathlib import Path

from auricle_shared.errors import DataError

from .recording import Recording, audio_files, source_name

LICENCE = "CC BY-SA 4.0, Free Spoken Digit Dataset"
NAME = re.compile(r"(\d)_([^_]+)_(\d+)\.\w+")
TEST_TAKES = range(5)


def recognises(path: Path) -> bool:
    return path.is_dir() and any(NAME.fullmatch(f.name) for f in _folder(path).iterdir())


def recordings(path: Path) -> list[Recording]:
    found = [_recording(file, path) for file in audio_files(_folder(path))]
    if not any(r.labels for r in found):
        raise DataError(f"{path} holds no recordings named DIGIT_SPEAKER_TAKE.wav; wanted the layout of FSDD.")
    return found


def _folder(path: Path) -> Path:
    return path / "recordings" if (path / "recordings").is_dir() else path


def _recording(file: Path, root: Path) -> Recording:
    source = source_name(file, root)
    match = NAME.fullmatch(file.name)
    if match is None:
        return Recording(source, (), file, problem="is not named DIGIT_SPEAKER_TAKE.wav")
    digit, speaker, take = match.groups()
    return Recording(source, (digit,), file, split="test" if int(take) in TEST_TAKES else "train", speaker=speaker)
