"""Which clip comes next: an endless shuffled list, asked for anywhere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .draws import shuffled


class Order:
    """The clips at places n of an endless list in which every clip, or every class, comes equally often."""

    def __init__(self, seed: int, codes: np.ndarray, label_sets: Sequence[tuple[str, ...]], balance: str) -> None:
        """`codes`: int64 [n], of each clip its labels' place in `label_sets`."""
        self._seed = seed
        if balance == "natural":
            self._classes = [np.arange(len(codes))]
            return
        names = sorted({name for labels in label_sets for name in labels})
        saying = ([i for i, labels in enumerate(label_sets) if name in labels] for name in names)
        members = (np.flatnonzero(np.isin(codes, those)) for those in saying)
        self._classes = [found for found in members if len(found)]

    def __getitem__(self, n: np.ndarray) -> np.ndarray:
        """n int64 [N] -> int64 [N], places in `codes`."""
        count = len(self._classes)
        turn, place = np.divmod(n, count)
        if count == 1:
            return self._members(0, turn)
        return self._one_each(self._dealt(turn, place, count, salt=1), turn)

    def of_groups(self, groups: np.ndarray, n: np.ndarray) -> np.ndarray:
        """The n-th clips (int64 [N]) of the classes that an endless shuffled list of classes has at places `groups`."""
        count = len(self._classes)
        return self._one_each(self._dealt(*np.divmod(groups, count), count, salt=1), n)

    def _one_each(self, classes: np.ndarray, turn: np.ndarray) -> np.ndarray:
        found = np.empty_like(turn)
        for number in np.unique(classes).tolist():
            of_class = classes == number
            found[of_class] = self._members(number, turn[of_class])
        return found

    def _members(self, number: int, turn: np.ndarray) -> np.ndarray:
        members = self._classes[number]
        return members[self._dealt(*np.divmod(turn, len(members)), len(members), salt=2 + number)]

    def _dealt(self, rounds: np.ndarray, position: np.ndarray, count: int, salt: int) -> np.ndarray:
        """What lies at `position` of each round's own order of `count` things."""
        found = np.empty_like(position)
        for number in np.unique(rounds).tolist():
            of_round = rounds == number
            found[of_round] = shuffled(self._seed, number, count, salt)[position[of_round]]
        return found
