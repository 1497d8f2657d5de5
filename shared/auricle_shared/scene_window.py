"""One window of many streams: the plan of what lies where, and its audio."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True)
class Window:
    """The plan of one window of all streams: bookkeeping only, no audio."""

    number: int
    reset: np.ndarray
    """bool [B]: streams that begin anew with this window"""
    ended_samples: np.ndarray
    """int64 [B]: end of the last event before this window, counted from its start, so 0 or negative"""
    events: list[Placed]
    background: list[Placed]


def cut(placed: Placed, window_samples: int) -> tuple[Placed, Placed | None]:
    """The part of `placed` inside the window, and the rest with times counted from the next window's start."""
    room = window_samples - placed.start_samples
    if placed.length_samples <= room:
        return placed, None
    p, v = placed, placed.variation
    part = Placed(p.stream, p.clip, p.source_samples, p.start_samples, room, p.gain, p.begun_samples, False, v)
    source, begun = p.source_samples + room, p.begun_samples - window_samples
    rest = Placed(p.stream, p.clip, source, 0, p.length_samples - room, p.gain, begun, True, v)
    return part, rest


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
