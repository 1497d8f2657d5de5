"""What a run writes down while it trains: metrics as JSON lines, TensorBoard curves, one progress line."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from auricle_shared.json_lines import append_line, read_lines

REDRAW_SECONDS = 0.5
LINE_SECONDS = 10.0


class Observer:
    """Somebody who follows a run beside its folder, which is complete without any; each overrides what it needs."""

    def begin(self, folder: Path) -> None:
        """Training begins or goes on; config.json and run.json are written."""

    def log(self, step: int, values: dict[str, Any]) -> None:
        """The figures of an epoch, as `metrics.jsonl` has them."""

    def wants_stop(self) -> bool:
        """Asked after every step; True ends training there, with a checkpoint."""
        return False

    def end(self, folder: Path, finished: bool) -> None:
        """Nothing more is written; not `finished`: stopped before the last step."""


class Tracker:
    """Metrics of one run; `metrics.jsonl` is synced after every line, so a crash loses nothing that was told."""

    def __init__(self, folder: Path, observers: Sequence[Observer] = ()) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        from torch.utils.tensorboard import SummaryWriter

        folder.mkdir(parents=True, exist_ok=True)
        self._metrics = folder / "metrics.jsonl"
        self._board = SummaryWriter(str(folder / "tensorboard"))
        self._observers = observers

    def log(self, step: int, values: dict[str, Any]) -> None:
        append_line(self._metrics, {"step": step, **values})
        for key, value in values.items():
            if isinstance(value, int | float):
                self._board.add_scalar(key, value, step)
        for observer in self._observers:
            observer.log(step, values)

    def board(self, step: int, values: dict[str, float]) -> None:
        """Curves in TensorBoard alone: what changes from step to step."""
        for key, value in values.items():
            self._board.add_scalar(key, value, step)

    def picture(self, name: str, figure: Any, step: int) -> None:
        self._board.add_figure(name, figure, step, close=False)

    def close(self) -> None:
        self._board.close()


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl in order; a line that a crash cut short is left out."""
    return read_lines(folder / "metrics.jsonl")


class Progress:
    """How far it is, on standard error: one line redrawn on a terminal, a line every ten seconds elsewhere."""

    def __init__(self, total: int, what: str, silent: bool = False) -> None:
        self._total, self._what, self._silent = total, what, silent
        self._begun = self._last = time.monotonic()
        self._first: int | None = None
        self._terminal = sys.stderr.isatty()

    def update(self, done: int, told: str) -> None:
        if self._silent:
            return
        now = time.monotonic()
        if self._first is None:
            self._first = done - 1
        if now - self._last < (REDRAW_SECONDS if self._terminal else LINE_SECONDS) and done < self._total:
            return
        self._last = now
        rate = (done - self._first) / max(1e-9, now - self._begun)
        left = (self._total - done) / max(1e-9, rate)
        text = f"{self._what} {done}/{self._total} ({100 * done / self._total:.0f} %), {told}, {left:.0f} s left"
        sys.stderr.write(f"\r\033[K{text}" if self._terminal else text + "\n")
        sys.stderr.flush()

    def close(self) -> None:
        if self._terminal and not self._silent:
            sys.stderr.write("\n")
