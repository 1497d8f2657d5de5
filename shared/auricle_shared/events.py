"""Deciding that something happened: scores and times in, events out. No audio, no clock, no model in here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from .metadata import ModelMetadata
from .settings import EventSettings


@dataclass(frozen=True)
class Event:
    phase: Literal["on", "off"]
    """'on' as soon as the event is certain, 'off' when it is over"""
    label: str
    onset_seconds: float
    """stream time at which the score rose"""
    score: float
    """highest smoothed score so far, 0 to 1"""
    offset_seconds: float | None = None
    """stream time of the last frame above off_threshold; only with phase 'off'"""

    def to_dict(self) -> dict[str, Any]:
        values: dict[str, Any] = {
            "phase": self.phase,
            "label": self.label,
            "onset_seconds": round(self.onset_seconds, 3),
            "score": round(self.score, 4),
        }
        if self.offset_seconds is not None:
            values["offset_seconds"] = round(self.offset_seconds, 3)
        return values


class EventDetector:
    """Turns frame scores into events, class by class.

    A moving mean over `smoothing_seconds` rises to `on_threshold` and stays there for `minimum_seconds`: the event is on,
    its onset is where it rose. It is over once the mean was below `off_threshold` for `release_seconds`, and the next
    one waits `hold_off_seconds`.

    Args:
        labels: names of the score columns that are watched, or None for a column that is not (background).
        settings: one per column, in the same order.
        frame_seconds: time from one frame to the next.
    """

    def __init__(
        self, labels: Sequence[str | None], settings: Sequence[EventSettings], frame_seconds: float
    ) -> None:
        self._columns = [i for i, label in enumerate(labels) if label is not None]
        self._detectors = [
            _ClassDetector(str(labels[i]), settings[i], frame_seconds) for i in self._columns
        ]
        self._quiet_below = min((d.settings.on_threshold for d in self._detectors), default=math.inf)
        self._frame_seconds = frame_seconds
        longest = max((d.smoothing_frames for d in self._detectors), default=1)
        self._history = np.zeros((longest - 1, len(self._columns)))

    @classmethod
    def for_model(cls, metadata: ModelMetadata) -> EventDetector:
        watched = set(metadata.event_labels)
        return cls(
            [label if label in watched else None for label in metadata.labels],
            [metadata.event_settings(label) for label in metadata.labels],
            metadata.hop_samples / metadata.rate_hz,
        )

    def update(self, scores: np.ndarray, start_seconds: float) -> list[Event]:
        """Take the next frames.

        Args:
            scores: [k, C] probabilities of k frames that follow the last ones.
            start_seconds: stream time at which the first of them begins.

        Returns:
            Events in the order they became certain.
        """
        watched = scores[:, self._columns]
        kept = len(self._history)
        joined = np.concatenate([self._history, watched])
        self._history = joined[len(joined) - kept :]
        # A mean is never above its largest member: nothing can begin, and nothing has begun.
        if joined.max(initial=0.0) < self._quiet_below and not any(d.busy for d in self._detectors):
            return []
        events: list[tuple[int, Event]] = []
        for column, detector in enumerate(self._detectors):
            n = detector.smoothing_frames
            sums = np.cumsum(np.concatenate([[0.0], joined[kept - n + 1 :, column]]))
            events += detector.update((sums[n:] - sums[:-n]) / n, start_seconds)
        return [event for _, event in sorted(events, key=lambda e: e[0])]

    def finish(self, end_seconds: float) -> list[Event]:
        """End of the stream: events that are still on end here."""
        return [event for detector in self._detectors for event in detector.finish(end_seconds)]

    def reset(self) -> None:
        """Forget the frames before a gap; events that were on should be ended with `finish` first."""
        self._history[:] = 0.0
        for detector in self._detectors:
            detector.reset()


class _ClassDetector:
    """The state of one class: idle, rising (above the threshold, not yet long enough) or on."""

    def __init__(self, label: str, settings: EventSettings, frame_seconds: float) -> None:
        self.label, self.settings, self._frame_seconds = label, settings, frame_seconds
        self.smoothing_frames = max(1, round(settings.smoothing_seconds / frame_seconds))
        self._ready_seconds = -math.inf
        self.reset()

    def reset(self) -> None:
        self._on = False
        self._onset_seconds: float | None = None
        self._last_above_seconds = 0.0
        self._peak = 0.0

    @property
    def busy(self) -> bool:
        return self._onset_seconds is not None

    def update(self, means: np.ndarray, start_seconds: float) -> list[tuple[int, Event]]:
        events = []
        settings, tolerance = self.settings, 1e-6
        for i, score in enumerate(means.tolist()):
            begin = start_seconds + i * self._frame_seconds
            end = begin + self._frame_seconds
            if self._onset_seconds is None:
                if score < settings.on_threshold or begin < self._ready_seconds - tolerance:
                    continue
                self._onset_seconds, self._peak = begin, score
            self._peak = max(self._peak, score)
            if not self._on:
                if score < settings.on_threshold:
                    self.reset()
                elif end - self._onset_seconds >= settings.minimum_seconds - tolerance:
                    self._on = True
                    self._last_above_seconds = end
                    events.append((i, Event("on", self.label, self._onset_seconds, self._peak)))
            elif score >= settings.off_threshold:
                self._last_above_seconds = end
            elif end - self._last_above_seconds >= settings.release_seconds - tolerance:
                events.append((i, self._end()))
        return events

    def finish(self, end_seconds: float) -> list[Event]:
        if not self._on:
            self.reset()
            return []
        self._last_above_seconds = min(self._last_above_seconds, end_seconds)
        return [self._end()]

    def _end(self) -> Event:
        assert self._onset_seconds is not None
        event = Event("off", self.label, self._onset_seconds, self._peak, self._last_above_seconds)
        self._ready_seconds = self._last_above_seconds + self.settings.hold_off_seconds
        self.reset()
        return event
