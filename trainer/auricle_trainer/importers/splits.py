"""Who learns from what: train, val and test, stratified, seeded, never one group on two sides.

A group is a clip's `group`, else its `speaker`, else the clip alone. Groups are dealt out by iterative stratification
(after Sechidis, Tsoumakas, Vlahavas, ECML PKDD 2011): those of the rarest label first, the largest first, each to the
side that lacks most of what it holds (for a group of several labels: the least squares over all of them).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from auricle_shared.errors import DataError, SettingsError
from auricle_shared.metadata import BACKGROUND
from auricle_shared.pack import Clip

SIDES = ("train", "val", "test")
CARVED_VAL = 0.1
"""Part of the training clips that becomes val where a source brings train and test only"""


@dataclass(frozen=True)
class Shares:
    """Parts of the clips for train, val and test; they add up to 1."""

    train: float = 0.8
    val: float = 0.1
    test: float = 0.1

    @classmethod
    def parse(cls, text: str) -> Shares:
        """'80/10/10' -> Shares(0.8, 0.1, 0.1)."""
        try:
            parts = [float(part) for part in text.split("/")]
        except ValueError:
            parts = []
        if len(parts) != 3 or parts[0] <= 0 or not all(0 <= p < 1e9 for p in parts):
            raise SettingsError(f"--split is {text!r}; wanted three numbers such as 80/10/10, the first above 0.")
        return cls(*(part / sum(parts) for part in parts))

    @property
    def val_of_train(self) -> Shares:
        """The same ratio of train to val, without a test side."""
        return Shares(self.train / (self.train + self.val), self.val / (self.train + self.val), 0.0)

    def by_side(self) -> dict[str, float]:
        return {side: share for side in SIDES if (share := getattr(self, side)) > 0}


def assign_splits(clips: Sequence[Clip], shares: Shares | None, seed: int) -> tuple[list[str], list[str]]:
    """The split of every clip, and notes on what was done, in words.

    What the source brings is kept. Its clips without a split are dealt out over the sides it has. If it has train and
    test but no val, val is taken out of train. If it has folds only, nothing is split unless `shares` asks for it.

    Args:
        shares: None for the default (80/10/10, and 10 % of train as val).

    Raises:
        DataError: a label with a single clip, which cannot be on two sides.
    """
    own = Counter(c.split for c in clips if c.split)
    if not own and shares is None and any(c.fold for c in clips):
        folds = len({c.fold for c in clips if c.fold})
        return [c.split for c in clips], [f"the source's {folds} folds are kept; nothing was split.", *_crossing(clips)]
    if not own:
        _refuse_single(clips, shares or Shares())
        splits = stratify(clips, shares or Shares(), seed)
        return splits, _missing(clips, splits, shares or Shares())
    notes = [f"the source's own split is kept ({', '.join(f'{side} {own[side]}' for side in SIDES if own[side])})."]
    splits = _fill(clips, Shares() if shares is None else shares, seed)
    carved = shares.val_of_train if shares else Shares(1 - CARVED_VAL, CARVED_VAL, 0.0)
    if not own["val"] and own["train"] and own["test"] and carved.val > 0:
        splits, note = _carve(clips, splits, carved, seed)
        notes.append(note)
    return splits, notes + _crossing([replace(c, split=s) for c, s in zip(clips, splits, strict=True)])


def stratify(clips: Sequence[Clip], shares: Shares, seed: int, grouped: bool = True) -> list[str]:
    """Deal clips out over the sides of `shares`; the same clips and seed give the same sides, in whatever order."""
    items: dict[str, list[int]] = defaultdict(list)
    for i, clip in enumerate(clips):
        items[group_of(clip) if grouped else f"clip {clip.source}"].append(i)
    return deal(clips, items, shares.by_side(), seed)


def deal(clips: Sequence[Clip], items: dict[str, list[int]], shares: dict[str, float], seed: int) -> list[str]:
    """The side of every clip, those of one item on one side.

    Args:
        items: name -> clips that stay together.
        shares: side -> its part of the clips of every label.
    """
    names = sorted(items)
    names = [names[i] for i in np.random.default_rng(seed).permutation(len(names))]
    counts = {name: Counter(label for i in items[name] for label in clips[i].labels) for name in names}
    side_of = _deal(names, counts, shares)
    sides = [""] * len(clips)
    for name in names:
        for i in items[name]:
            sides[i] = side_of[name]
    return sides


def group_of(clip: Clip) -> str:
    """What must not be torn apart, as a key that keeps groups, speakers and lonely clips from being confused."""
    if clip.group:
        return f"group {clip.group}"
    return f"speaker {clip.speaker}" if clip.speaker else f"clip {clip.source}"


def _deal(names: list[str], counts: dict[str, Counter[str]], shares: dict[str, float]) -> dict[str, str]:
    holders: dict[str, list[str]] = defaultdict(list)
    for name in names:
        for label in counts[name]:
            holders[label].append(name)
    total = {label: sum(counts[name][label] for name in held) for label, held in holders.items()}
    want = {label: _wanted(total[label], len(held), shares) for label, held in holders.items()}
    room = {side: share * sum(total.values()) for side, share in shares.items()}
    side_of: dict[str, str] = {}

    def lack(name: str, side: str) -> tuple[float, float]:
        """How far the group brings a side towards what it wants, label by label in parts of the label's clips."""
        return round(sum(n * want[x][side] / total[x] ** 2 for x, n in counts[name].items()), 9), room[side]

    for label in sorted(holders, key=lambda x: (len(holders[x]), x)):
        for name in sorted(holders[label], key=lambda n: -counts[n].total()):  # stable: ties stay shuffled
            if name in side_of:
                continue
            side_of[name] = side = max(shares, key=lambda s: lack(name, s))
            room[side] -= counts[name].total()
            for one, number in counts[name].items():
                want[one][side] -= number
    return side_of


