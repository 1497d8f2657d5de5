"""Where results go. A sink takes what it wants of scores and events; one file a sink."""

from __future__ import annotations

from auricle_shared.events import Event
from auricle_shared.stream import StreamFrames

from ..sources import Block


class Sink:
    """Does nothing with anything; sinks override what they need."""

    def heard(self, block: Block, frames: StreamFrames) -> None:
        """A block and the frames it completed, in order; often called, so quick. k may be 0."""

    def event(self, event: Event) -> None:
        """An event began or ended."""

    def close(self) -> None:
        """The stream is over; no more calls follow."""
