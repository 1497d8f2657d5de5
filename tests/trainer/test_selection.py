"""Which clips train and which choose the best epoch: never one group on both sides, never the held-out ones."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from auricle_shared.errors import DataError
from auricle_shared.metadata import BACKGROUND
from auricle_shared.pack import Clip, Pack
from auricle_trainer.config import DataSettings
from auricle_trainer.selection import select_clips


def pack_of(clips: list[Clip]) -> Pack:
    splits = Counter(c.split for c in clips)
    labels = sorted({label for c in clips for label in c.labels})
    return Pack(Path("made"), {"rate_hz": 16000, "labels": labels, "splits": splits}, clips)


def clip(label: str, **columns: str) -> Clip:
    return Clip(0, 100, (label,), **columns)


def grouped(seed: int) -> Pack:
    """200 clips of three classes in groups of one to six; a group may hold several classes."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(200), rng.integers(1, 7, 200))[:200]
    return pack_of([clip(str(rng.choice(["a", "a", "b", "c"])), group=f"g{g}") for g in groups])


@pytest.mark.parametrize("seed", range(5))
def test_no_group_is_on_two_sides_and_shares_are_kept_in_every_class(seed: int) -> None:
    pack = grouped(seed)
    found = select_clips(pack, DataSettings(validation_share=0.2), seed)
    assert sorted(found.train + found.validation) == list(range(200))
    sides = [{pack.clips[i].group for i in side} for side in (found.train, found.validation)]
    assert not sides[0] & sides[1]
    total, kept = pack.counts(), pack.counts(found.validation)
    for label in "abc":
        assert 0.1 < kept[label] / total[label] <= 0.2 + 0.5 / total[label]


def test_the_share_is_drawn_from_the_seed() -> None:
    pack = grouped(0)
    first, same, other = (select_clips(pack, DataSettings(), seed) for seed in (1, 1, 2))
    assert first == same and first.validation != other.validation


def test_splits_that_are_there_are_used() -> None:
    splits = ["train"] * 6 + ["val"] * 2 + ["test"] * 4
    pack = pack_of([clip("a" if i % 2 else "b", split=s) for i, s in enumerate(splits)])
    found = select_clips(pack, DataSettings(), 0)
    assert found.train == list(range(6)) and found.validation == [6, 7]


def test_without_val_some_of_train_is_kept_and_test_is_never_touched() -> None:
    pack = pack_of([clip("ab"[i % 2], split="train" if i < 40 else "test") for i in range(60)])
    found = select_clips(pack, DataSettings(), 0)
    assert sorted(found.train + found.validation) == list(range(40))
    assert pack.counts(found.validation) == {"a": 2, "b": 2}


def test_a_held_out_speaker_is_on_no_side() -> None:
    speakers = ["george", "jackson", "lucas", "nicolas", "theo", "yweweler"]
    pack = pack_of([clip(str(d), speaker=s, split="train") for s in speakers for d in range(4) for _ in range(10)])
    settings = DataSettings(held_out_column="speaker", held_out_value="lucas")
    found = select_clips(pack, settings, 0)
    seen = {pack.clips[i].speaker for i in found.train + found.validation}
    assert seen == set(speakers) - {"lucas"}
    # All five others train: validation takes clips, not a whole second speaker.
    assert {pack.clips[i].speaker for i in found.train} == seen
    assert 0.05 < len(found.validation) / 200 < 0.15
    with pytest.raises(DataError, match="'lukas'.*only: george, jackson, lucas"):
        select_clips(pack, replace(settings, held_out_value="lukas"), 0)


def test_a_held_out_fold_ignores_splits() -> None:
    pack = pack_of([clip("ab"[i % 2], fold=str(i % 5 + 1), split="test", group=f"g{i}") for i in range(100)])
    found = select_clips(pack, DataSettings(held_out_column="fold", held_out_value="3"), 0)
    assert len(found.train) + len(found.validation) == 80
    assert all(pack.clips[i].fold != "3" for i in found.train + found.validation)


def test_few_large_groups_leave_one_whole_group_for_validation() -> None:
    """Three speakers: each is a third of the clips, more than the share; one of them must do."""
    pack = pack_of([clip("ab"[i % 2], speaker=s) for s, n in (("x", 20), ("y", 12), ("z", 16)) for i in range(n)])
    found = select_clips(pack, DataSettings(), 0)
    assert {pack.clips[i].speaker for i in found.validation} == {"y"}
    assert {pack.clips[i].speaker for i in found.train} == {"x", "z"}


def test_what_cannot_be_selected_is_told() -> None:
    with pytest.raises(DataError, match="too few clips, or too few groups"):
        select_clips(pack_of([clip("a"), clip("b")]), DataSettings(), 0)
    with pytest.raises(DataError, match="too few"):
        select_clips(pack_of([clip("ab"[i % 2], group="all one") for i in range(20)]), DataSettings(), 0)
    with pytest.raises(DataError, match="no labelled clips"):
        select_clips(pack_of([clip(BACKGROUND) for _ in range(20)]), DataSettings(), 0)
    with pytest.raises(DataError, match="no labelled clips.*test"):
        select_clips(pack_of([clip("ab"[i % 2], split="test") for i in range(20)]), DataSettings(), 0)
