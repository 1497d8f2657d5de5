"""Every frame's scores as CSV: to plot, to compare, to choose thresholds by.

time_seconds,background,doorbell
0.000000,0.998123407,0.00187660474
"""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from auricle_shared.files import aside, sync_folder
from auricle_shared.stream import StreamFrames

from ..sources import Block
from . import Sink


class ScoreTable(Sink):
    """A row a frame: stream time at which its hop begins, then the scores, with the nine digits a float32 needs.

    Args:
        stream: flushed after every block, so that a program behind a pipe sees scores as they come.
        labels: in the order of the scores.
        frame_seconds: from one frame to the next.
    """

    def __init__(self, stream: TextIO, labels: Sequence[str], frame_seconds: float) -> None:
        self._stream, self._frame_seconds = stream, frame_seconds
        csv.writer(stream, lineterminator="\n").writerow(["time_seconds", *labels])
        self._row = "%.6f" + ",%.9g" * len(labels) + "\n"

    def heard(self, block: Block, frames: StreamFrames) -> None:
        start, step = frames.start_seconds, self._frame_seconds
        for i, scores in enumerate(frames.scores.tolist()):
            self._stream.write(self._row % (start + i * step, *scores))
        self._stream.flush()


class ScoreFile(ScoreTable):
    """The same into a file that has its name only when it is complete."""

    def __init__(self, path: Path, labels: Sequence[str], frame_seconds: float) -> None:
        self._path, self._partial = path, aside(path)
        self._file = open(self._partial, "w", encoding="utf-8", newline="")  # noqa: SIM115
        super().__init__(self._file, labels, frame_seconds)

    def close(self) -> None:
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            os.replace(self._partial, self._path)
            sync_folder(self._path.parent)
        finally:
            self._partial.unlink(missing_ok=True)
