"""Scores in, events out: tables worked out by hand, a slow second opinion, and indifference to blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auricle_shared.events import Event, EventDetector
from auricle_shared.metadata import ModelMetadata
from auricle_shared.settings import EventSettings, SpectrogramSettings

FRAME_SECONDS = 0.1
PLAIN = EventSettings(
    on_threshold=0.6, off_threshold=0.4, smoothing_seconds=0.0, minimum_seconds=0.0, release_seconds=0.2
)


def settings(**changes: float) -> EventSettings:
    return EventSettings(**{**PLAIN.__dict__, **changes})


def run(scores: list[float], one: EventSettings, finish: bool = True) -> list[tuple[object, ...]]:
    """(phase, onset in frames, offset in frames or None, score) of a single class, fed at once."""
    detector = EventDetector(["dog"], [one], FRAME_SECONDS)
    events = detector.update(np.array(scores)[:, None], 0.0)
    if finish:
        events += detector.finish(len(scores) * FRAME_SECONDS)
    return [as_frames(e) for e in events]


def as_frames(e: Event) -> tuple[object, ...]:
    offset = None if e.offset_seconds is None else round(e.offset_seconds / FRAME_SECONDS, 6)
    return e.phase, round(e.onset_seconds / FRAME_SECONDS, 6), offset, round(e.score, 6)


@pytest.mark.parametrize(
    ("scores", "changes", "expected"),
    [
        pytest.param([0.5, 0.59, 0.1], {}, [], id="never high enough"),
        pytest.param([0, 0.6, 0.9, 0.1, 0, 0], {}, [("on", 1, None, 0.6), ("off", 1, 3, 0.9)], id="one event"),
        pytest.param(
            [0, 0.9, 0.5, 0.4, 0.39, 0.39, 0],
            {},
            [("on", 1, None, 0.9), ("off", 1, 4, 0.9)],
            id="stays on between the thresholds",
        ),
        pytest.param(
            [0.9, 0.1, 0.9, 0.1, 0.1, 0.9],
            {},
            [("on", 0, None, 0.9), ("off", 0, 3, 0.9), ("on", 5, None, 0.9), ("off", 5, 6, 0.9)],
            id="release joins a pause of one frame, not of two",
        ),
        pytest.param(
            [0.9, 0, 0, 0, 0.9, 0, 0, 0, 0, 0, 0],
            {"release_seconds": 0.5},
            [("on", 0, None, 0.9), ("off", 0, 5, 0.9)],
            id="a rhythm is one event",
        ),
        pytest.param([0.9, 0.9, 0, 0.9, 0.9, 0], {"minimum_seconds": 0.3}, [], id="too short, twice"),
        pytest.param(
            [0, 0.7, 0.8, 0.9, 0.95, 0, 0],
            {"minimum_seconds": 0.3},
            [("on", 1, None, 0.9), ("off", 1, 5, 0.95)],
            id="told once it lasted, with the onset where it rose",
        ),
        pytest.param(
            [0.7, 0.5, 0.7, 0.7, 0, 0],
            {"minimum_seconds": 0.2},
            [("on", 2, None, 0.7), ("off", 2, 4, 0.7)],
            id="while rising it must stay above on_threshold",
        ),
        pytest.param(
            [0.9, 0, 0, 0.9, 0.9, 0.9, 0, 0],
            {"hold_off_seconds": 0.4},
            [("on", 0, None, 0.9), ("off", 0, 1, 0.9), ("on", 5, None, 0.9), ("off", 5, 6, 0.9)],
            id="hold-off counts from the last end",
        ),
        pytest.param(
            [0.4, 0.4, 0.4, 1.0, 1.0, 0, 0, 0, 0, 0],
            {"smoothing_seconds": 0.3},
            [("on", 3, None, 0.6), ("off", 3, 6, 0.8)],
            id="moving mean of three",
        ),
        pytest.param([1.0, 0, 0, 0], {"smoothing_seconds": 0.2}, [], id="before the stream there was silence"),
        pytest.param([0, 0.9], {}, [("on", 1, None, 0.9), ("off", 1, 2, 0.9)], id="still on at the end"),
        pytest.param([0.9, 0.1], {}, [("on", 0, None, 0.9), ("off", 0, 1, 0.9)], id="in release at the end"),
        pytest.param([0, 0.9, 0.9], {"minimum_seconds": 0.3}, [], id="not yet certain at the end"),
        pytest.param(
            [0.9, 0.1, 0.9],
            {"release_seconds": 0.0},
            [("on", 0, None, 0.9), ("off", 0, 1, 0.9), ("on", 2, None, 0.9), ("off", 2, 3, 0.9)],
            id="no release: over at the first low frame",
        ),
    ],
)
def test_table(scores: list[float], changes: dict[str, float], expected: list[tuple[object, ...]]) -> None:
    assert run(scores, settings(**changes)) == expected


def slowly(scores: list[float], one: EventSettings) -> list[tuple[object, ...]]:
    """The same rules again, looking at the whole list with loops inside loops and times counted in frames."""
    n = max(1, round(one.smoothing_seconds / FRAME_SECONDS))
    shortest = max(1, round(one.minimum_seconds / FRAME_SECONDS))
    release, hold_off = (round(x / FRAME_SECONDS) for x in (one.release_seconds, one.hold_off_seconds))
    means = [sum(scores[max(0, i - n + 1) : i + 1]) / n for i in range(len(scores))]
    events: list[tuple[object, ...]] = []
    start, ready = 0, 0
    while start < len(means):
        risen = means[start : start + shortest]
        if start < ready or len(risen) < shortest or min(risen) < one.on_threshold:
            start += 1
            continue
        certain = start + shortest - 1
        events.append(("on", start, None, round(max(risen), 6)))
        last, now = certain, certain + 1
        while now < len(means):
            if means[now] >= one.off_threshold:
                last = now
            elif now - last >= release:
                break
            now += 1
        events.append(("off", start, last + 1, round(max(means[start : now + 1]), 6)))
        ready, start = last + 1 + hold_off, now + 1
    return events


# Multiples of 1/64 and thresholds between them: no sum is ever exactly at a threshold by accident of rounding.
SCORES = st.lists(st.integers(0, 64).map(lambda x: x / 64), max_size=60)
SETTINGS = st.builds(
    EventSettings,
    on_threshold=st.sampled_from([0.501, 0.701, 0.901]),
    off_threshold=st.sampled_from([0.101, 0.301, 0.501]),
    smoothing_seconds=st.integers(0, 5).map(lambda x: x * FRAME_SECONDS),
    minimum_seconds=st.integers(0, 4).map(lambda x: x * FRAME_SECONDS),
    release_seconds=st.integers(0, 6).map(lambda x: x * FRAME_SECONDS),
    hold_off_seconds=st.integers(0, 8).map(lambda x: x * FRAME_SECONDS),
)


@given(SCORES, SETTINGS)
def test_equals_the_slow_second_opinion(scores: list[float], one: EventSettings) -> None:
    assert run(scores, one) == slowly(scores, one)


@pytest.mark.parametrize("seed", range(20))
def test_equals_the_slow_second_opinion_on_long_runs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    walk = np.cumsum(rng.normal(0, 0.25, 3000))
    scores = (np.round((0.5 + 0.5 * np.sin(walk)) * 64) / 64).tolist()
    one = settings(
        smoothing_seconds=0.3, minimum_seconds=0.2, release_seconds=0.4, hold_off_seconds=0.7, on_threshold=0.601
    )
    found = run(scores, one)
    assert len(found) >= 30
    assert found == slowly(scores, one)


CLASS_SCORES = st.floats(0, 1, width=32)


@given(
    st.lists(st.tuples(CLASS_SCORES, CLASS_SCORES, CLASS_SCORES), min_size=1, max_size=40),
    st.tuples(SETTINGS, SETTINGS),
    st.data(),
)
def test_blocks_do_not_matter(
    rows: list[tuple[float, ...]], pair: tuple[EventSettings, EventSettings], data: st.DataObject
) -> None:
    scores = np.array(rows, np.float32)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=8)))

    def events(edges: list[int]) -> list[Event]:
        detector = EventDetector([None, "a", "b"], [PLAIN, *pair], FRAME_SECONDS)
        found: list[Event] = []
        for start, end in zip([0, *edges], [*edges, len(rows)], strict=True):
            found += detector.update(scores[start:end], start * FRAME_SECONDS)
        return found + detector.finish(len(rows) * FRAME_SECONDS)

    whole, pieces = events([]), events(cuts)
    assert [(e.phase, e.label) for e in pieces] == [(e.phase, e.label) for e in whole]
    for one, other in zip(pieces, whole, strict=True):
        assert as_frames(one) == as_frames(other)


@given(st.lists(st.tuples(*[CLASS_SCORES] * 4), min_size=1, max_size=40), st.tuples(*[SETTINGS] * 4), st.integers(1, 9))
def test_each_class_is_judged_as_if_it_were_alone(
    rows: list[tuple[float, ...]], each: tuple[EventSettings, ...], block: int
) -> None:
    """Classes of one smoothing are averaged together, wherever they stand; nobody's score may end up at another's."""
    scores = np.array(rows, np.float32)

    def events(labels: list[str | None]) -> list[Event]:
        detector = EventDetector(labels, each, FRAME_SECONDS)
        starts = range(0, len(rows), block)
        found = [e for i in starts for e in detector.update(scores[i : i + block], i * FRAME_SECONDS)]
        return found + detector.finish(len(rows) * FRAME_SECONDS)

    together = events(["a", "b", "c", "d"])
    for place, label in enumerate("abcd"):
        alone = events([label if i == place else None for i in range(4)])
        assert [as_frames(e) for e in together if e.label == label] == [as_frames(e) for e in alone]


def test_constant_score_at_the_threshold_does_not_depend_on_blocks() -> None:
    """0.3 has no exact binary form: sums of it must not differ with the place in the block."""
    one = settings(on_threshold=0.3, off_threshold=0.3, smoothing_seconds=0.7)
    scores = np.full((200, 1), 0.3)

    def events(block: int) -> list[tuple[object, ...]]:
        detector = EventDetector(["dog"], [one], FRAME_SECONDS)
        starts = range(0, len(scores), block)
        return [as_frames(e) for i in starts for e in detector.update(scores[i : i + block], i * FRAME_SECONDS)]

    assert events(200) == [("on", 6, None, 0.3)]
    for block in (1, 3, 7, 8, 100):
        assert events(block) == events(200)


def test_classes_do_not_touch_and_come_in_order_of_time() -> None:
    scores = np.array([[0, 0, 0.9], [0, 0.9, 0.9], [1, 0.9, 0], [1, 0, 0], [1, 0, 0]])
    detector = EventDetector([None, "a", "b"], [PLAIN] * 3, FRAME_SECONDS)
    found = [(e.phase, e.label) for e in detector.update(scores, 0.0)]
    assert found == [("on", "b"), ("on", "a"), ("off", "b"), ("off", "a")]


def test_onset_is_told_at_once_and_the_end_later() -> None:
    detector = EventDetector(["dog"], [PLAIN], FRAME_SECONDS)
    assert detector.update(np.array([[0.1]]), 0.0) == []
    (on,) = detector.update(np.array([[0.9]]), 0.1)
    assert (on.phase, on.offset_seconds) == ("on", None)
    assert detector.update(np.array([[0.0]]), 0.2) == []
    (off,) = detector.update(np.array([[0.0]]), 0.3)
    assert (off.phase, off.onset_seconds, off.offset_seconds) == ("off", on.onset_seconds, pytest.approx(0.2))


def test_finish_ends_what_is_on_once() -> None:
    detector = EventDetector(["dog"], [PLAIN], FRAME_SECONDS)
    detector.update(np.array([[0.9], [0.9]]), 5.0)
    (off,) = detector.finish(5.15)
    assert off.offset_seconds == 5.15
    assert detector.finish(6.0) == []


def test_reset_forgets_the_frames_before_a_gap() -> None:
    one = settings(smoothing_seconds=0.4)
    detector = EventDetector(["dog"], [one], FRAME_SECONDS)
    detector.update(np.full((3, 1), 0.7), 0.0)
    detector.finish(0.3)
    detector.reset()
    assert detector.update(np.full((3, 1), 0.7), 100.0) == []
    (on,) = detector.update(np.full((1, 1), 0.7), 100.3)
    assert on.onset_seconds == pytest.approx(100.3)


def test_no_frames_are_no_news() -> None:
    detector = EventDetector(["dog"], [PLAIN], FRAME_SECONDS)
    assert detector.update(np.zeros((0, 1)), 0.0) == []


def test_times_stay_right_after_days() -> None:
    one, start = settings(minimum_seconds=0.05, release_seconds=0.04), 40 * 86400.0
    detector = EventDetector(["dog"], [one], 0.01)
    scores = np.array([0, *[0.9] * 5, *[0] * 10])[:, None]
    on, off = detector.update(scores, start)
    assert on.onset_seconds - start == pytest.approx(0.01, abs=1e-6)
    assert off.offset_seconds is not None
    assert off.offset_seconds - start == pytest.approx(0.06, abs=1e-6)


def test_detector_for_a_model_watches_all_but_background() -> None:
    metadata = ModelMetadata(
        ("background", "dog", "cat"), "softmax", SpectrogramSettings(), 1, {"cat": settings(on_threshold=0.99)}
    )
    detector = EventDetector.for_model(metadata)
    found = detector.update(np.full((100, 3), 0.9), 0.0)
    assert [(e.phase, e.label) for e in found] == [("on", "dog")]
    assert found[0].onset_seconds == pytest.approx(0.01 * 4)  # 5 of the 8 frames of the mean reach 0.5


def test_what_is_reported_as_background_is_learned_but_never_an_event() -> None:
    metadata = ModelMetadata(
        ("background", "yes", "other"), "sigmoid", SpectrogramSettings(), 1, report_as={"other": "background"}
    )
    assert metadata.event_labels == ("yes",)
    found = EventDetector.for_model(metadata).update(np.full((100, 3), 0.9), 0.0)
    assert [(e.phase, e.label) for e in found] == [("on", "yes")]


def test_as_a_line_of_json() -> None:
    assert Event("on", "dog", 1.23456, 0.87654).to_dict() == {
        "phase": "on",
        "label": "dog",
        "onset_seconds": 1.235,
        "score": 0.8765,
    }
    assert Event("off", "dog", 1.0, 0.9, 2.0).to_dict()["offset_seconds"] == 2.0
