"""Where audio comes from. Every source gives blocks of one channel at the model's rate, with their stream time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol

import numpy as np

from auricle_shared.audio import Resampler

DEFAULT_BLOCK_MS = 80.0
"""A quarter of the work of 10 ms blocks, and an event is still told within a tenth of a second."""


class Gap(NamedTuple):
    """Audio that was never heard, between two blocks."""

    reason: str
    lost_seconds: float
    """how much is missing; by the wall clock where the sound system does not say"""


class Block(NamedTuple):
    samples: np.ndarray
    """float32 [n] in [-1, 1] at the model's rate; n varies from block to block"""
    start_seconds: float
    """stream time of the first sample: seconds since the source began, the resampler's delay taken off"""
    gap: Gap | None = None
    """audio was lost between the block before and this one"""
    end_utc: float | None = None
    """when its last sample reached this machine, in seconds since 1970; None: just now"""


Lost = Callable[[str], None]
"""Called by a source, in words, when audio has stopped coming; the next block says that it is back."""


def nobody(_reason: str) -> None:
    """For who needs no word of it."""


class Source(Protocol):
    """Opened where it is made, so that what is missing is said at once; used once."""

    @property
    def description(self) -> str:
        """What it is, for people: name, length, rate."""
        ...

    @property
    def problems(self) -> list[str]:
        """What was lost or odd so far, in words, for the summary."""
        ...

    def blocks(self, lost: Lost = nobody) -> Iterator[Block]: ...

    def close(self) -> None: ...


def samples_per_block(block_ms: float, rate_hz: float) -> int:
    return max(1, round(block_ms * rate_hz / 1000))


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
