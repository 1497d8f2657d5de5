"""Where audio comes from. Every source gives blocks of one channel at the model's rate, with their stream time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    import numpy as np

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