def _wanted(clips: int, groups: int, shares: dict[str, float]) -> dict[str, float]:
    """Clips of a label wanted on each side: its share, but a group's worth on as many sides as there are groups."""
    want = {side: share * clips for side, share in shares.items()}
    for side in list(shares)[: max(1, groups)]:
        want[side] = max(want[side], clips / groups)
    largest = max(shares, key=lambda s: shares[s])
    rest = sum(number for side, number in want.items() if side != largest)
    want[largest] = max(clips / groups, clips - rest)
    return want


def _fill(clips: Sequence[Clip], shares: Shares, seed: int) -> list[str]:
    """Clips without a split join the sides that the source has."""
    have = {c.split for c in clips if c.split}
    open_ = [i for i, c in enumerate(clips) if not c.split]
    splits = [c.split for c in clips]
    weights = [getattr(shares, side) * (side in have) for side in SIDES]
    if not sum(weights):
        weights = [float(side in have) for side in SIDES]
    here = Shares(*(weight / sum(weights) for weight in weights))
    known = {group_of(c): c.split for c in clips if c.split and not group_of(c).startswith("clip ")}
    free = [i for i in open_ if group_of(clips[i]) not in known]
    for i, side in zip(free, stratify([clips[i] for i in free], here, seed), strict=True):
        splits[i] = side
    for i in set(open_) - set(free):
        splits[i] = known[group_of(clips[i])]
    return splits


def _carve(clips: Sequence[Clip], splits: list[str], shares: Shares, seed: int) -> tuple[list[str], str]:
    """Val out of train: by groups, unless the source itself puts the same groups on both sides."""
    train = [i for i, s in enumerate(splits) if s == "train"]
    elsewhere = {group_of(c) for c, s in zip(clips, splits, strict=True) if s != "train"}
    grouped = not any(group_of(clips[i]) in elsewhere for i in train)
    splits = list(splits)
    for i, side in zip(train, stratify([clips[i] for i in train], shares, seed, grouped), strict=True):
        splits[i] = side
    taken = sum(splits[i] == "val" for i in train)
    how = "by groups" if grouped else "by clips, as the source's own test shares groups or speakers with its train"
    return splits, f"it has no val: {taken} of its {len(train)} train clips became val ({how})."


def _refuse_single(clips: Sequence[Clip], shares: Shares) -> None:
    counts = Counter(label for c in clips for label in c.labels if label != BACKGROUND)
    single = sorted(label for label, number in counts.items() if number == 1)
    if single and len(shares.by_side()) > 1:
        raise DataError(
            f"{len(single)} label(s) with one clip: {', '.join(map(repr, single[:10]))}. Wanted at least 2, one to "
            "learn from and one to check on (3 for a test as well). Record more, drop or rename them with "
            "--corrections, or put everything into train with --split 100/0/0."
        )


def _missing(clips: Sequence[Clip], splits: Sequence[str], shares: Shares) -> list[str]:
    """Labels that are not on every side, with the reason."""
    found, groups = defaultdict(set), defaultdict(set)
    for clip, split in zip(clips, splits, strict=True):
        for label in clip.labels:
            found[label].add(split)
            groups[label].add(group_of(clip))
    return [
        f"{label!r} comes from {len(groups[label])} clip(s) or group(s), which stay together: "
        f"it is only in {', '.join(s for s in SIDES if s in found[label])}."
        for label in sorted(found)
        if found[label] != set(shares.by_side())
    ]


def _crossing(clips: Sequence[Clip]) -> list[str]:
    """Groups that the source's own split or folds tear apart: its figures say less than they seem to."""
    notes = []
    for what in ("split", "fold"):
        sides: dict[str, set[str]] = defaultdict(set)
        for clip in clips:
            if getattr(clip, what) and not group_of(clip).startswith("clip "):
                sides[group_of(clip)].add(getattr(clip, what))
        torn = sorted(name for name, where in sides.items() if len(where) > 1)
        if torn:
            notes.append(
                f"{len(torn)} group(s) are in more than one {what} of the source ({', '.join(torn[:6])}): "
                "results on it say nothing about new ones."
            )
    return notes
