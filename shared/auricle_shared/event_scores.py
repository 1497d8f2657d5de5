"""Comparing events that were heard with events that happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .events import Event
from .write_scene import SceneEvent

EARLY_SECONDS, LATE_SECONDS = 0.5, 1.0
"""How far outside of a true event its detection may begin."""


@dataclass(frozen=True)
class EventScores:
    hits: list[tuple[SceneEvent, Event]]
    missed: list[SceneEvent]
    false: list[Event]

    @property
    def events(self) -> int:
        return len(self.hits) + len(self.missed)

    @property
    def found_share(self) -> float:
        return len(self.hits) / self.events if self.events else 1.0

    def confused(self, a: str, b: str) -> int:
        """False events of one of two labels that lie inside a true event of the other."""
        true = [e for e, _ in self.hits] + self.missed
        pairs = {(a, b), (b, a)}
        return sum(any((f.label, t.label) in pairs and begins_in(f, t) for t in true) for f in self.false)


def match_events(truth: Sequence[SceneEvent], heard: Sequence[Event]) -> EventScores:
    """Pair every true event with the first detection of its label that begins while it lasts; the rest are false.

    A second detection inside the same event is false too: one alarm is one event.

    Args:
        heard: events of phase 'on'.
    """
    left = sorted(heard, key=lambda e: e.onset_seconds)
    hits, missed = [], []
    for event in sorted(truth, key=lambda e: e.onset_seconds):
        found = next((h for h in left if h.label == event.label and begins_in(h, event)), None)
        if found is None:
            missed.append(event)
        else:
            hits.append((event, found))
            left.remove(found)
    return EventScores(hits, missed, left)


def begins_in(heard: Event, event: SceneEvent) -> bool:
    """Whether a detection begins while the event lasts, or nearly."""
    return event.onset_seconds - EARLY_SECONDS <= heard.onset_seconds <= event.offset_seconds + LATE_SECONDS
