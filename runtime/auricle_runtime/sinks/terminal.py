"""For people: live bars where the output is a terminal, plain lines where it is not.

level        ████████░░░░░░░░░░░░  -24 dB      12.3 s
smoke_alarm  ███████████████████░  0.97
doorbell     ░░░░░░░░░░░░░░░░░░░░  0.01
   9.87 s  smoke_alarm  0.97
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import TextIO

import numpy as np

from auricle_shared.stream import StreamFrames

from ..sources import Block
from . import HeardEvent, Sink
from .console import Console
from .level import FULL_SCALE
from .writer import Writer

BAR_CELLS = 20
QUIET_DB = -60.0
"""level at which the bar is empty; 0 dB is full scale"""
REDRAW_SECONDS = 0.1
MAX_BARS = 16
"""classes shown; of a model with more, the highest scores"""
LAST_EVENTS = 6
CLEAR_LINE, CLEAR_BELOW = "\033[K", "\033[J"


class PlainLines(Sink):
    """A line when an event begins and one when it is over."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def event(self, event: HeardEvent) -> None:
        self._writer.write(event_line(event) + "\n")

    def close(self) -> None:
        self._writer.close()


class TerminalBars(Console):
    """Redraws a few lines in place, at most ten times a second; needs nothing but ANSI sequences.

    Args:
        writer: a terminal that was stopped (Ctrl-S) misses pictures and holds nobody up.
        stream: the terminal, asked what it can show.
    """

    def __init__(self, writer: Writer, stream: TextIO, labels: Sequence[str]) -> None:
        from shutil import get_terminal_size  # it loads all kinds of archives: 2 ms that plain lines need not wait

        self._writer, self._labels, self._size = writer, labels, get_terminal_size
        self._highest = np.zeros(len(labels), np.float32)
        self._peak = 0.0
        self._seconds = 0.0
        self._said: deque[str] = deque(maxlen=LAST_EVENTS)
        self._lines_drawn = 0
        self._next_draw = 0.0
        self._drawn = False
        self._lock = threading.RLock()  # a writer that must say something says it here, in the middle of a picture
        self._cells = "█░" if _can_show(stream, "█░") else "#."

    def heard(self, block: Block, frames: StreamFrames) -> None:
        if self._drawn:  # what is shown is the highest since the picture before
            self._highest[:], self._peak, self._drawn = 0.0, 0.0, False
        if len(block.samples):
            self._peak = max(self._peak, float(np.abs(block.samples).max()))
            self._seconds = block.start_seconds
        if len(frames.scores):
            self._highest = np.maximum(self._highest, frames.scores.max(axis=0))
        if time.monotonic() >= self._next_draw and not self._writer.busy:
            self._draw()

    def event(self, event: HeardEvent) -> None:
        with self._lock:
            self._said.append(event_line(event))
        self._next_draw = 0.0

    def say(self, text: str) -> None:
        with self._lock:
            self._said.append(f"! {text}")
            self._draw()

    def close(self) -> None:
        self._draw()
        self._writer.close()

    def _draw(self) -> None:
        with self._lock:
            columns, rows = self._size()
            lines = [line[: columns - 1] for line in self._lines()][: rows - 1]
            up = f"\033[{self._lines_drawn}A" if self._lines_drawn else ""
            self._writer.write(up + "".join(line + CLEAR_LINE + "\n" for line in lines) + CLEAR_BELOW)
            self._lines_drawn, self._drawn = len(lines), True
            self._next_draw = time.monotonic() + REDRAW_SECONDS

    def _lines(self) -> list[str]:
        shown = sorted(np.argsort(-self._highest, kind="stable")[:MAX_BARS].tolist())
        width = max(5, *(len(self._labels[i]) for i in shown))
        level_db = 20 * math.log10(max(self._peak, 1e-6))
        clipping = "  CLIPPING" if self._peak >= FULL_SCALE else ""
        bar = self._bar("level", width, 1 - level_db / QUIET_DB)
        level = f"{bar}  {level_db:4.0f} dB  {self._seconds:8.1f} s{clipping}"
        scores = [f"{self._bar(self._labels[i], width, self._highest[i])}  {self._highest[i]:.2f}" for i in shown]
        return [level, *scores, *self._said]

    def _bar(self, name: str, width: int, share: float) -> str:
        """A bar behind its name: full at 1, empty at 0 and below."""
        full = round(min(1.0, max(0.0, float(share))) * BAR_CELLS)
        return f"{name:{width}}  {self._cells[0] * full}{self._cells[1] * (BAR_CELLS - full)}"


def event_line(event: HeardEvent) -> str:
    if event.offset_seconds is None:
        return f"{event.onset_seconds:8.2f} s  {event.label}  {event.score:.2f}"
    length = event.offset_seconds - event.onset_seconds
    return f"{event.offset_seconds:8.2f} s  {event.label}  over after {length:.2f} s, highest score {event.score:.2f}"


def _can_show(stream: TextIO, text: str) -> bool:
    try:
        text.encode(getattr(stream, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return False
    return True
