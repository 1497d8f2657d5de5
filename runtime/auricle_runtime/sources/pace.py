"""A recording or a fast pipe at the speed of a microphone: no block comes before its last sample would have sounded."""

from __future__ import annotations

import time
from collections.abc import Iterator

from . import Block, Lost, Source, nobody


class Paced:
    """Another source, in real time.

    Args:
        rate_hz: rate of the source's blocks.
    """

    def __init__(self, source: Source, rate_hz: int) -> None:
        self._source, self._rate_hz = source, rate_hz

    @property
    def description(self) -> str:
        return f"{self._source.description}, in real time"

    @property
    def problems(self) -> list[str]:
        return self._source.problems

    def blocks(self, lost: Lost = nobody) -> Iterator[Block]:
        began = time.monotonic()
        for block in self._source.blocks(lost):
            end_seconds = block.start_seconds + len(block.samples) / self._rate_hz
            wait_seconds = began + end_seconds - time.monotonic()
            if wait_seconds > 0:
                time.sleep(wait_seconds)
            yield block

    def close(self) -> None:
        self._source.close()
