"""Why there is an event, and why there is none: once a second, each class's smoothed score beside its threshold.

12.00 s  -34 dB  smoke_alarm 0.97 of 0.50 on   doorbell 0.03 of 0.72
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from auricle_shared.events import moving_mean, smoothing_frames
from auricle_shared.metadata import ModelMetadata
from auricle_shared.stream import StreamFrames

from ..sources import Block, Gap
from . import HeardEvent, Sink
from .writer import Writer

LINE_SECONDS = 1.0
QUIETEST_DB = -99.0


class Explain(Sink):
    """Writes the settings in force, then a line a second with the highest of that second.

    Args:
        metadata: with the event settings that are in force.
        origins: label -> where its settings come from, in words.
    """

    def __init__(self, writer: Writer, metadata: ModelMetadata, origins: Mapping[str, str]) -> None:
        self._writer, self._rate_hz = writer, metadata.rate_hz
        frame_seconds = metadata.hop_samples / metadata.rate_hz
        self._classes = [
            _Watched(label, metadata.labels.index(label), metadata.event_settings(label).on_threshold,
                     smoothing_frames(metadata.event_settings(label), frame_seconds))
            for label in metadata.event_labels
        ]  # fmt: skip
        self._peak, self._next_line_seconds = 0.0, LINE_SECONDS
        self._writer.write(settings_table(metadata, origins))

    def heard(self, block: Block, frames: StreamFrames) -> None:
        if len(block.samples):
            self._peak = max(self._peak, float(np.abs(block.samples).max()))
        if not len(frames.scores):
            return
        for watched in self._classes:
            watched.take(frames.scores)
        if block.start_seconds + len(block.samples) / self._rate_hz >= self._next_line_seconds:
            self._write_line()

    def event(self, event: HeardEvent) -> None:
        for watched in self._classes:
            if watched.label == event.label:
                watched.is_on = event.phase == "on"

    def gap(self, gap: Gap, at_seconds: float) -> None:
        self._next_line_seconds = math.floor(at_seconds) + LINE_SECONDS
        for watched in self._classes:
            watched.forget()

    def close(self) -> None:
        self._writer.close()

    def _write_line(self) -> None:
        level_db = max(QUIETEST_DB, 20 * math.log10(max(self._peak, 1e-9)))
        scores = "   ".join(watched.told() for watched in self._classes)
        self._writer.write(f"{self._next_line_seconds:8.2f} s  {level_db:3.0f} dB  {scores}\n")
        self._peak = 0.0
        self._next_line_seconds += LINE_SECONDS


class _Watched:
    """One class: the same moving mean as the event detector's, and its highest since the line before."""

    def __init__(self, label: str, column: int, threshold: float, smoothing: int) -> None:
        self.label, self.is_on = label, False
        self._column, self._threshold, self._smoothing = column, threshold, smoothing
        self._highest = 0.0
        self.forget()

    def forget(self) -> None:
        self._history = np.zeros(self._smoothing - 1)

    def take(self, scores: np.ndarray) -> None:
        joined = np.concatenate([self._history, scores[:, self._column]])
        self._history = joined[len(joined) - self._smoothing + 1 :]
        self._highest = max(self._highest, float(moving_mean(joined, self._smoothing).max()))

    def told(self) -> str:
        text = f"{self.label} {self._highest:.2f} of {self._threshold:.2f}{' on' if self.is_on else ''}"
        self._highest = 0.0
        return text


def settings_table(metadata: ModelMetadata, origins: Mapping[str, str]) -> str:
    """The event settings in force, a row a class."""
    names = ("on", "off", "smoothing", "minimum", "release", "hold-off")
    width = max(5, *(len(label) for label in metadata.event_labels))
    lines = [f"{'sound':{width}}  " + "".join(f"{name:>10}" for name in names) + "  from"]
    for label in metadata.event_labels:
        s = metadata.event_settings(label)
        row = f"{s.on_threshold:10.3f}{s.off_threshold:10.3f}" + "".join(
            f"{seconds:8.2f} s"
            for seconds in (s.smoothing_seconds, s.minimum_seconds, s.release_seconds, s.hold_off_seconds)
        )
        lines.append(f"{label:{width}}  {row}  {origins[label]}")
    return "\n".join(lines) + "\n"
