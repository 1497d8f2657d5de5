"""Deciding that something happened: scores and times in, events out. No audio, no clock, no model in here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from .metadata import ModelMetadata
from .settings import EventSettings

MEAN_DECIMALS = 9
"""Places to which a moving mean of scores is known"""


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

    A moving mean over `smoothing_seconds` rises to `on_threshold` and stays there for `minimum_seconds`: the event is
    on, its onset is where it rose. It is over once the mean was below `off_threshold` for `release_seconds`, and the
    next one waits `hold_off_seconds`.

    Args:
        labels: names of the score columns that are watched, or None for a column that is not (background).
        settings: one per column, in the same order.
        frame_seconds: time from one frame to the next.
    """

    def __init__(self, labels: Sequence[str | None], settings: Sequence[EventSettings], frame_seconds: float) -> None:
        columns = [i for i, label in enumerate(labels) if label is not None]
        self._columns = _as_slice(columns)
        self._detectors = [_ClassDetector(str(labels[i]), settings[i], frame_seconds) for i in columns]
        lowest = min((d.settings.on_threshold for d in self._detectors), default=math.inf)
        self._quiet_below = lowest - 10**-MEAN_DECIMALS
        self._frame_seconds = frame_seconds
        alike: dict[int, list[int]] = {}
        for column, detector in enumerate(self._detectors):
            alike.setdefault(detector.smoothing_frames, []).append(column)
        self._alike = [(n, _as_slice(together), together) for n, together in alike.items()]
        longest = max(alike, default=1)
        self._history = np.zeros((longest - 1, len(columns)))
        self._is_quiet = True  # nothing in the history and no class could begin or end an event

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
        watched = scores[:, self._columns].copy()
        if not watched.size:
            return []
        # A mean is never above its largest member: nothing can begin, and nothing has begun. Almost always the case,
        # and then the time counts: argmax takes half of what max does.
        if self._is_quiet and watched.item(watched.argmax()) < self._quiet_below:
            self._remember(watched)
            return []
        kept = len(self._history)
        joined = np.concatenate([self._history, watched])
        self._remember(watched)
        events: list[tuple[int, int, Event]] = []
        for n, place, columns in self._alike:
            means = moving_mean(joined[kept - n + 1 :, place], n)
            for i, (column, highest) in enumerate(zip(columns, means.max(axis=0).tolist(), strict=True)):
                detector = self._detectors[column]
                if detector.busy or highest >= detector.settings.on_threshold:  # of the others nothing changes
                    found = detector.update(means[:, i], start_seconds)
                    events += [(frame, column, event) for frame, event in found]
        busy = any(detector.busy for detector in self._detectors)
        self._is_quiet = not busy and self._history.max(initial=0.0) < self._quiet_below
        return [event for *_, event in sorted(events, key=lambda e: e[:2])]

    def _remember(self, watched: np.ndarray) -> None:
        """Keep the last frames, as many as the longest mean needs from before the next one."""
        kept = len(self._history)
        if len(watched) >= kept:
            self._history = watched[len(watched) - kept :]
        else:
            self._history = np.concatenate([self._history[len(watched) :], watched])

    def finish(self, end_seconds: float) -> list[Event]:
        """End of the stream: events that are still on end here."""
        return [event for detector in self._detectors for event in detector.finish(end_seconds)]

    def reset(self) -> None:
        """Forget the frames before a gap; events that were on should be ended with `finish` first."""
        self._history = np.zeros_like(self._history)
        self._is_quiet = True
        for detector in self._detectors:
            detector.reset()


def smoothing_frames(settings: EventSettings, frame_seconds: float) -> int:
    """Frames in the moving mean, at least 1."""
    return max(1, round(settings.smoothing_seconds / frame_seconds))


def moving_mean(values: np.ndarray, count: int) -> np.ndarray:
    """values [n, ...] -> [n - count + 1, ...], the mean of every `count` that follow each other."""
    sums = np.cumsum(np.concatenate([np.zeros((1, *values.shape[1:])), values]), axis=0)
    # Running sums carry rounding on; a score at the threshold must not depend on where it lies.
    return np.round((sums[count:] - sums[:-count]) / count, MEAN_DECIMALS)


def _as_slice(columns: list[int]) -> slice | list[int]:
    """Neighbouring columns as a slice: a view, where a list would copy at every call."""
    if columns and columns == list(range(columns[0], columns[-1] + 1)):
        return slice(columns[0], columns[-1] + 1)
    return columns


class _ClassDetector:
    """The state of one class: idle, rising (above the threshold, not yet long enough) or on."""

    def __init__(self, label: str, settings: EventSettings, frame_seconds: float) -> None:
        self.label, self.settings, self._frame_seconds = label, settings, frame_seconds
        self.smoothing_frames = smoothing_frames(settings, frame_seconds)
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
