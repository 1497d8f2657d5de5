"""Where results go. A sink takes what it wants of scores and events; one file a sink."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from auricle_shared.events import Event
from auricle_shared.stream import StreamFrames

from ..sources import Block, Gap

Tell = Callable[[str], None]
"""Says something to the person who listens; may be called from any thread."""


@dataclass(frozen=True)
class HeardEvent(Event):
    """An event with the time of day, in seconds since 1970.

    From a microphone or a pipe, it is when the sound reached this machine; a recording counts from when it was opened.
    """

    onset_utc: float = 0.0
    offset_utc: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Stream times in seconds and UTC in ISO 8601, both to the millisecond."""
        values = {**super().to_dict(), "onset_utc": iso_utc(self.onset_utc)}
        if self.offset_utc is not None:
            values["offset_utc"] = iso_utc(self.offset_utc)
        return values


def iso_utc(seconds: float) -> str:
    """2026-11-23T00:14:08.123Z"""
    whole, thousandths = divmod(round(1000 * seconds), 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{thousandths:03d}Z"


class Sink:
    """Does nothing with anything; sinks override what they need. What may be slow belongs into a `QueuedSink`."""

    def heard(self, block: Block, frames: StreamFrames) -> None:
        """A block and the frames it completed, in order; often called, so quick. k may be 0."""

    def event(self, event: HeardEvent) -> None:
        """An event began or ended."""

    def lost(self, reason: str) -> None:
        """No audio comes any more; it is waited for."""

    def back(self) -> None:
        """Audio comes again."""

    def gap(self, gap: Gap, at_seconds: float) -> None:
        """Audio is missing before stream time `at_seconds`; what was heard before it is forgotten."""

    def close(self) -> None:
        """The stream is over; no more calls follow."""
