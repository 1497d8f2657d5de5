"""What the loss asks of small windows, drawn by hand. One character a frame of 10 samples:

A    the event's frames      .    asked for background      -    asked nothing      a    both
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from auricle_shared.metadata import BACKGROUND
from auricle_shared.pack import Clip, Pack
from auricle_shared.scene_window import NOTHING, Parts
from auricle_shared.scenes import LONG_AGO, Placed, SceneSettings, SceneStreams, Window
from auricle_shared.variation import Variation
from auricle_trainer.batches.targets import ClipLabels, Targets, make_targets

HOP, FRAMES = 10, 20
DOG, CAT, ROOM, BOTH, NONE = range(5)
CLIPS = [Clip(0, 10**6, labels) for labels in (("dog",), ("cat",), (BACKGROUND,), ("dog", "cat"), ())]
PACK = Pack(Path("made"), {"rate_hz": 1000, "labels": [BACKGROUND, "cat", "dog"], "multi_label": False}, CLIPS)
CLASSES = (BACKGROUND, "cat", "dog")


def asked(
    *events: Placed,
    evidence: int = 80,
    release: int = 30,
    ended: int = LONG_AGO,
    classes: tuple[str, ...] = CLASSES,
    several: bool = False,
) -> Targets:
    window = Window(0, np.zeros(1, bool), np.array([ended]), Parts.of(events), NOTHING)
    return make_targets(window, ClipLabels(PACK, classes, several), 1, HOP * FRAMES, HOP, evidence, release)


def drawn(targets: Targets, stream: int = 0) -> str:
    line = ["." if b else "-" for b in targets.background[stream]]
    for event, counts in enumerate(targets.counts):
        if targets.stream[event] == stream:
            for frame in np.flatnonzero(counts):
                asked_alone = line[frame] == "-"
                line[frame] = chr(ord("A" if asked_alone else "a") + event)
    return "".join(line)


def part(clip: int, start: int, length: int, begun: int | None = None, ends: bool = True) -> Placed:
    begun = start if begun is None else begun
    return Placed(0, clip, start - begun, start, length, 1.0, begun, ends)


def test_an_event_inside() -> None:
    found = asked(part(DOG, 50, 60))
    assert drawn(found) == ".....AAAAAA---......"
    assert found.labels.tolist() == [2]


def test_frames_that_an_event_only_touches_are_its_own() -> None:
    assert drawn(asked(part(DOG, 59, 42))) == ".....AAAAAA---......"
    assert drawn(asked(part(DOG, 59, 41))) == ".....AAAAA---......."
    assert drawn(asked(part(DOG, 55, 1), release=1)) == ".....A-............."


def test_a_silent_window_is_all_background() -> None:
    found = asked()
    assert drawn(found) == "." * 20 and found.counts.shape == (0, 20)


def test_cut_by_the_end_without_enough_evidence_nothing_is_asked() -> None:
    assert drawn(asked(part(DOG, 130, 70, ends=False))) == "." * 13 + "-" * 7
    assert drawn(asked(part(DOG, 120, 80, ends=False))) == "." * 12 + "A" * 8


def test_evidence_counts_from_the_events_start_in_an_earlier_window() -> None:
    begun_before = part(DOG, 0, 200, begun=-30, ends=False)
    assert drawn(asked(begun_before, evidence=230)) == "A" * 20
    assert drawn(asked(begun_before, evidence=231)) == "-" * 20


def test_an_event_from_before_that_ends_is_asked_with_what_is_left_of_it() -> None:
    assert drawn(asked(part(DOG, 0, 25, begun=-300), evidence=10**6)) == "AAA---" + "." * 14


def test_the_release_reaches_over_from_the_window_before() -> None:
    assert drawn(asked(ended=0)) == "---" + "." * 17
    assert drawn(asked(ended=-15)) == "--" + "." * 18, "-15 lies in frame -2, so frames -1, 0 and 1 are asked nothing"
    assert drawn(asked(ended=-30)) == "." * 20
    assert drawn(asked(part(CAT, 10, 20), ended=0)) == "-AA---" + "." * 14


def test_background_clips_are_asked_as_a_whole_and_frame_by_frame() -> None:
    found = asked(part(ROOM, 40, 100))
    assert drawn(found) == "....aaaaaaaaaa......" and found.labels.tolist() == [0]
    found = asked(part(DOG, 0, 40), part(ROOM, 40, 100))  # the dog's release holds in the clip after it
    assert drawn(found) == "AAAABBBbbbbbbb......" and found.labels.tolist() == [2, 0]


def test_events_side_by_side() -> None:
    found = asked(part(DOG, 0, 40), part(CAT, 40, 40), part(DOG, 100, 20))
    assert drawn(found) == "AAAABBBB--CC---....."
    assert found.labels.tolist() == [2, 1, 2]


def test_two_events_may_share_a_frame_and_each_counts_it() -> None:
    found = asked(part(DOG, 0, 45), part(CAT, 45, 40))
    assert found.counts[:, 4].tolist() == [1.0, 1.0] and not found.background[0, :9].any()


def test_several_labels_are_ones_in_their_places() -> None:
    found = asked(part(BOTH, 0, 40), part(CAT, 60, 40), part(NONE, 120, 40), classes=("cat", "dog"), several=True)
    assert found.labels.tolist() == [[1, 1], [1, 0], [0, 0]]
    assert found.labels.dtype == torch.float32 and found.multi_label


def test_inside_and_soon_after_an_event_only_its_own_label_may_be_said() -> None:
    found = asked(part(DOG, 0, 40), part(CAT, 150, 100))
    said = [[CLASSES[c] for c in np.flatnonzero(frame)] for frame in found.allowed[0].numpy()]
    assert said[:8] == [["dog"]] * 7 + [[]]  # 4 frames of the event, 3 of its release
    assert said[14:] == [[]] + [["cat"]] * 5
    assert not (found.allowed.any(-1) & found.background).any()
    assert (found.allowed.any(-1) | found.background).all()


def mixed(clip: int, other: int, share: float, start: int, length: int) -> Placed:
    return replace(part(clip, start, length), variation=Variation(other=other, share=share))


def test_mixed_classes_share_the_label_and_either_may_be_said() -> None:
    found = asked(mixed(DOG, CAT, 0.25, 0, 40), part(CAT, 100, 40))
    torch.testing.assert_close(found.labels, torch.tensor([[0, 0.75, 0.25], [0, 1.0, 0]]))
    said = [[CLASSES[c] for c in np.flatnonzero(frame)] for frame in found.allowed[0].numpy()]
    assert said[:8] == [["cat", "dog"]] * 7 + [[]] and said[10] == ["cat"]
    assert drawn(found) == "AAAA---...BBBB---..."


def test_of_several_labels_mixing_makes_the_union() -> None:
    found = asked(mixed(DOG, CAT, 0.25, 0, 40), mixed(BOTH, CAT, 0.9, 60, 40), classes=("cat", "dog"), several=True)
    assert found.labels.tolist() == [[1, 1], [1, 1]]


@pytest.mark.parametrize("window_frames", [20, 50, 400])
def test_what_is_asked_of_a_frame_does_not_depend_on_the_window(window_frames: int) -> None:
    """Background, event and release frames of a long scene, cut into windows or not, are the same frames."""
    clips = [Clip(0, n, ("dog",)) for n in (35, 120, 301)]
    pack = Pack(Path("made"), {"rate_hz": 1000, "labels": ["dog"], "multi_label": False}, clips)
    settings = SceneSettings(gap_seconds=0.15, reset=0.0, clean=1.0)

    def background(frames: int) -> np.ndarray:
        streams = SceneStreams(pack, [0, 1, 2], pack, [0], settings, 4, frames * HOP, seed=2)
        windows = [streams.next_window() for _ in range(2000 // frames)]
        labels = ClipLabels(pack, CLASSES, False)
        parts = [make_targets(w, labels, 4, frames * HOP, HOP, 50, 60).background for w in windows]
        return torch.cat(parts, 1).numpy()

    whole, cut = background(2000), background(window_frames)
    assert 0.02 < whole.mean() < 0.6
    assert np.array_equal(cut, whole)


def test_targets_survive_the_way_to_a_device() -> None:
    found = asked(part(DOG, 50, 60))
    moved = found.to(torch.device("cpu"))
    for name in ("stream", "counts", "labels", "background", "allowed"):
        assert torch.equal(getattr(moved, name), getattr(found, name)), name
    assert moved.multi_label is False
