"""Pieces of a recording that follow each other, brought to the model's rate and given their stream times."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from auricle_shared.audio import Resampler

from . import Block, Gap


class Run:
    """Pieces of one unbroken recording, at the model's rate and with their stream times.

    run = Run(Resampler(48000, 16000))
    block = run.feed(piece)        # None where the resampler holds everything back
    block = run.rest()             # what it still held; the run is over
    """

    def __init__(self, resampler: Resampler) -> None:
        self._resampler = resampler
        self._from_seconds, self._given = 0.0, 0

    def begin(self, at_seconds: float) -> None:
        """The next piece is the first of a run that begins at this stream time."""
        self._resampler.reset()
        self._from_seconds, self._given = at_seconds, 0

    def feed(self, piece: np.ndarray, gap: Gap | None = None, end_utc: float | None = None) -> Block | None:
        """piece: float32 [n] at the resampler's first rate."""
        return self._block(self._resampler.feed(piece), gap, end_utc)

    def rest(self) -> Block | None:
        if self._resampler.from_hz == self._resampler.to_hz:
            return None
        return self._block(self._resampler.feed(np.zeros(0, np.float32), last=True), None, None)

    def _block(self, samples: np.ndarray, gap: Gap | None, end_utc: float | None) -> Block | None:
        if not len(samples) and gap is None:
            return None
        start_seconds = self._from_seconds + self._given / self._resampler.to_hz
        self._given += len(samples)
        return Block(samples, start_seconds, gap, end_utc)


def resampled(pieces: Iterable[np.ndarray], resampler: Resampler, began_utc: float | None = None) -> Iterator[Block]:
    """Pieces of one unbroken recording as blocks at the model's rate, the resampler's rest at the end.

    Args:
        pieces: float32 [n] each, at the resampler's first rate.
        began_utc: when the first sample counts as heard, in seconds since 1970; None: each when it comes.
    """
    run = Run(resampler)
    given = 0
    for piece in pieces:
        given += len(piece)
        block = run.feed(piece, end_utc=None if began_utc is None else began_utc + given / resampler.from_hz)
        if block is not None:
            yield block
    rest = run.rest()
    if rest is not None:
        yield rest
