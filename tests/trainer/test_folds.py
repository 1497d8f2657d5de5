"""Folds inside the training clips: every clip in one, no voice in two, the same for every seed."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auricle_shared.errors import SettingsError
from auricle_shared.pack import Clip, Pack
from auricle_trainer.config import DataSettings
from auricle_trainer.folds import fold_numbers
from auricle_trainer.selection import select_clips


def clips_of(speakers: list[int]) -> list[Clip]:
    """Clips of two labels in turn; speaker 0 is unknown, and every word is a group that all speakers share."""
    return [
        Clip(i, 1, ("ab"[i % 2],), split="train", speaker=f"s{s}" if s else "", group=f"word {i % 3}" if s else "")
        for i, s in enumerate(speakers)
    ]


@given(st.lists(st.integers(0, 12), min_size=10, max_size=80), st.integers(2, 5))
def test_no_speaker_is_in_two_folds(speakers: list[int], folds: int) -> None:
    clips = clips_of(speakers)
    numbers = fold_numbers(clips, folds)
    assert len(numbers) == len(clips) and set(numbers) <= set(range(folds))
    found = defaultdict(set)
    for clip, number in zip(clips, numbers, strict=True):
        if clip.speaker:
            found[clip.speaker].add(number)
    assert all(len(where) == 1 for where in found.values())


def test_folds_are_about_as_large_in_every_label() -> None:
    rng = np.random.default_rng(0)
    clips = clips_of([int(s) for s in rng.integers(0, 60, 600)])
    counts = Counter((clip.labels[0], number) for clip, number in zip(clips, fold_numbers(clips, 5), strict=True))
    assert all(50 <= counts[label, number] <= 70 for label in "ab" for number in range(5))


def test_without_speakers_groups_stay_together() -> None:
    clips = [Clip(i, 1, ("ab"[i % 2],), group=f"g{i // 4}") for i in range(80)]
    numbers = fold_numbers(clips, 4)
    assert all(len(set(numbers[i : i + 4])) == 1 for i in range(0, 80, 4)) and set(numbers) == set(range(4))


def test_the_folds_of_a_selection_cover_train_once_and_never_touch_val_and_test() -> None:
    train = clips_of([i // 5 + 1 for i in range(100)])
    other = [Clip(100 + i, 1, ("a",), split=("val", "test")[i % 2], speaker="s1") for i in range(20)]
    pack = Pack(Path("made"), {"labels": ["a", "b"], "splits": {}}, train + other)
    chosen = []
    for number in range(5):
        found = select_clips(pack, DataSettings(folds=5, fold_number=number), seed=number)
        assert sorted(found.train + found.validation) == list(range(100))
        assert found == select_clips(pack, DataSettings(folds=5, fold_number=number), seed=99)
        chosen += found.validation
    assert sorted(chosen) == list(range(100))


def test_folds_beside_a_held_out_one_never_touch_it() -> None:
    clips = [Clip(i, 1, ("ab"[i % 2],), fold=str(i % 5 + 1), group=f"g{i}") for i in range(100)]
    pack, seen = Pack(Path("made"), {"labels": ["a", "b"], "splits": {}}, clips), []
    held_out = {i for i in range(100) if clips[i].fold == "2"}
    for number in range(4):
        settings = DataSettings(folds=4, fold_number=number, held_out_column="fold", held_out_value="2")
        found = select_clips(pack, settings, seed=number)
        assert set(found.train) | set(found.validation) == set(range(100)) - held_out
        seen += found.validation
    assert sorted(seen) == sorted(set(range(100)) - held_out)


def test_folds_that_cannot_be_are_told() -> None:
    for folds, number in ((1, 0), (5, 5), (5, -1)):
        with pytest.raises(SettingsError, match="at least 2 folds"):
            DataSettings(folds=folds, fold_number=number)
