"""Fitted thresholds keep the target on what they were fitted on, and too little data keeps the defaults."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auricle_shared.calibration_events import (
    MINIMUM_EVENTS,
    MINIMUM_NEGATIVE_SECONDS,
    OFF_SHARE,
    detections,
    fit_events,
    quiet_seconds,
)
from auricle_shared.event_scores import match_events
from auricle_shared.events import EventDetector
from auricle_shared.metadata import ModelMetadata
from auricle_shared.scored_scenes import ScoredScene
from auricle_shared.settings import EventSettings, SpectrogramSettings
from auricle_shared.write_scene import SceneEvent

HOP_SECONDS = 0.02
METADATA = ModelMetadata(("background", "a", "b"), "softmax", SpectrogramSettings(hop_seconds=HOP_SECONDS), 1)


def bursts(rng: np.random.Generator, z: np.ndarray, column: int, onsets: np.ndarray, heights: np.ndarray) -> None:
    for onset, height in zip(onsets, heights, strict=True):
        first = round(onset / HOP_SECONDS)
        z[first : first + int(rng.integers(10, 20)), column] = height


def quiet(rng: np.random.Generator, seconds: float) -> np.ndarray:
    z = rng.normal(0, 0.3, (round(seconds / HOP_SECONDS), 3)).astype(np.float32)
    z[:, 0] += 5
    return z


def make_scenes(rng: np.random.Generator, events: int = 24) -> list[ScoredScene]:
    """Events of a and b by turns: heard with a logit around 8; b is heard in one a of five."""
    scenes = []
    for n in range(2):
        onsets = 5.0 + 4.0 * np.arange(events)
        z = quiet(rng, 4.0 * events + 10)
        truth = [SceneEvent("ab"[i % 2], t, t + 0.5) for i, t in enumerate(onsets)]
        for k in (0, 1):
            bursts(rng, z, 1 + k, onsets[k::2], rng.normal(8, 1.5, len(onsets[k::2])))
        bursts(rng, z, 2, onsets[:10:2] + 0.1, np.full(5, 6.0))
        scenes.append(ScoredScene(f"scene {n}", truth, z, HOP_SECONDS))
    return scenes


def make_negatives(rng: np.random.Generator, seconds: float = 1800.0, alarms: int = 30) -> list[ScoredScene]:
    """Sounds that are a little like a: a logit around 5.5 where background has 5."""
    z = quiet(rng, seconds)
    bursts(rng, z, 1, np.linspace(5, seconds - 5, alarms), rng.normal(5.5, 1, alarms))
    return [ScoredScene("negatives", [], z, HOP_SECONDS)]


def false_alarms_and_misses(scenes: list[ScoredScene], metadata: ModelMetadata) -> tuple[int, int]:
    """The slow way: every frame of every scene through the detector of the whole model."""
    from auricle_shared.decision import frame_scores

    false = missed = 0
    for scene in scenes:
        scores = frame_scores(scene.logits, metadata.activation, metadata.temperature)
        heard = [e for e in EventDetector.for_model(metadata).update(scores, 0.0) if e.phase == "on"]
        result = match_events(scene.truth, heard)
        outside = [
            h
            for h in result.false
            if not any(e.onset_seconds - 0.5 <= h.onset_seconds <= e.offset_seconds + 1.0 for e in scene.truth)
        ]
        false, missed = false + len(outside), missed + len(result.missed)
    return false, missed


@pytest.mark.parametrize("per_hour", [0.0, 4.0, 16.0, 1000.0])
def test_the_target_is_kept_on_what_it_was_fitted_on(per_hour: float, rng: np.random.Generator) -> None:
    scenes, negatives = make_scenes(rng), make_negatives(rng)
    before = false_alarms_and_misses([*scenes, *negatives], METADATA)
    fitted = fit_events(scenes, negatives, METADATA, per_hour)
    changed = replace(METADATA, events={label: f.settings for label, f in fitted.items()})
    false, missed = false_alarms_and_misses([*scenes, *negatives], changed)
    hours = quiet_seconds([*scenes, *negatives]) / 3600
    assert before[0] / hours > 16, "the defaults would do, and the test shows nothing"
    assert false <= per_hour * hours
    assert false == sum(f.after.false_alarms for f in fitted.values())
    assert missed == sum(f.after.misses for f in fitted.values()) < 20
    assert not any(f.defaults for f in fitted.values())
    for f in fitted.values():
        assert f.settings.off_threshold == pytest.approx(OFF_SHARE * f.settings.on_threshold, abs=1e-4)
        assert f.settings.release_seconds == EventSettings().release_seconds


def test_more_false_alarms_allowed_never_cost_more_mistakes(rng: np.random.Generator) -> None:
    scenes, negatives = make_scenes(rng), make_negatives(rng)
    mistakes = [
        sum(f.after.mistakes for f in fit_events(scenes, negatives, METADATA, rate).values()) for rate in (0, 4, 20)
    ]
    assert mistakes == sorted(mistakes, reverse=True) and mistakes[-1] < mistakes[0]


def test_of_equal_thresholds_the_middle_one(rng: np.random.Generator) -> None:
    """Scores are 0.02 outside and 0.97 inside: nearly every threshold is as good as the next."""
    scenes = make_scenes(rng)
    for scene in scenes:
        scene.logits[:] = 0
        scene.logits[:, 0] = 4
        for event in scene.truth:
            scene.logits[round(event.onset_seconds / HOP_SECONDS) : round(event.offset_seconds / HOP_SECONDS)] = [
                0.0,
                8.0 * (event.label == "a"),
                8.0 * (event.label == "b"),
            ]
    fitted = fit_events(scenes, make_negatives(rng, alarms=0), METADATA, 0.5)
    for f in fitted.values():
        assert f.after.mistakes == f.after.false_alarms == 0
        assert 0.4 <= f.settings.on_threshold <= 0.9


def test_too_little_keeps_the_settings_and_says_why(rng: np.random.Generator) -> None:
    own = {"a": EventSettings(on_threshold=0.7), "b": EventSettings(smoothing_seconds=0.2)}
    metadata = replace(METADATA, events=own)
    scenes, negatives = make_scenes(rng), make_negatives(rng)
    few = fit_events(scenes, negatives, metadata, 0.5, clips={"a": MINIMUM_EVENTS, "b": MINIMUM_EVENTS - 1})
    assert not few["a"].defaults and few["a"].settings != own["a"]
    assert f"{MINIMUM_EVENTS - 1} validation clips" in few["b"].defaults and few["b"].settings == own["b"]
    short = make_negatives(rng, MINIMUM_NEGATIVE_SECONDS - 1, 3)
    for f in fit_events(scenes, short, metadata, 0.5).values():
        assert "10.0 minutes of negatives" in f.defaults and f.settings in own.values()
    rare = [replace(scenes[0], truth=scenes[0].truth[:10])]
    assert all(
        "5 events in the calibration scenes" in f.defaults for f in fit_events(rare, negatives, metadata, 0.5).values()
    )
    assert list(fit_events(scenes, negatives, metadata, 0.5, keep=["a"])) == ["b"]


def test_a_hold_off_only_where_events_are_told_twice(rng: np.random.Generator) -> None:
    scenes, negatives = make_scenes(rng), make_negatives(rng, alarms=0)
    assert all(f.settings.hold_off_seconds == 0 for f in fit_events(scenes, negatives, METADATA, 0.5).values())
    for scene in scenes:
        for event in scene.truth:
            if event.label == "a":  # the same again after 0.8 s
                first = round((event.onset_seconds + 0.8) / HOP_SECONDS)
                scene.logits[first : first + 10, 1] = 9.0
    fitted = fit_events(scenes, negatives, METADATA, 0.5)
    assert fitted["a"].settings.hold_off_seconds > 0 and fitted["a"].after.repeated == 0
    assert fitted["b"].settings.hold_off_seconds == 0


def test_a_class_that_no_threshold_keeps_quiet_is_made_as_quiet_as_can_be(rng: np.random.Generator) -> None:
    scenes, negatives = make_scenes(rng), make_negatives(rng, alarms=0)
    for first in range(500, 80_000, 2000):
        negatives[0].logits[first : first + 150, 2] = 14.0  # longer and louder than any event
    fitted = fit_events(scenes, negatives, METADATA, 0.5)
    assert fitted["b"].after.false_alarms > 1 and fitted["b"].after.false_alarms <= fitted["b"].before.false_alarms
    assert fitted["a"].after.false_alarms <= 1


def test_quiet_seconds_by_hand() -> None:
    z = np.zeros((1000, 3), np.float32)
    truth = [SceneEvent("a", 0.2, 1.0), SceneEvent("b", 2.2, 3.0), SceneEvent("a", 10.0, 19.5)]
    # 0 to 2, 1.7 to 4 (together 0 to 4), 9.5 to the end at 20
    assert quiet_seconds([ScoredScene("s", truth, z, 0.02)]) == pytest.approx(5.5)


@given(st.integers(0, 10**6))
def test_passages_hear_what_the_whole_hears(seed: int) -> None:
    rng = np.random.default_rng(seed)
    level = np.repeat(rng.choice([0.0, 0.02, 0.3, 0.6, 1.0], 60, p=[0.4, 0.3, 0.1, 0.1, 0.1]), rng.integers(1, 40, 60))
    scores = np.clip(level + rng.normal(0, 0.1, len(level)), 0, 1).astype(np.float32)
    on = float(rng.choice([0.1, 0.5, 0.9]))
    settings = EventSettings(
        on, OFF_SHARE * on, *(float(rng.choice(v)) for v in ([0.02, 0.08, 0.32], [0.0, 0.1], [0.0, 0.3], [0.0, 0.5]))
    )
    whole = EventDetector(["a"], [settings], HOP_SECONDS).update(scores[:, None], 0.0)
    wanted = [e for e in whole if e.phase == "on"]
    found = detections(scores, "a", settings, HOP_SECONDS)
    assert [(e.label, e.score) for e in found] == [(e.label, e.score) for e in wanted]
    assert np.allclose([e.onset_seconds for e in found], [e.onset_seconds for e in wanted], atol=1e-9)
