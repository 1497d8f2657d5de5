"""Thresholds fitted to a wanted rate of false alarms, on calibration scenes and recordings without events.

Candidates are judged by the EventDetector itself. A false alarm is an event that begins where nothing happens; their
rate counts over the hours in which nothing happens, so that it does not depend on how densely a scene is set. An event
of another class in its place, or a second one, is a mistake about what happened and counts like a miss.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .decision import frame_scores
from .event_scores import EARLY_SECONDS, LATE_SECONDS, match_events
from .events import Event, EventDetector
from .metadata import ModelMetadata
from .settings import EventSettings

if TYPE_CHECKING:
    from .scored_scenes import ScoredScene

MINIMUM_EVENTS = 20
"""Fewer events of a class say too little about its misses: 0 of 20 missed still allows 15 % (rule of three)."""
MINIMUM_NEGATIVE_SECONDS = 600.0
SMOOTHING_SECONDS = (0.04, 0.08, 0.16, 0.32)
ON_THRESHOLDS = (0.998, 0.995, 0.99, 0.98, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
"""Denser where scores crowd: about even steps of the logit"""
MINIMUM_SECONDS = (0.0, 0.1, 0.2)
FAR_TOO_MANY = 10
"""So many more false alarms than twice those allowed end the search for lower thresholds: they would only be more."""
HOLD_OFF_SECONDS = (0.0, 0.25, 0.5, 1.0)
OFF_SHARE = 0.6
"""off_threshold over on_threshold, as in the default settings (0.3 of 0.5)"""


@dataclass(frozen=True)
class Counted:
    """What one class's settings do on the calibration audio."""

    events: int
    misses: int
    confused: int
    """heard inside an event of another label"""
    repeated: int
    """heard a second time inside an event of its own"""
    false_alarms: int
    """heard where nothing happens"""

    @property
    def mistakes(self) -> int:
        return self.misses + self.confused + self.repeated


@dataclass(frozen=True)
class FittedEvents:
    settings: EventSettings
    before: Counted
    """with the settings that the model had"""
    after: Counted
    defaults: str = ""
    """why the settings that the model had are kept; empty where they were fitted"""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class _Listened:
    """One class's scores in one scene."""

    label: str
    scores: np.ndarray
    """[F]"""
    frame_seconds: float
    truth: list[Any]
    begins: np.ndarray
    """of all events, with the margin in which a detection still belongs to them"""
    ends: np.ndarray
    same: np.ndarray
    """bool: events that are reported under the same label"""


def quiet_seconds(scenes: Sequence[ScoredScene]) -> float:
    """Time in which a detection would be a false alarm: outside of all events and their margins."""
    total = 0.0
    for scene in scenes:
        total += scene.seconds
        end = 0.0
        for event in sorted(scene.truth, key=lambda e: e.onset_seconds):
            first = max(end, event.onset_seconds - EARLY_SECONDS)
            last = min(scene.seconds, event.offset_seconds + LATE_SECONDS)
            total -= max(0.0, last - first)
            end = max(end, last)
    return total


def fit_events(
    scenes: Sequence[ScoredScene],
    negatives: Sequence[ScoredScene],
    metadata: ModelMetadata,
    target_false_alarms_per_hour: float,
    clips: Mapping[str, int] | None = None,
    keep: Collection[str] = (),
) -> dict[str, FittedEvents]:
    """Event settings per label, at the metadata's temperature: the fewest mistakes at the target rate of false alarms.

    The rate is that of all fitted classes together: allowed false alarms are spent where they save most mistakes. Where
    even the strictest settings do not keep a class quiet, the class gets those with the fewest false alarms. Of equals,
    the middle of the longest run of equal thresholds is taken: counts from a few dozen events move with the next
    recordings, and a threshold on the edge of what just works would be the first to fail.

    Args:
        scenes: with events; negatives: without.
        clips: distinct recordings behind the scenes' events, per label: playing 2 clips 30 times shows no more than 2.
        keep: labels that are not looked at.

    Returns:
        For every other event label. Those with fewer than MINIMUM_EVENTS events, and all with negatives shorter
        than MINIMUM_NEGATIVE_SECONDS, keep the metadata's settings, and `defaults` says why.
    """
    everything = [*scenes, *negatives]
    allowed = int(target_false_alarms_per_hour * quiet_seconds(everything) / 3600 + 1e-9)
    scored = [frame_scores(s.logits, metadata.activation, metadata.temperature) for s in everything]
    fitted: dict[str, FittedEvents] = {}
    ladders: dict[str, list[tuple[EventSettings, Counted]]] = {}
    audio: dict[str, list[_Listened]] = {}
    for label in (name for name in metadata.event_labels if name not in keep):
        listened = [_listen(label, scene, scores, metadata) for scene, scores in zip(everything, scored, strict=True)]
        own = metadata.event_settings(label)
        before = count(listened, own)
        too_few = _too_few(label, before.events, negatives, clips)
        fitted[label] = FittedEvents(own, before, before, too_few)
        if not too_few:
            ladders[label], audio[label] = _ladder(listened, own, allowed), listened
    for label, step in _spend(ladders, allowed).items():
        settings, after = _hold_off(audio[label], *ladders[label][step])
        fitted[label] = FittedEvents(settings, fitted[label].before, after)
    return fitted


