"""A recording as a source: as fast as it can be scored, whatever its format and rate."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from auricle_shared.audio import AudioFile, Resampler

from . import DEFAULT_BLOCK_MS, Block, Lost, nobody, samples_per_block
from .run import resampled

READ_SAMPLES = 1 << 15
"""Read at once and handed out in views: what a read costs is paid once for many blocks."""


class FileSource:
    """Blocks of a recording.

    Args:
        path: any recording; 16-bit WAV at the model's rate needs neither soundfile nor soxr.
        rate_hz: the model's rate.
        block_ms: length of a block in the recording's own time; the last one may be shorter.
        channel: the one that is heard, counted from 1; None: the mean of all.
    """

    def __init__(
        self, path: str | Path, rate_hz: int, block_ms: float = DEFAULT_BLOCK_MS, channel: int | None = None
    ) -> None:
        self._file = AudioFile(path, channel)
        try:
            self._resampler = Resampler(self._file.rate_hz, rate_hz)
        except BaseException:
            self._file.close()
            raise
        self._rate_hz = rate_hz
        self._block_samples = samples_per_block(block_ms, self._file.rate_hz)

    @property
    def description(self) -> str:
        file = self._file
        to = "" if file.rate_hz == self._rate_hz else f", resampled to {self._rate_hz} Hz"
        return f"{file.path} ({file.length_samples / file.rate_hz:.1f} s, {file.rate_hz} Hz{to})"

    @property
    def problems(self) -> list[str]:
        return []

    def blocks(self, lost: Lost = nobody) -> Iterator[Block]:
        return resampled(self._pieces(), self._resampler, began_utc=time.time())

    def _pieces(self) -> Iterator[np.ndarray]:
        size = self._block_samples
        for read in self._file.blocks(max(1, READ_SAMPLES // size) * size):
            for start in range(0, len(read), size):
                yield read[start : start + size]

    def close(self) -> None:
        self._file.close()
