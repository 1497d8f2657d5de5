"""Pairing what was heard with what happened: small cases by hand, and laws on random ones."""

from __future__ import annotations

import numpy as np

from auricle_shared.event_scores import EARLY_SECONDS, LATE_SECONDS, match_events
from auricle_shared.events import Event
from auricle_shared.write_scene import SceneEvent


def heard(label: str, at: float) -> Event:
    return Event("on", label, at, 0.9)


DOG, LATER_DOG, CAT = SceneEvent("dog", 10.0, 12.0), SceneEvent("dog", 20.0, 21.0), SceneEvent("cat", 15.0, 16.0)


def test_every_kind_of_outcome_by_hand() -> None:
    right, second, wrong_label, nowhere = heard("dog", 10.4), heard("dog", 11.0), heard("dog", 15.2), heard("cat", 40.0)
    scores = match_events([DOG, CAT, LATER_DOG], [nowhere, second, right, wrong_label])
    assert scores.hits == [(DOG, right)]
    assert scores.missed == [CAT, LATER_DOG]
    assert scores.false == [second, wrong_label, nowhere]
    assert scores.events == 3 and scores.found_share == 1 / 3
    assert scores.confused("cat", "dog") == scores.confused("dog", "cat") == 1
    assert scores.confused("cat", "owl") == 0


def test_how_far_outside_a_detection_may_begin() -> None:
    inside = [DOG.onset_seconds - EARLY_SECONDS, DOG.offset_seconds + LATE_SECONDS]
    outside = [inside[0] - 0.01, inside[1] + 0.01]
    assert all(match_events([DOG], [heard("dog", at)]).hits for at in inside)
    assert not any(match_events([DOG], [heard("dog", at)]).hits for at in outside)


def test_nothing_happened() -> None:
    assert match_events([], []).found_share == 1.0
    assert match_events([], [heard("dog", 1.0)]).false == [heard("dog", 1.0)]


def test_everything_is_counted_once_in_any_order() -> None:
    rng = np.random.default_rng(2)
    for _ in range(50):
        starts = np.cumsum(rng.uniform(0.5, 4.0, 12))
        truth = [SceneEvent(str(rng.choice(["a", "b"])), t, t + rng.uniform(0.1, 2.0)) for t in starts]
        said = [heard(str(rng.choice(["a", "b"])), float(t)) for t in rng.uniform(0, starts[-1], 15)]
        scores = match_events(truth, said)
        found = [e for _, e in scores.hits]
        assert sorted(map(id, found + scores.false)) == sorted(map(id, said))
        assert len(scores.hits) + len(scores.missed) == len(truth)
        assert all(e.label == h.label for e, h in scores.hits)
        for missed in scores.missed:  # nothing was left over that would have fitted
            for rest in scores.false:
                begins_in = missed.onset_seconds - 0.5 <= rest.onset_seconds <= missed.offset_seconds + 1.0
                assert not (rest.label == missed.label and begins_in)
        shuffled = match_events(rng.permutation(np.array(truth, object)).tolist(), said[::-1])
        assert (len(shuffled.hits), len(shuffled.false)) == (len(scores.hits), len(scores.false))
