"""Laws of the split: everybody once, no group torn apart, classes in proportion, the same for the same seed."""

from collections import Counter, defaultdict

import numpy as np
import pytest

from auricle_shared.errors import DataError, SettingsError
from auricle_shared.pack import Clip
from auricle_trainer.importers.splits import Shares, assign_splits, group_of, stratify

SHARES = Shares(0.8, 0.1, 0.1)


def clip(source, *labels, **columns):
    return Clip(0, 1, labels, source=str(source), **columns)


def per_label(clips, splits):
    counts = defaultdict(Counter)
    for one, split in zip(clips, splits, strict=True):
        for label in one.labels:
            counts[label][split] += 1
    return counts


def torn_apart(clips, splits):
    sides = defaultdict(set)
    for one, split in zip(clips, splits, strict=True):
        sides[group_of(one)].add(split)
    return [name for name, where in sides.items() if len(where) > 1]


@pytest.mark.parametrize("seed", range(5))
def test_single_clips_are_split_in_proportion_label_by_label(seed):
    rng = np.random.default_rng(seed)
    sizes = {f"l{i}": int(n) for i, n in enumerate(rng.integers(3, 400, 12))}
    clips = [clip(f"{label}/{i}", label) for label, n in sizes.items() for i in range(n)]
    for label, count in per_label(clips, stratify(clips, SHARES, seed)).items():
        assert count["train"] == pytest.approx(0.8 * sizes[label], abs=1.6)
        assert count["val"] == pytest.approx(max(1, 0.1 * sizes[label]), abs=1)
        assert count["test"] == pytest.approx(max(1, 0.1 * sizes[label]), abs=1)


@pytest.mark.parametrize("seed", range(20))
def test_no_group_is_torn_apart_and_every_label_with_three_groups_is_everywhere(seed):
    rng = np.random.default_rng(seed)
    clips = [
        clip(f"{i}", *rng.choice(list("abcd"), size=rng.integers(1, 3), replace=False), group=f"g{rng.integers(30)}")
        for i in range(400)
    ] + [clip(f"s{i}", "abcd"[i % 4], speaker=f"p{i % 7}") for i in range(140)]
    splits = stratify(clips, SHARES, seed)
    assert set(splits) == {"train", "val", "test"}
    assert torn_apart(clips, splits) == []
    for count in per_label(clips, splits).values():
        assert min(count.values()) >= 1
        assert len(count) == 3
    assert Counter(splits)["train"] / len(clips) == pytest.approx(0.8, abs=0.06)


def test_six_speakers_of_ten_digits_go_four_one_one():
    clips = [clip(f"{d}_{s}_{i}", str(d), speaker=s) for d in range(10) for s in "abcdef" for i in range(20)]
    splits = stratify(clips, SHARES, 0)
    speakers = defaultdict(set)
    for one, split in zip(clips, splits, strict=True):
        speakers[split].add(one.speaker)
    assert {side: len(who) for side, who in speakers.items()} == {"train": 4, "val": 1, "test": 1}


def test_the_seed_decides_and_the_order_of_listing_does_not():
    clips = [clip(i, "ab"[i % 2], group=f"g{i // 3}") for i in range(300)]
    first = dict(zip([c.source for c in clips], stratify(clips, SHARES, 7), strict=True))
    shuffled = [clips[i] for i in np.random.default_rng(0).permutation(300)]
    assert dict(zip([c.source for c in shuffled], stratify(shuffled, SHARES, 7), strict=True)) == first
    assert dict(zip([c.source for c in clips], stratify(clips, SHARES, 8), strict=True)) != first


@pytest.mark.parametrize(
    ("number", "wanted"),
    [
        (2, {"train": 1, "val": 1}),
        (3, {"train": 1, "val": 1, "test": 1}),
        (4, {"train": 2, "val": 1, "test": 1}),
        (10, {"train": 8, "val": 1, "test": 1}),
    ],
)
def test_few_clips(number, wanted):
    clips = [clip(i, "a") for i in range(number)] + [clip(f"b{i}", "b") for i in range(50)]
    splits, notes = assign_splits(clips, None, 0)
    assert per_label(clips, splits)["a"] == wanted
    assert bool(notes) == (number == 2)
    if notes:
        assert "'a' comes from 2 clip(s)" in notes[0]


def test_a_label_with_one_clip_is_an_error_unless_all_is_for_training():
    clips = [clip(1, "lonely"), *[clip(f"b{i}", "b") for i in range(10)]]
    with pytest.raises(DataError, match=r"1 label\(s\) with one clip: 'lonely'.*at least 2"):
        assign_splits(clips, None, 0)
    assert set(assign_splits(clips, Shares.parse("100/0/0"), 0)[0]) == {"train"}


