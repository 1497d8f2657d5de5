"""How an event in a training scene differs from its recording: played faster, in a room, mixed with another class.

Here the numbers are drawn; they are functions of (seed, stream, event number), so a resumed run hears the same. The
trainer applies them. Scenes for evaluation leave everything off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import SettingsError
from .pack import Clip

SLOWEST, FASTEST = 0.85, 1.15
"""Farther than 15 % a voice becomes another one, and an alarm's pitch another alarm's."""
LONGEST_RT60_SECONDS = 1.0
ROOMS = 64
"""drawn rooms of a run; each is made once"""


@dataclass(frozen=True)
class AugmentSettings:
    """Changes to the sound of training scenes. Everything is off unless set."""

    mix: float = 0.0
    """share of events that are two clips of different classes at once; the label is split between them. The second clip
    is any of another class, as likely as the others, also with balance = 'balanced'"""
    speed_low: float = 1.0
    speed_high: float = 1.0
    """an event is played this many times as fast, drawn evenly in steps of 0.01; pitch moves along"""
    room: float = 0.0
    """share of events that are heard in a drawn room"""
    rt60_low_seconds: float = 0.1
    rt60_high_seconds: float = 0.6
    """time in which a room's sound falls by 60 dB"""
    direct_low_db: float = -3.0
    direct_high_db: float = 12.0
    """direct sound over all that the room adds"""
    ambient: float = 0.0
    """share of background pieces with a second recording under the first"""
    ambient_low_db: float = -20.0
    ambient_high_db: float = 0.0
    """level of the second recording re the first; their sum keeps the level drawn for the background"""
    gain_low_db: float = 0.0
    gain_high_db: float = 0.0
    """change of a whole stream's level, drawn when it begins anew; the ratio of event to background stays"""

    def __post_init__(self) -> None:
        for name in ("mix", "room", "ambient"):
            _check(name, getattr(self, name), 0.0, 1.0)
        for low, high, limits in (
            ("speed_low", "speed_high", (SLOWEST, FASTEST)),
            ("rt60_low_seconds", "rt60_high_seconds", (0.02, LONGEST_RT60_SECONDS)),
            ("direct_low_db", "direct_high_db", (-60.0, 60.0)),
            ("ambient_low_db", "ambient_high_db", (-60.0, 0.0)),
            ("gain_low_db", "gain_high_db", (-60.0, 60.0)),
        ):
            least, most = getattr(self, low), getattr(self, high)
            _check(low, least, *limits)
            _check(high, most, *limits)
            if least > most:
                raise SettingsError(f"augment.{low} = {least} is above augment.{high} = {most}.")

    @property
    def speeds_percent(self) -> range:
        """What is drawn from."""
        return range(round(100 * self.speed_low), round(100 * self.speed_high) + 1)

    @property
    def copies_alone(self) -> bool:
        """Whether recordings are only copied, scaled and added, which `scenes.render` does."""
        return not self.room and self.speeds_percent == range(100, 101)


def _check(name: str, value: float, lowest: float, highest: float) -> None:
    if not lowest <= value <= highest:
        raise SettingsError(f"augment.{name} is {value}; it must lie between {lowest:g} and {highest:g}.")


@dataclass(frozen=True)
class Variation:
    """The numbers drawn for one event or piece of background."""

    speed_percent: int = 100
    room: int = -1
    """number of the room, below ROOMS; -1: none"""
    other: int = -1
    """a second clip of the same pack at the same time; -1: none"""
    other_shift_samples: int = 0
    """its sample that sounds together with sample 0 of the first clip"""
    other_gain: float = 0.0
    share: float = 1.0
    """the first clip's part of the label; the rest is the second one's"""

    def played_samples(self, length_samples: int) -> int:
        """Samples of a clip at this speed."""
        return -(-length_samples * 100 // self.speed_percent)


PLAIN = Variation()


def mixing_gains(share: Any) -> tuple[Any, Any]:
    """Gains of two clips that were brought to the same level: together as loud as one, the first in ratio `share`.

    Tokozume, Ushiku, Harada: Learning from between-class examples for deep sound recognition (ICLR 2018), equation 2;
    where they compare A-weighted levels, we compare the levels of active frames, by which events are placed anyway.
    """
    total = (share**2 + (1 - share) ** 2) ** 0.5
    return share / total, (1 - share) / total


class Partners:
    """A clip of another class to mix with; background is no class here."""

    def __init__(self, clips: Sequence[Clip], chosen: Sequence[int], background: str) -> None:
        """`chosen`: indices in `clips` of those that may be mixed."""
        heard = [i for i in chosen if clips[i].labels and background not in clips[i].labels]
        ordered = sorted(heard, key=lambda i: (clips[i].labels, i))
        blocks: dict[tuple[str, ...], tuple[int, int]] = {}
        for place, i in enumerate(ordered):
            first, _ = blocks.get(clips[i].labels, (place, place))
            blocks[clips[i].labels] = (first, place + 1)
        self._ordered = np.array(ordered, np.int64)
        nowhere = (0, len(ordered))  # no other clip is left for it
        of_clips = [blocks.get(c.labels, nowhere) for c in clips] if ordered else []
        self._blocks = np.array(of_clips, np.int64).reshape(-1, 2)

    def partner(self, clip: np.ndarray, u: np.ndarray) -> np.ndarray:
        """The clips that u in [0, 1) chooses, every one of other labels as likely; -1 where there is none.

        Args:
            clip: int64 [N]; u: float64 [N].
        """
        if not len(self._ordered):
            return np.full(len(clip), -1)
        first, behind = self._blocks[clip].T
        others = len(self._ordered) - (behind - first)
        place = (u * others).astype(np.int64)
        place += np.where(place < first, 0, behind - first)
        return np.where(others > 0, self._ordered[np.minimum(place, len(self._ordered) - 1)], -1)


def steps(u: np.ndarray, values: range) -> np.ndarray:
    """One of evenly likely `values` for each u in [0, 1)."""
    return values.start + (u * len(values)).astype(np.int64)


def between(u: Any, low: Any, high: Any) -> Any:
    """Numbers or arrays, as `u` is."""
    return low + u * (high - low)


def amplitude(level_db: Any) -> Any:
    return 10 ** (level_db / 20)


def level_db(rms: Any) -> Any:
    return 20 * np.log10(np.maximum(rms, 1e-6))
