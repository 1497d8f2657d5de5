"""Where audio comes from. Every source gives blocks of one channel at the model's rate, with their stream time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

import numpy as np

from auricle_shared.audio import Resampler

DEFAULT_BLOCK_MS = 80.0
"""A quarter of the work of 10 ms blocks, and an event is still told within a tenth of a second."""


class Block(NamedTuple):
    samples: np.ndarray
    """float32 [n] in [-1, 1] at the model's rate; n varies from block to block"""
    start_seconds: float
    """stream time of the first sample: seconds since the source began, the resampler's delay taken off"""
    after_gap: bool = False
    """audio was lost between the block before and this one"""


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

    def blocks(self) -> Iterator[Block]: ...

    def close(self) -> None: ...


def samples_per_block(block_ms: float, rate_hz: float) -> int:
    return max(1, round(block_ms * rate_hz / 1000))


def resampled(pieces: Iterable[np.ndarray], resampler: Resampler, from_seconds: float = 0.0) -> Iterator[Block]:
    """Pieces of one unbroken recording as blocks at the model's rate, the resampler's rest at the end.

    Args:
        pieces: float32 [n] each, at the resampler's first rate.
        from_seconds: stream time of the first sample.
    """
    given = 0
    for piece in pieces:
        samples = resampler.feed(piece)
        if len(samples):
            yield Block(samples, from_seconds + given / resampler.to_hz)
        given += len(samples)
    if resampler.from_hz != resampler.to_hz:
        yield Block(resampler.feed(np.zeros(0, np.float32), last=True), from_seconds + given / resampler.to_hz)