def test_one_long_background_recording_is_no_error():
    clips = [clip(1, "background"), *[clip(f"b{i}", "b") for i in range(10)]]
    splits, notes = assign_splits(clips, None, 0)
    assert splits[0] == "train"
    assert "'background' comes from 1" in notes[0]


def test_a_label_of_one_speaker_stays_together_and_it_is_said():
    clips = [clip(i, "a", speaker="anna") for i in range(20)] + [clip(f"b{i}", "b") for i in range(50)]
    splits, notes = assign_splits(clips, None, 0)
    assert set(splits[:20]) == {"train"}
    assert "'a' comes from 1 clip(s) or group(s), which stay together: it is only in train" in notes[0]


def test_folds_alone_are_kept_and_only_an_explicit_wish_splits_them():
    clips = [clip(i, "ab"[i % 2], fold=str(i % 5), group=f"g{i}") for i in range(100)]
    assert set(assign_splits(clips, None, 0)[0]) == {""}
    assert Counter(assign_splits(clips, SHARES, 0)[0]) == {"train": 80, "val": 10, "test": 10}


def test_a_source_with_train_and_val_is_kept_as_it_is():
    clips = [clip(i, "ab"[i % 2], split="val" if i % 5 == 0 else "train") for i in range(100)]
    splits, notes = assign_splits(clips, None, 0)
    assert splits == [c.split for c in clips]
    assert "kept (train 80, val 20)" in notes[0]


def fsdd_like():
    return [
        clip(f"{d}_{s}_{i}", str(d), split="test" if i < 5 else "train", speaker=s)
        for d in range(4) for s in "abc" for i in range(25)
    ]  # fmt: skip


def test_val_comes_out_of_train_by_clips_where_the_source_shares_its_speakers():
    clips = fsdd_like()
    splits, notes = assign_splits(clips, None, 0)
    assert [s for c, s in zip(clips, splits, strict=True) if c.split == "test"] == ["test"] * 60
    assert Counter(splits) == {"train": 216, "val": 24, "test": 60}
    assert all(count["val"] == 6 for count in per_label(clips, splits).values())
    assert any("24 of its 240 train clips became val (by clips" in note for note in notes)
    assert any("3 group(s) are in more than one split" in note for note in notes)


def test_val_comes_out_of_train_by_groups_where_the_source_respects_them():
    clips = [clip(i, "ab"[i % 2], split="test" if i < 40 else "train", group=f"g{i // 10}") for i in range(240)]
    splits, notes = assign_splits(clips, None, 0)
    assert torn_apart(clips, splits) == []
    assert Counter(splits)["val"] == 20
    assert len(notes) == 2


def test_an_explicit_split_sets_the_ratio_of_train_and_val_only():
    splits, _ = assign_splits(fsdd_like(), Shares.parse("60/20/20"), 0)
    assert Counter(splits) == {"train": 180, "val": 60, "test": 60}
    splits, _ = assign_splits(fsdd_like(), Shares.parse("90/0/10"), 0)
    assert Counter(splits) == {"train": 240, "test": 60}


def test_clips_without_a_split_join_the_sides_that_are_there():
    clips = [clip(i, "a", split=["train", "val"][i % 2], speaker=f"p{i % 2}") for i in range(20)]
    clips += [clip(f"b{i}", "background") for i in range(20)] + [clip("more", "a", speaker="p1")]
    splits, _ = assign_splits(clips, None, 0)
    assert Counter(splits[20:40]).keys() == {"train", "val"}
    assert splits[40] == "val"  # where its speaker is


def test_groups_that_cross_the_sources_folds_are_said():
    clips = [clip(i, "a", fold=str(1 + i % 5), group="torn" if i < 2 else f"g{i}") for i in range(20)]
    _, notes = assign_splits(clips, None, 0)
    assert any("1 group(s) are in more than one fold" in note for note in notes)


@pytest.mark.parametrize("text", ["80/20", "a/b/c", "0/50/50", "80/-10/30", "nan/1/1", "80/10/10/0", ""])
def test_a_split_that_makes_no_sense_is_refused(text):
    with pytest.raises(SettingsError, match="such as 80/10/10"):
        Shares.parse(text)


def test_parts_add_up_to_one_whatever_they_are_written_in():
    assert Shares.parse("8/1/1") == Shares.parse("80/10/10")
    assert Shares.parse("2/1/1") == Shares(0.5, 0.25, 0.25)
