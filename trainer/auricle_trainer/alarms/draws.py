"""Where a drawn sound's numbers come from: two sets of ranges that never meet, `train` and `unseen`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from auricle_shared.errors import SettingsError

T = TypeVar("T")
SLICES = 5
"""Every range is cut into this many equal slices: `train` draws from the 1st, 3rd and 5th, `unseen` from the others."""
GUARD = 0.2
"""Share of a slice left out at each of its ends, so that drift and measurement do not blur the border."""
RANGES: dict[str, tuple[int, ...]] = {"train": (0, 2, 4), "unseen": (1, 3)}


class Draws:
    """Draws the parameters of one sound and remembers them.

        draws = Draws(np.random.default_rng(1), "train")
        carrier_hz = draws.between("carrier_hz", 2800, 3400)
        draws.parameters["carrier_hz"]           # [2845.6...]

    |--train--|--unseen--|--train--|--unseen--|--train--|      a range, its slices, and who draws from which

    What no range decides (the order of notes, noise, a count) comes from `rng` itself.
    """

    def __init__(self, rng: np.random.Generator, ranges: str) -> None:
        """Raises SettingsError: ranges that are neither 'train' nor 'unseen'."""
        if ranges not in RANGES:
            raise SettingsError(f"ranges is {ranges!r}; it must be one of: {', '.join(RANGES)}.")
        self.rng = rng
        self._slices = RANGES[ranges]
        self.parameters: dict[str, list[float]] = {}
        """every value drawn from a range, by name, in the order drawn"""
        self.variant = ""
        """which form of the sound it became"""

    def between(self, name: str, low: float, high: float) -> float:
        """A number from this set's slices of [low, high]."""
        chosen = self._slices[self.rng.integers(len(self._slices))]
        value = low + (high - low) / SLICES * (chosen + self.rng.uniform(GUARD, 1 - GUARD))
        self.parameters.setdefault(name, []).append(value)
        return value

    def count(self, low: int, high: int) -> int:
        """A whole number from low to high, both included; the same in both sets."""
        return int(self.rng.integers(low, high + 1))

    def choose(self, options: Sequence[T]) -> T:
        return options[int(self.rng.integers(len(options)))]

    def choose_variant(self, weights: dict[str, float]) -> str:
        """One of the sound's forms, each as often as its weight says (they add up to 1)."""
        self.variant = str(self.rng.choice(list(weights), p=list(weights.values())))
        return self.variant
