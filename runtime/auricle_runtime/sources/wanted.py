"""Which source the command line asks for."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from . import DEFAULT_BLOCK_MS


class Wanted(NamedTuple):
    """The microphone, unless a file or standard input is named."""

    wav: Path | None = None
    stdin: bool = False
    stdin_rate: int | None = None
    device: str | None = None
    """index, name or part of a name of the microphone; None is the default one"""
    block_ms: float = DEFAULT_BLOCK_MS
    channel: int | None = None
    """the one that is heard, counted from 1; None: the mean of all"""
    realtime: bool = False
    """a file or standard input at the speed of a microphone"""

    @property
    def is_microphone(self) -> bool:
        return self.wav is None and not self.stdin
