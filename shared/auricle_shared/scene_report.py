"""How well events are heard on scenes, and how often something is heard where nothing is: misses against false alarms.

Two kinds of audio are counted apart, each over its own hours: scenes, in which events happen, and negatives, long
recordings in which none does. Every figure comes from the EventDetector that `auricle listen` runs.

A rate is a count over T hours. One alarm is the least that can be counted, so no rate below 1/T is measured; no alarm
at all means, with 95 % confidence, fewer than 3/T an hour (the rule of three: exp(-3) = 0.05).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .accuracy import wilson_interval
from .calibration_events import detections
from .decision import frame_scores
from .errors import DataError
from .event_scores import EARLY_SECONDS, LATE_SECONDS, EventScores, match_events
from .events import Event
from .metadata import BACKGROUND, ModelMetadata
from .scored_scenes import Progress, ScoredScene
from .settings import EventSettings
from .write_scene import SceneEvent

THRESHOLDS = (
    *(0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9),
    *(0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 0.998, 0.999),
)
"""Denser where scores crowd: about even steps of the logit"""
RULE_OF_THREE = 3.0
HIGHEST_LOGIT = 16.0
"""Where the search for a quiet threshold ends: a score of 1 - 1e-7, about the last below 1 in float32"""
SEARCH_STEPS = 16
"""Halvings of the search; it ends with logits known to 0.0003"""


@dataclass(frozen=True)
class Tally:
    """What was heard of the events of one label, or of all."""

    events: int = 0
    misses: int = 0
    nowhere: int = 0
    """heard in scenes where no event is"""
    confused: int = 0
    """heard in an event of another label"""
    repeated: int = 0
    """heard once more in an event that was already heard"""
    negatives: int = 0
    """heard in the negatives"""
    delays_seconds: tuple[float, ...] = ()
    """from an event's onset until it could be told, one for each event that was heard"""

    @property
    def in_scenes(self) -> int:
        return self.nowhere + self.confused + self.repeated

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, name) + getattr(other, name) for name in Tally.__dataclass_fields__))


@dataclass(frozen=True)
class Hours:
    """How much audio false alarms are counted over."""

    scenes: float
    negatives: float