def _too_few(label: str, events: int, negatives: Sequence[ScoredScene], clips: Mapping[str, int] | None) -> str:
    if clips is not None and clips.get(label, 0) < MINIMUM_EVENTS:
        return f"{clips.get(label, 0)} validation clips; {MINIMUM_EVENTS} are needed"
    if events < MINIMUM_EVENTS:
        return f"{events} events in the calibration scenes; {MINIMUM_EVENTS} are needed"
    seconds = sum(n.seconds for n in negatives)
    if seconds < MINIMUM_NEGATIVE_SECONDS:
        return f"{seconds / 60:.1f} minutes of negatives; {MINIMUM_NEGATIVE_SECONDS / 60:.0f} are needed"
    return ""


def _listen(label: str, scene: ScoredScene, scores: np.ndarray, metadata: ModelMetadata) -> _Listened:
    reported = metadata.report_as.get(label, label)
    return _Listened(
        label,
        scores[:, metadata.labels.index(label)],
        scene.frame_seconds,
        [e for e in scene.truth if e.label == label],
        np.array([e.onset_seconds - EARLY_SECONDS for e in scene.truth]),
        np.array([e.offset_seconds + LATE_SECONDS for e in scene.truth]),
        np.array([metadata.report_as.get(e.label, e.label) == reported for e in scene.truth], bool),
    )


def count(listened: Sequence[_Listened], settings: EventSettings) -> Counted:
    events = misses = confused = repeated = false_alarms = 0
    for one in listened:
        result = match_events(one.truth, detections(one.scores, one.label, settings, one.frame_seconds))
        events, misses = events + result.events, misses + len(result.missed)
        for heard in result.false:
            inside = (one.begins <= heard.onset_seconds) & (heard.onset_seconds <= one.ends)
            if not inside.any():
                false_alarms += 1
            elif (inside & one.same).any():
                repeated += 1
            else:
                confused += 1
    return Counted(events, misses, confused, repeated, false_alarms)


def detections(scores: np.ndarray, label: str, settings: EventSettings, frame_seconds: float) -> list[Event]:
    """Events (phase 'on') that the EventDetector hears in one class's scores [F].

    Only passages in which it can hear anything are given to it; it starts and ends each of them idle, so it hears there
    what it would hear in the whole.
    """
    detector = EventDetector([label], [settings], frame_seconds)
    heard: list[Event] = []
    for first, last in _passages(scores, settings, frame_seconds):
        heard += detector.update(scores[first:last, None], first * frame_seconds)
    return [event for event in heard if event.phase == "on"]


def _passages(scores: np.ndarray, settings: EventSettings, frame_seconds: float) -> Iterator[tuple[int, int]]:
    """Frames around scores that reach off_threshold: a mean's length before, and after them that and the release."""
    loud = np.flatnonzero(scores >= settings.off_threshold - 1e-6)
    if not len(loud):
        return
    before = round(settings.smoothing_seconds / frame_seconds) + 1
    after = before + int(settings.release_seconds / frame_seconds) + 2
    breaks = np.flatnonzero(np.diff(loud) > before + after) + 1
    for part in np.split(loud, breaks):
        if scores[part].max() >= settings.on_threshold - 1e-6:
            yield max(0, int(part[0]) - before), min(len(scores), int(part[-1]) + 1 + after)


