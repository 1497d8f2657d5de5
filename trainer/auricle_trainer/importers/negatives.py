"""Long recordings in which none of the sounds happens: cut into clips of background.

A room in which people talk is background too, and a network that never heard one takes speech for words. Room sound
that only runs on behind the events does not teach that: it is softer than they are. As clips, negatives come as loud as
events do.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from auricle_shared.audio import AudioFile
from auricle_shared.errors import AuricleError, DataError
from auricle_shared.metadata import BACKGROUND

from .recording import Recording
from .source import open_source

PIECE_SECONDS = 4.0
"""Long enough for the state to be that of a stream, short enough for every training window to hear several"""
SHORTEST_SECONDS = 0.5
"""What is left at the end of a recording is left out below this"""


def negative_clips(path: Path, keep_split: bool, piece_seconds: float = PIECE_SECONDS) -> list[Recording]:
    """A source's recordings as clips of background; those of one recording stay on one side of a split.

    Of a source that knows splits only the recordings for training are taken: the others are for counting false alarms.

    Args:
        keep_split: whether the clips say that they are for training, as they must beside others that say so.

    Raises:
        DataError: nothing there to train on.
    """
    recordings = [r for r in open_source(path).recordings if r.split in ("", "train")]
    if not recordings:
        raise DataError(f"{path} has no recordings for training: all of them belong to another split.")
    if not keep_split:
        recordings = [replace(r, split="") for r in recordings]
    return [piece for recording in recordings for piece in _pieces(recording, piece_seconds)]


def _pieces(recording: Recording, piece_seconds: float) -> list[Recording]:
    background = replace(
        recording,
        source=f"negatives/{recording.source}",
        labels=(BACKGROUND,),
        group=recording.group or recording.speaker or f"negatives/{recording.source}",
    )
    if recording.path is None or recording.problem:
        return [background]
    try:
        with AudioFile(recording.path) as file:
            length_seconds = file.length_samples / file.rate_hz
    except AuricleError as error:  # listed with the other broken ones
        return [replace(background, problem=str(error).replace(str(recording.path), "").strip())]
    begin, end = recording.start_seconds, min(recording.end_seconds or length_seconds, length_seconds)
    count = max(1, int((end - begin - SHORTEST_SECONDS) // piece_seconds) + 1)
    starts = [begin + k * piece_seconds for k in range(count)]
    return [
        replace(
            background,
            source=f"{background.source}#t={start:g},{min(end, start + piece_seconds):g}",
            start_seconds=start,
            end_seconds=min(end, start + piece_seconds),
        )
        for start in starts
    ]
