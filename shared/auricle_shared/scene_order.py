"""Which clip comes next: an endless shuffled list, asked for anywhere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .draws import shuffled


class Order:
    """The clips at places n of an endless list in which every clip, or every class, comes equally often."""

    def __init__(self, seed: int, labels: Sequence[tuple[str, ...]], balance: str) -> None:
        self._seed = seed
        by_class: dict[str, list[int]] = {}
        for i, names in enumerate(labels):
            for name in names if balance == "balanced" else ("",):
                by_class.setdefault(name, []).append(i)
        self._classes = [np.array(by_class[name], np.int64) for name in sorted(by_class)]

    def __getitem__(self, n: np.ndarray) -> np.ndarray:
        """n int64 [N] -> int64 [N], places in `labels`."""
        count = len(self._classes)
        turn, place = np.divmod(n, count)
        if count == 1:
            return self._members(0, turn)
        chosen = self._dealt(turn, place, count, salt=1)
        found = np.empty_like(n)
        for number in np.unique(chosen).tolist():
            of_class = chosen == number
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
