"""One stream from blocks to events: no source, no command and no peer is known here.

block -> StreamingClassifier.feed -> EventDetector.update(scores, time) -> sinks
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from auricle_shared.events import Event, EventDetector
from auricle_shared.metadata import ModelMetadata
from auricle_shared.scorer import Scorer
from auricle_shared.stream import StreamFrames, StreamingClassifier

from .sinks import HeardEvent, Sink
from .sources import Block

if TYPE_CHECKING:
    from auricle_shared.enrolled_detector import EnrolledDetector


class Listener:
    """Carries one stream; every sink is told of everything.

    Args:
        metadata: with the event settings in force; None: the model's own.
        enrolled: looks for enrolled sounds beside the classes; None: no embedding is computed.
    """

    def __init__(
        self,
        scorer: Scorer,
        sinks: Sequence[Sink],
        metadata: ModelMetadata | None = None,
        enrolled: EnrolledDetector | None = None,
    ) -> None:
        self._classifier = StreamingClassifier(scorer, embed=enrolled is not None)
        self._enrolled = enrolled
        self._detector = EventDetector.for_model(metadata or scorer.metadata)
        self._sinks = sinks
        self._hearing = [sink.heard for sink in sinks if type(sink).heard is not Sink.heard]
        self._rate_hz = scorer.metadata.rate_hz
        self._samples = 0
        self._end_seconds, self._end_utc = 0.0, 0.0
        self._onsets_utc: dict[str, float] = {}
        self._lost = False
        self.counts: Counter[str] = Counter()

    @property
    def seconds(self) -> float:
        """How much audio was heard."""
        return self._samples / self._rate_hz

    def hear(self, block: Block) -> None:
        if block.gap is not None or self._lost:
            self._resume(block)
        self._end_utc = time.time() if block.end_utc is None else block.end_utc
        self._take(block, self._classifier.feed(block.samples))
        self._samples += len(block.samples)

    def lost(self, reason: str) -> None:
        """The source says that no audio comes."""
        self._lost = True
        for sink in self._sinks:
            sink.lost(reason)

    def end(self) -> None:
        """The stream is over: the last piece of a hop is scored, and events that are still on end here."""
        rest = self._classifier.flush()
        if len(rest.scores):
            self._take(Block(rest.scores[:0, 0], self._end_seconds), rest)
        self._end_events()

    def _take(self, block: Block, frames: StreamFrames) -> None:
        self._end_seconds = block.start_seconds + len(block.samples) / self._rate_hz
        for heard in self._hearing:
            heard(block, frames)
        if len(frames.scores):
            self._tell(self._detector.update(frames.scores, frames.start_seconds))
            if self._enrolled is not None:
                self._tell(self._enrolled.update(frames))

    def _end_events(self) -> None:
        """Events that are still on end here; what comes next is a new beginning."""
        for detector in (self._detector, self._enrolled):
            if detector is not None:
                self._tell(detector.finish(self._end_seconds))
                detector.reset()

    def _resume(self, block: Block) -> None:
        """Audio comes again. After a hole nothing is known of what was on before it."""
        if self._lost:
            self._lost = False
            for sink in self._sinks:
                sink.back()
        if block.gap is None:
            return
        self._end_events()
        self._classifier.reset(block.start_seconds)
        for sink in self._sinks:
            sink.gap(block.gap, block.start_seconds)

    def _tell(self, events: Sequence[Event]) -> None:
        for event in events:
            heard = self._with_time_of_day(event)
            if event.phase == "on":
                self.counts[event.label] += 1
            for sink in self._sinks:
                sink.event(heard)

    def _with_time_of_day(self, event: Event) -> HeardEvent:
        """By the block that is heard now; at its end, an event keeps the time that it began with."""
        if event.offset_seconds is None:
            onset_utc = self._end_utc - (self._end_seconds - event.onset_seconds)
            self._onsets_utc[event.label] = onset_utc
            return HeardEvent(**vars(event), onset_utc=onset_utc)
        onset_utc = self._onsets_utc[event.label]
        offset_utc = onset_utc + event.offset_seconds - event.onset_seconds
        return HeardEvent(**vars(event), onset_utc=onset_utc, offset_utc=offset_utc)