class Listening:
    """Scenes and negatives, ready to be listened to at one threshold after another.

    Args:
        scenes: with the events that happen in them.
        negatives: without any event.
        ignored: see `listened_for`.
    """

    def __init__(
        self,
        scenes: Sequence[ScoredScene],
        negatives: Sequence[ScoredScene],
        metadata: ModelMetadata,
        ignored: Collection[str] = (),
    ) -> None:
        self.outputs = listened_for(metadata, ignored)
        self.labels = list(dict.fromkeys(self.outputs.values()))
        self.metadata = metadata
        self.hours = Hours(*(sum(s.seconds for s in some) / 3600 for some in (scenes, negatives)))
        self._scenes = [self._told(scene) for scene in scenes]
        self._scores = [self._columns(scene) for scene in scenes]
        self._quiet = [self._columns(scene) for scene in negatives]
        self._frame_seconds = metadata.hop_samples / metadata.rate_hz

    def _told(self, scene: ScoredScene) -> list[SceneEvent]:
        """What happens, in labels as they are reported."""
        told = [replace(e, label=self.metadata.report_as.get(e.label, e.label)) for e in scene.truth]
        return [e for e in told if e.label in self.labels]

    def _columns(self, scene: ScoredScene) -> dict[str, np.ndarray]:
        scores = frame_scores(scene.logits, self.metadata.activation, self.metadata.temperature)
        return {label: np.ascontiguousarray(scores[:, self.metadata.labels.index(label)]) for label in self.outputs}

    def shipped(self) -> dict[str, EventSettings]:
        """The model's own settings, by output label."""
        return {label: self.metadata.event_settings(label) for label in self.outputs}

    def tallies(self, settings: Mapping[str, EventSettings]) -> dict[str, Tally]:
        """One for every reported label, with these settings by output label."""
        return {label: self._tally(label, settings) for label in self.labels}

    def _tally(self, label: str, settings: Mapping[str, EventSettings]) -> Tally:
        own = {output: settings[output] for output, told in self.outputs.items() if told == label}
        total = Tally(negatives=sum(len(self._heard(scores, label, own)) for scores in self._quiet))
        for truth, scores in zip(self._scenes, self._scores, strict=True):
            heard = self._heard(scores, label, own)
            result = match_events([e for e in truth if e.label == label], [event for event, _ in heard])
            told_seconds = dict(heard)
            delays = tuple(told_seconds[event] - happened.onset_seconds for happened, event in result.hits)
            confused, repeated = _where(result, truth, label)
            nowhere = len(result.false) - confused - repeated
            total += Tally(result.events, len(result.missed), nowhere, confused, repeated, 0, delays)
        return total

    def _heard(
        self, scores: Mapping[str, np.ndarray], label: str, settings: Mapping[str, EventSettings]
    ) -> list[tuple[Event, float]]:
        """Detections of a reported label, each with the time at which it could be told."""
        found = []
        for output, own in settings.items():
            for event in detections(scores[output], output, own, self._frame_seconds):
                told_seconds = event.onset_seconds + certain_seconds(own, self._frame_seconds)
                found.append((replace(event, label=label), told_seconds))
        return found

    def lowest_quiet(self) -> dict[str, float | None]:
        """By output label, the lowest on-threshold without an alarm in the negatives; None if even 1.0 has one.

        Without an alarm at a threshold there is none at a higher one: a score that never stays above the lower for long
        enough never stays above the higher either. So halving finds it.
        """
        return {label: self._lowest_quiet(label) for label in self.outputs}

    def _lowest_quiet(self, label: str) -> float | None:
        def is_quiet(logit: float) -> bool:
            settings = at_threshold(self.metadata.event_settings(label), _score(logit))
            return not any(detections(scores[label], label, settings, self._frame_seconds) for scores in self._quiet)

        low, high = _logit(THRESHOLDS[0]), HIGHEST_LOGIT
        if is_quiet(low):
            return THRESHOLDS[0]
        if not is_quiet(high):
            return None
        for _ in range(SEARCH_STEPS):
            middle = 0.5 * (low + high)
            low, high = (low, middle) if is_quiet(middle) else (middle, high)
        return min(1.0, math.ceil(_score(high) * 1e7) / 1e7)


def listened_for(metadata: ModelMetadata, ignored: Collection[str] = ()) -> dict[str, str]:
    """Output label -> label in reports, of all outputs that mean an event.

    Args:
        ignored: labels of outputs or reports that are no events: neither wanted nor counted. What is reported as
            background is none either.

    Raises:
        DataError: a label to ignore that the model does not have, or nothing left to listen for.
    """
    outputs = {label: metadata.report_as.get(label, label) for label in metadata.event_labels}
    unknown = sorted(set(ignored) - set(outputs) - set(outputs.values()))
    if unknown:
        raise DataError(f"The model has no label {', '.join(unknown)} to ignore; it has {', '.join(outputs)}.")
    without = {*ignored, BACKGROUND}
    left = {label: told for label, told in outputs.items() if label not in without and told not in without}
    if not left:
        raise DataError("No label is left to listen for: all of them are ignored.")
    return left


def certain_seconds(settings: EventSettings, frame_seconds: float) -> float:
    """From an event's onset as the detector gives it until it is told: the frames of minimum_seconds, at least one."""
    return max(1, math.ceil((settings.minimum_seconds - 1e-6) / frame_seconds)) * frame_seconds


def at_threshold(settings: EventSettings, on_threshold: float) -> EventSettings:
    """The same with another on_threshold, off_threshold in proportion."""
    share = settings.off_threshold / settings.on_threshold
    return replace(settings, on_threshold=on_threshold, off_threshold=min(on_threshold, share * on_threshold))


