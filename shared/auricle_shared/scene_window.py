"""One window of many streams: the plan of what lies where, and its audio."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from .pack import Pack, to_float
from .variation import PLAIN, Variation


@dataclass(frozen=True)
class Placed:
    """A part of a recording inside a window: what to copy where, and how loud."""

    stream: int
    clip: int
    """index in the pack it comes from"""
    source_samples: int
    """first sample of the part within the clip as it is played (at its speed)"""
    start_samples: int
    """where it goes, counted from the start of the window"""
    length_samples: int
    gain: float
    begun_samples: int = 0
    """start of the whole event, counted from the start of the window; negative if it began before"""
    ends: bool = True
    """whether the event's end lies inside the window"""
    variation: Variation = PLAIN


PLACED = ("stream", "clip", "source_samples", "start_samples", "length_samples", "gain", "begun_samples", "ends")
VARIATION = ("speed_percent", "room", "other", "other_shift_samples", "other_gain", "share")
KINDS = {"gain": "f8", "ends": "?", "other_gain": "f8", "share": "f8"}
COLUMNS = np.dtype([(name, KINDS.get(name, "i8")) for name in PLACED + VARIATION])
"""A row of a plan: what `Placed` and its `Variation` hold, under the same names."""


class Parts(Sequence[Placed]):
    """Many `Placed` as one table: a window of thousands of streams is planned and mixed by whole columns.

    Args:
        table: [N] of type COLUMNS.
    """

    def __init__(self, table: np.ndarray) -> None:
        self.table = table

    @classmethod
    def of(cls, parts: Iterable[Placed]) -> Parts:
        rows = [tuple(getattr(p, n) for n in PLACED) + tuple(getattr(p.variation, n) for n in VARIATION) for p in parts]
        return cls(np.array(rows, COLUMNS))

    def __len__(self) -> int:
        return len(self.table)

    def __iter__(self) -> Iterator[Placed]:
        yield from map(_placed, self.table.tolist())

    @overload
    def __getitem__(self, chosen: int) -> Placed: ...
    @overload
    def __getitem__(self, chosen: slice) -> Parts: ...
    def __getitem__(self, chosen: int | slice) -> Placed | Parts:
        if isinstance(chosen, slice):
            return Parts(self.table[chosen])
        return _placed(self.table[chosen].item())


def _placed(row: Sequence[Any]) -> Placed:
    values = dict(zip(PLACED, row, strict=False))
    return Placed(**values, variation=Variation(*row[len(PLACED) :]))


NOTHING = Parts(np.zeros(0, COLUMNS))


@dataclass(frozen=True)
class Window:
    """The plan of one window of all streams: bookkeeping only, no audio."""

    number: int
    reset: np.ndarray
    """bool [B]: streams that begin anew with this window"""
    ended_samples: np.ndarray
    """int64 [B]: end of the last event before this window, counted from its start, so 0 or negative"""
    events: Parts
    background: Parts


def play_window(running: np.ndarray, streams: np.ndarray, window_samples: int) -> tuple[np.ndarray, np.ndarray]:
    """The parts inside this window of what `streams` are playing; the rests are left in `running`.

    Args:
        running: [B] of type COLUMNS, what each stream plays; changed: the rest's times count from the next window.
        streams: int64 [N], rows of `running`.

    Returns:
        [N] of type COLUMNS, and bool [N], whether a rest is left.
    """
    parts = running[streams]
    room = window_samples - parts["start_samples"]
    over = parts["length_samples"] > room
    if over.any():
        rests, going = parts[over], streams[over]
        rests["source_samples"] += room[over]
        rests["length_samples"] -= room[over]
        rests["start_samples"] = 0
        rests["begun_samples"] -= window_samples
        running[going] = rests
        parts["length_samples"] = np.where(over, room, parts["length_samples"])
    parts["ends"] = ~over
    return parts, over


def render(window: Window, pack: Pack, background: Pack, streams: int, window_samples: int) -> np.ndarray:
    """The audio of a planned window, float32 [B, samples], limited to full scale as a converter does.

    Knows mixed clips; what is played faster or in a room only the trainer can render.
    """
    audio = np.zeros((streams, window_samples), np.float32)
    for source, parts in ((background, window.background), (pack, window.events)):
        for p in parts:
            _add(audio, source, p, p.clip, p.source_samples, p.gain)
            v = p.variation
            if v.speed_percent != 100 or v.room >= 0:
                raise ValueError("render() plays no event faster or in a room; auricle_trainer.batches.mix does")
            if v.other >= 0:
                _add(audio, source, p, v.other, p.source_samples + v.other_shift_samples, v.other_gain)
    return np.clip(audio, -1.0, 1.0, out=audio)


def _add(audio: np.ndarray, source: Pack, part: Placed, clip: int, first: int, gain: float) -> None:
    there = source.clips[clip]
    start, count = there.offset_samples + first, max(0, min(part.length_samples, there.length_samples - first))
    samples = to_float(source.samples[start : start + count])
    audio[part.stream, part.start_samples : part.start_samples + count] += samples * np.float32(gain)
