"""What almost was an event, as WAV files: the sounds that a model missed are found among them.

scores -> EventDetector with lower thresholds -> over, and no event of the class in it -> SavedClips
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from auricle_shared.events import Event, EventDetector
from auricle_shared.metadata import ModelMetadata
from auricle_shared.settings import EventSettings
from auricle_shared.stream import StreamFrames

from ..sources import Block, Gap
from . import HeardEvent, Sink
from .clips import SavedClips

FOLDER = "near-misses"
"""Inside the folder of the clips, with bounds of its own: they never push out what was an event."""

MOST_ONSETS = 256
"""Remembered of the latest events, of all classes"""


class NearMisses(Sink):
    """Keeps the sound around scores that came near a threshold and did not reach it.

    Args:
        clips: where they go.
        metadata: with the event settings in force.
        share: of a class's on_threshold, 0 to 1: reaching it is near.
    """

    def __init__(self, clips: SavedClips, metadata: ModelMetadata, share: float) -> None:
        self._clips, self._rate_hz = clips, metadata.rate_hz
        near = {label: _lowered(metadata, label, share) for label in metadata.labels}
        self._detector = EventDetector.for_model(replace(metadata, events=near))
        self._onsets: deque[tuple[str, float]] = deque(maxlen=MOST_ONSETS)
        self._over: list[HeardEvent] = []
        self._end_seconds, self._end_utc = 0.0, 0.0

    def heard(self, block: Block, frames: StreamFrames) -> None:
        self._decide()  # one block late: events of the block itself are told after it was heard
        self._clips.heard(block, frames)
        self._end_seconds = block.start_seconds + len(block.samples) / self._rate_hz
        self._end_utc = time.time() if block.end_utc is None else block.end_utc
        if len(frames.scores):
            self._take(self._detector.update(frames.scores, frames.start_seconds))

    def event(self, event: HeardEvent) -> None:
        if event.phase == "on":
            self._onsets.append((event.label, event.onset_seconds))

    def gap(self, gap: Gap, at_seconds: float) -> None:
        self._end()
        self._detector.reset()
        self._clips.gap(gap, at_seconds)

    def close(self) -> None:
        self._end()
        self._clips.close()

    def _take(self, events: Sequence[Event]) -> None:
        """Those that are over wait until it is known whether the class had an event in them."""
        for event in events:
            if event.phase == "off":
                onset_utc = self._end_utc - (self._end_seconds - event.onset_seconds)
                self._over.append(HeardEvent(**vars(event), onset_utc=onset_utc))

    def _decide(self) -> None:
        """The lower thresholds hold as long as the real ones, and longer: a real event lies inside."""
        for event in self._over:
            over = event.offset_seconds or event.onset_seconds
            if not any(label == event.label and event.onset_seconds <= at <= over for label, at in self._onsets):
                self._clips.event(replace(event, phase="on", offset_seconds=None))
                self._clips.event(event)
        self._over = []

    def _end(self) -> None:
        self._take(self._detector.finish(self._end_seconds))
        self._decide()


def _lowered(metadata: ModelMetadata, label: str, share: float) -> EventSettings:
    settings = metadata.event_settings(label)
    return replace(settings, on_threshold=share * settings.on_threshold, off_threshold=share * settings.off_threshold)
