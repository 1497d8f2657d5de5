"""Misses and false alarms over the threshold: counted again the slow way, and laws of thresholds and rates."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auricle_shared.decision import frame_scores
from auricle_shared.errors import DataError
from auricle_shared.event_scores import match_events
from auricle_shared.events import EventDetector
from auricle_shared.metadata import BACKGROUND, ModelMetadata
from auricle_shared.scene_report import (
    THRESHOLDS,
    Hours,
    Listening,
    Tally,
    at_threshold,
    certain_seconds,
    rate,
    scene_report,
    tally_report,
)
from auricle_shared.scene_text import as_text
from auricle_shared.scored_scenes import ScoredScene
from auricle_shared.settings import EventSettings, SpectrogramSettings
from auricle_shared.write_scene import SceneEvent

HOP_SECONDS = 0.02
SPECTROGRAM = SpectrogramSettings(hop_seconds=HOP_SECONDS)
METADATA = ModelMetadata((BACKGROUND, "a", "b"), "softmax", SPECTROGRAM, 1)
OWN = {"a": EventSettings(0.6, 0.3, 0.1, 0.06), "b": EventSettings(0.4, 0.2, 0.04, 0.0, 0.1, 0.5)}
TUNED = replace(METADATA, events=OWN, temperature=1.5)


def random_scene(seed: int, seconds: float = 120.0, events: bool = True) -> ScoredScene:
    """Bursts of random height and class, half of them where an event of some class is."""
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 0.5, (round(seconds / HOP_SECONDS), 3)).astype(np.float32)
    z[:, 0] += 5
    truth, at = [], 1.0
    while at < seconds - 3:
        length = float(rng.uniform(0.2, 1.0))
        first = round((at + rng.uniform(-0.1, 0.3)) / HOP_SECONDS)
        z[first : first + int(rng.integers(4, 40)), rng.integers(1, 3)] += rng.uniform(2, 12)
        if events and rng.random() < 0.6:
            truth.append(SceneEvent("ab"[rng.integers(2)], at, at + length))
        at += length + rng.uniform(0.1, 3.0)
    return ScoredScene(f"made {seed}", truth, z, HOP_SECONDS)


SCENES = [random_scene(seed) for seed in range(3)]
NEGATIVES = [random_scene(seed, events=False) for seed in range(10, 13)]


def told(scene: ScoredScene, metadata: ModelMetadata) -> list:  # type: ignore[type-arg]
    """The detector as `listen` runs it, over all classes and the whole scene."""
    scores = frame_scores(scene.logits, metadata.activation, metadata.temperature)
    return [e for e in EventDetector.for_model(metadata).update(scores, 0.0) if e.phase == "on"]


@pytest.mark.parametrize("threshold", [None, 0.05, 0.5, 0.97])
def test_counts_are_those_of_the_whole_detector(threshold: float | None) -> None:
    listening = Listening(SCENES, NEGATIVES, TUNED)
    settings = listening.shipped()
    assert settings == OWN
    if threshold is not None:
        settings = {label: at_threshold(own, threshold) for label, own in settings.items()}
    tallies = listening.tallies(settings)
    metadata = replace(TUNED, events=settings)
    pairs = [match_events(scene.truth, told(scene, metadata)) for scene in SCENES]
    quiet = Counter(e.label for scene in NEGATIVES for e in told(scene, metadata))
    for label in "ab":
        assert tallies[label].events == sum(e.label == label for scene in SCENES for e in scene.truth)
        assert tallies[label].misses == sum(e.label == label for p in pairs for e in p.missed)
        assert tallies[label].in_scenes == sum(e.label == label for p in pairs for e in p.false)
        assert tallies[label].negatives == quiet[label]
        assert len(tallies[label].delays_seconds) == tallies[label].events - tallies[label].misses
    total = sum(tallies.values(), Tally())
    assert total.events == sum(len(s.truth) for s in SCENES) and 0 < total.misses < total.events
    if threshold != 0.97:
        assert min(total.nowhere, total.confused, total.negatives) > 0


def test_what_was_false_is_named() -> None:
    """By hand: a is heard twice in its own event, once in b's, once where nothing is."""
    z = np.zeros((1000, 3), np.float32)
    z[:, 0] = 10
    for at in (2.0, 3.0, 8.0, 15.0):
        z[round(at / HOP_SECONDS) :][:10, 1] = 20
    truth = [SceneEvent("a", 2.0, 3.5), SceneEvent("b", 8.0, 9.0)]
    found = Listening([ScoredScene("", truth, z, HOP_SECONDS)], [], METADATA).tallies(
        {"a": EventSettings(), "b": EventSettings()}
    )
    a, b = found["a"], found["b"]
    assert (a.events, a.misses, a.repeated, a.confused, a.nowhere) == (1, 0, 1, 1, 1)
    assert (b.events, b.misses, b.in_scenes) == (1, 1, 0)
    # Scores of the burst are 0.99995: two of them in a mean of 4 frames fall short of 0.5, so the third frame's end.
    assert a.delays_seconds == pytest.approx((0.06,))


