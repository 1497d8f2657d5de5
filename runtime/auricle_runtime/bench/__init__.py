"""What a model costs on this machine: blocks in this process, `auricle listen` as a process, many streams at once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Lengths:
    """How much audio each measurement takes, in seconds."""

    blocks: float = 20.0
    rounds: int = 3
    paced: float = 5.0
    streams: float = 2.0
    short: float = 10.0
    long: float = 610.0


QUICK = Lengths(blocks=3.0, rounds=1, paced=1.0, streams=0.4, short=2.0, long=32.0)