def _where(result: EventScores, truth: Sequence[SceneEvent], label: str) -> tuple[int, int]:
    """False detections inside events of other labels, and those inside events of their own."""
    begins = np.array([e.onset_seconds - EARLY_SECONDS for e in truth])
    ends = np.array([e.offset_seconds + LATE_SECONDS for e in truth])
    same = np.array([e.label == label for e in truth], bool)
    confused = repeated = 0
    for event in result.false:
        inside = (begins <= event.onset_seconds) & (event.onset_seconds <= ends)
        if (inside & same).any():
            repeated += 1
        elif inside.any():
            confused += 1
    return confused, repeated


def _score(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def _logit(score: float) -> float:
    return math.log(score / (1 - score))


def scene_report(
    listening: Listening, thresholds: Sequence[float] = THRESHOLDS, progress: Progress | None = None
) -> dict[str, Any]:
    """The figures, in plain types.

    Keys: labels; hours of scenes and negatives; `shipped`: the model's own settings; `curve`: one threshold for all
    classes after another, from low to high, the other settings the model's own; `quiet`: the lowest threshold without
    an alarm in all the negatives (None without negatives or where there is no such threshold).
    """
    own = listening.shipped()
    curve = []
    for threshold in sorted(thresholds):
        settings = {label: at_threshold(values, threshold) for label, values in own.items()}
        curve.append({"threshold": threshold, **_figures(listening, settings)})
        if progress:
            progress(len(curve), len(thresholds))
    thresholds_of = {label: values.on_threshold for label, values in own.items()}
    return {
        "labels": listening.labels,
        "hours_of_scenes": listening.hours.scenes,
        "hours_of_negatives": listening.hours.negatives,
        "shipped": {"on_thresholds": thresholds_of, **_figures(listening, own)},
        "curve": curve,
        "quiet": _quiet(listening) if listening.hours.negatives else None,
    }


def _quiet(listening: Listening) -> dict[str, Any] | None:
    own, lowest = listening.shipped(), listening.lowest_quiet()
    known = [value for value in lowest.values() if value is not None]
    if len(known) < len(lowest):
        return None
    settings = {label: at_threshold(values, max(known)) for label, values in own.items()}
    return {"threshold": max(known), "of_each_output": lowest, **_figures(listening, settings)}


def _figures(listening: Listening, settings: Mapping[str, EventSettings]) -> dict[str, Any]:
    tallies = listening.tallies(settings)
    total = sum(tallies.values(), Tally())
    return {
        "overall": tally_report(total, listening.hours),
        "per_class": {label: tally_report(tally, listening.hours) for label, tally in tallies.items()},
    }


def tally_report(tally: Tally, hours: Hours) -> dict[str, Any]:
    """Counts, and what may be said from them: shares with their interval, no rate finer than an alarm in all hours."""
    return {
        "events": tally.events,
        "misses": tally.misses,
        "miss_share": tally.misses / tally.events if tally.events else None,
        "miss_share_interval_95": list(wilson_interval(tally.misses, tally.events)),
        "false_alarms_in_scenes": {
            **rate(tally.in_scenes, hours.scenes),
            "where_nothing_happens": tally.nowhere,
            "in_events_of_others": tally.confused,
            "heard_again": tally.repeated,
        },
        "false_alarms_in_negatives": rate(tally.negatives, hours.negatives) if hours.negatives else None,
        "seconds_to_detect": quantiles(tally.delays_seconds),
    }


def rate(alarms: int, hours: float) -> dict[str, Any]:
    """Alarms an hour; of none, `an_hour` is None and `below_an_hour` the bound that 95 % confidence allows."""
    return {
        "alarms": alarms,
        "hours": hours,
        "an_hour": alarms / hours if alarms else None,
        "below_an_hour": None if alarms or not hours else RULE_OF_THREE / hours,
    }


def quantiles(delays_seconds: Iterable[float]) -> dict[str, float] | None:
    """Median and 95 % quantile; None of nothing."""
    values = list(delays_seconds)
    if not values:
        return None
    p50, p95 = np.quantile(values, [0.5, 0.95]).tolist()
    return {"p50": p50, "p95": p95}