@given(
    st.lists(st.sampled_from([0.0, 0.45, 0.7, 1.0]), min_size=30, max_size=80),
    st.sampled_from([0.0, 0.02, 0.03, 0.06, 0.1]),
    st.sampled_from([0.02, 0.06]),
)
def test_when_an_event_is_told(scores: list[float], minimum: float, smoothing: float) -> None:
    settings = EventSettings(0.5, 0.3, smoothing, minimum)
    detector = EventDetector(["a"], [settings], HOP_SECONDS)
    for i, score in enumerate(scores):
        for event in detector.update(np.array([[score]]), i * HOP_SECONDS):
            if event.phase == "on":
                now = (i + 1) * HOP_SECONDS
                assert event.onset_seconds + certain_seconds(settings, HOP_SECONDS) == pytest.approx(now)


@pytest.mark.parametrize("seed", range(6))
def test_the_lowest_quiet_threshold_is_quiet_and_the_lowest(seed: int) -> None:
    negatives = [random_scene(100 + seed, events=False)]
    lowest = Listening([], negatives, TUNED).lowest_quiet()

    def alarms(label: str, threshold: float) -> int:
        metadata = replace(TUNED, events={**OWN, label: at_threshold(OWN[label], threshold)})
        return sum(e.label == label for e in told(negatives[0], metadata))

    for label, threshold in lowest.items():
        assert threshold is not None
        for higher in np.linspace(threshold, 1.0, 7):
            assert alarms(label, float(higher)) == 0
        logit = math.log(threshold / (1 - threshold))
        assert alarms(label, 1 / (1 + math.exp(0.002 - logit))) > 0


def test_no_threshold_is_quiet_where_an_alarm_is_certain() -> None:
    z = np.full((100, 3), -100.0, np.float32)
    z[:, 1] = 100
    listening = Listening(SCENES, [ScoredScene("sure", [], z, HOP_SECONDS)], METADATA)
    lowest = listening.lowest_quiet()
    assert lowest["a"] is None and lowest["b"] == THRESHOLDS[0]
    report = scene_report(listening, [0.5])
    assert report["quiet"] is None
    assert "no threshold is without an alarm in the 0.0 minutes of negatives" in as_text(report)


@pytest.mark.parametrize("seed", range(4))
def test_laws_of_a_rising_threshold(seed: int) -> None:
    """Events heard apart from each other are never found again by a higher threshold, nor is anything heard sooner.

    Nothing more is a law: a score with two peaks is one alarm at a low threshold, and two at a higher one.
    """
    rng = np.random.default_rng(seed)
    z = np.zeros((6000, 3), np.float32)
    z[:, 0] = 12
    truth = [SceneEvent("a", 2.0 + 4 * i, 3.0 + 4 * i) for i in range(25)]
    for event in truth:
        first = round(event.onset_seconds / HOP_SECONDS)
        z[first : first + 40, 1] = 12 + rng.normal(1, 2) + rng.normal(0, 1, 40)
    scenes = [ScoredScene("apart", truth, z, HOP_SECONDS)]
    misses, first_onsets = [], []
    for threshold in THRESHOLDS:
        metadata = replace(METADATA, events={"a": at_threshold(EventSettings(), threshold)})
        misses.append(
            Listening(scenes, [], metadata).tallies({"a": metadata.events["a"], "b": EventSettings()})["a"].misses
        )
        first_onsets.append(min((e.onset_seconds for e in told(scenes[0], metadata)), default=math.inf))
    assert misses == sorted(misses) and misses[0] < misses[-1]
    assert first_onsets == sorted(first_onsets)


def test_two_peaks_are_two_alarms_only_at_a_higher_threshold() -> None:
    z = np.zeros((200, 3), np.float32)
    z[50:130, 1] = 0.7  # a softmax of about 0.5
    z[50:60, 1] = z[120:130, 1] = 6
    listening = Listening([], [ScoredScene("", [], z, HOP_SECONDS)], METADATA)
    alarms = [
        listening.tallies({"a": at_threshold(EventSettings(), t), "b": EventSettings()})["a"].negatives
        for t in (0.4, 0.95)
    ]
    assert alarms == [1, 2]