def _ladder(listened: Sequence[_Listened], own: EventSettings, allowed: int) -> list[tuple[EventSettings, Counted]]:
    """The best settings for as few false alarms of this class as can be, for one more, and so on."""
    smoothing = sorted({*SMOOTHING_SECONDS, own.smoothing_seconds})
    candidates = [
        replace(own, smoothing_seconds=s, minimum_seconds=minimum) for s in smoothing for minimum in MINIMUM_SECONDS
    ]
    rows = [_row(listened, candidate, 2 * allowed + FAR_TOO_MANY) for candidate in candidates]
    counts = [counted for row in rows for _, counted in row]
    least = min(counted.false_alarms for counted in counts)
    rungs = []
    for limit in range(least, least + allowed + 1):
        rungs.append(_best(rows, limit))
        if rungs[-1][1].mistakes == min(counted.mistakes for counted in counts):
            break  # more false alarms save nothing
    return rungs


def _row(
    listened: Sequence[_Listened], candidate: EventSettings, most_false_alarms: int
) -> list[tuple[EventSettings, Counted]]:
    """The candidate at falling thresholds: the low ones, whose many events take long to count, are seldom reached."""
    row = []
    for on in ON_THRESHOLDS:
        settings = replace(candidate, on_threshold=on, off_threshold=round(OFF_SHARE * on, 4))
        row.append((settings, count(listened, settings)))
        if row[-1][1].false_alarms > most_false_alarms:
            break
    return row


def _best(rows: Sequence[Sequence[tuple[EventSettings, Counted]]], limit: int) -> tuple[EventSettings, Counted]:
    """The fewest mistakes within the limit; of equals the middle of the longest run, then the quickest to tell."""
    fewest = min(c.mistakes for row in rows for _, c in row if c.false_alarms <= limit)
    best: tuple[int, tuple[EventSettings, Counted]] | None = None
    for row in rows:
        run: list[tuple[EventSettings, Counted]] = []
        for entry in [*row, None]:
            if entry is not None and entry[1].false_alarms <= limit and entry[1].mistakes == fewest:
                run.append(entry)
                continue
            if run and (best is None or len(run) > best[0]):
                best = len(run), run[len(run) // 2]
            run = []
    assert best is not None
    return best[1]


def _spend(ladders: Mapping[str, Sequence[tuple[EventSettings, Counted]]], allowed: int) -> dict[str, int]:
    """Which rung every class stands on: the fewest mistakes of all with `allowed` false alarms together."""
    # best[n]: mistakes of the classes so far with n false alarms, and their rungs; a knapsack.
    best: dict[int, tuple[int, dict[str, int]]] = {0: (0, {})}
    for label, rungs in ladders.items():
        least = min(counted.false_alarms for _, counted in rungs)
        after: dict[int, tuple[int, dict[str, int]]] = {}
        for spent, (mistakes, chosen) in best.items():
            for step, (_, counted) in enumerate(rungs):
                # What a class cannot avoid is not taken from the others.
                total = spent + counted.false_alarms - least
                option = mistakes + counted.mistakes, {**chosen, label: step}
                if total <= allowed and (total not in after or option[0] < after[total][0]):
                    after[total] = option
        best = after
    return min(best.items(), key=lambda item: (item[1][0], item[0]))[1][1]


def _hold_off(
    listened: Sequence[_Listened], settings: EventSettings, counted: Counted
) -> tuple[EventSettings, Counted]:
    """A pause after an event, the shortest that saves most, only where events were told twice."""
    if not counted.repeated:
        return settings, counted
    options = [replace(settings, hold_off_seconds=s) for s in {*HOLD_OFF_SECONDS, settings.hold_off_seconds}]
    tried = [(option, count(listened, option)) for option in options]
    within = [entry for entry in tried if entry[1].false_alarms <= counted.false_alarms]
    return min(within, key=lambda entry: (entry[1].mistakes, entry[0].hold_off_seconds))
