"""What is no event, for people: audio that is missing, sinks that fail, warnings."""

from __future__ import annotations

from typing import TextIO

from ..sources import Gap
from . import Sink


class Console(Sink):
    """Says what is no event on one stream, standard error: audio that is missing, sinks that fail."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def say(self, text: str) -> None:
        """A sentence without its full stop. From any thread."""
        self._stream.write(f"{text}.\n")
        self._stream.flush()

    def lost(self, reason: str) -> None:
        self.say(reason)

    def back(self) -> None:
        self.say("Audio comes again")

    def gap(self, gap: Gap, at_seconds: float) -> None:
        self.say(gap_line(gap, at_seconds))


def gap_line(gap: Gap, at_seconds: float) -> str:
    return f"{at_seconds:.2f} s: {gap.lost_seconds:.2f} s of audio are missing before this ({gap.reason}); begun anew"