def test_rates_say_no_more_than_was_counted() -> None:
    assert rate(1, 4.0)["an_hour"] == 0.25 and rate(1, 4.0)["below_an_hour"] is None
    none = rate(0, 4.0)
    assert none["an_hour"] is None and none["below_an_hour"] == 0.75
    # At the bound, hearing nothing in 4 hours has a chance of 5 %.
    assert math.exp(-none["below_an_hour"] * 4.0) == pytest.approx(0.05, abs=0.0003)
    report = scene_report(Listening(SCENES, NEGATIVES, TUNED))
    for point in [*report["curve"], report["shipped"], report["quiet"]]:
        for figures in [point["overall"], *point["per_class"].values()]:
            for kind in ("scenes", "negatives"):
                found = figures[f"false_alarms_in_{kind}"]
                assert found["hours"] == pytest.approx(0.1)
                assert (found["an_hour"] or math.inf) >= 1 / found["hours"] - 1e-9
                assert (found["alarms"] == 0) == (found["an_hour"] is None)
    assert report["quiet"]["overall"]["false_alarms_in_negatives"]["alarms"] == 0
    assert [p["threshold"] for p in report["curve"]] == sorted(THRESHOLDS)
    text = as_text(report)
    assert "below 3/T = 30 an hour with 95 % confidence" in text and "< 10" in text


def test_hours_of_scenes_and_of_negatives_are_kept_apart() -> None:
    report = tally_report(Tally(10, 2, 1, 1, 1, 0, (0.1, 0.2, 0.4)), Hours(2.0, 5.0))
    assert report["false_alarms_in_scenes"]["an_hour"] == 1.5
    assert report["false_alarms_in_negatives"]["below_an_hour"] == 0.6
    assert report["miss_share"] == 0.2
    assert report["seconds_to_detect"]["p50"] == pytest.approx(0.2)


def test_no_negatives_and_no_events() -> None:
    report = scene_report(Listening(SCENES, [], METADATA), [0.5])
    assert report["quiet"] is None and report["shipped"]["overall"]["false_alarms_in_negatives"] is None
    assert "negatives: none" in as_text(report)
    empty = [replace(scene, truth=[]) for scene in SCENES]
    report = scene_report(Listening(empty, NEGATIVES, METADATA), [0.5])
    overall = report["shipped"]["overall"]
    assert overall["events"] == 0 and overall["miss_share"] is None and overall["seconds_to_detect"] is None
    assert overall["false_alarms_in_scenes"]["alarms"] > 0
    assert "missed there: 0 of 0 events (95 % interval 0.0 to 100.0 %)" in as_text(report)
    nothing = scene_report(Listening([], [], METADATA), [0.5])
    assert nothing["shipped"]["overall"]["events"] == 0 and as_text(nothing)


def test_outputs_reported_under_one_name_are_one_class() -> None:
    fine = replace(METADATA, report_as={"a": "c", "b": "c"})
    truth = [SceneEvent("a", 2.0, 3.0), SceneEvent("c", 8.0, 9.0)]
    z = np.zeros((1000, 3), np.float32)
    z[:, 0] = 10
    z[110:130, 2] = z[410:430, 1] = 20  # a is heard as b, which is as good
    report = scene_report(Listening([ScoredScene("", truth, z, HOP_SECONDS)], [], fine), [0.5])
    assert report["labels"] == ["c"]
    found = report["shipped"]["per_class"]["c"]
    assert (found["events"], found["misses"], found["false_alarms_in_scenes"]["alarms"]) == (2, 0, 0)


def test_labels_that_are_no_events() -> None:
    for listening in (
        Listening(SCENES, NEGATIVES, METADATA, ["b"]),
        Listening(SCENES, NEGATIVES, replace(METADATA, report_as={"b": BACKGROUND})),
    ):
        report = scene_report(listening, [0.5])
        assert report["labels"] == ["a"] and list(report["shipped"]["on_thresholds"]) == ["a"]
        assert report["shipped"]["overall"]["events"] == sum(e.label == "a" for s in SCENES for e in s.truth)
    with pytest.raises(DataError, match="no label owl to ignore; it has a, b"):
        Listening(SCENES, NEGATIVES, METADATA, ["owl"])
    with pytest.raises(DataError, match="all of them are ignored"):
        Listening(SCENES, NEGATIVES, METADATA, ["a", "b"])


def test_several_labels_at_once() -> None:
    several = ModelMetadata(("a", "b"), "sigmoid", SPECTROGRAM, 1)
    z = np.full((500, 2), -8.0, np.float32)
    z[100:150] = 8
    z[300:350, 0] = 8
    truth = [SceneEvent("a", 2.0, 3.0), SceneEvent("b", 2.0, 3.0), SceneEvent("b", 6.0, 7.0)]
    found = Listening([ScoredScene("", truth, z, HOP_SECONDS)], [], several).tallies(
        {"a": EventSettings(), "b": EventSettings()}
    )
    assert (found["a"].events, found["a"].misses, found["a"].confused) == (1, 0, 1)
    assert (found["b"].events, found["b"].misses, found["b"].in_scenes) == (2, 1, 0)
