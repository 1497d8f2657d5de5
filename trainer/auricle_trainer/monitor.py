"""Where a training step's time goes, told while it trains.

    | data | features | forward | backward | optimiser | data | features | ...
           ^          ^         ^          ^           ^
           mark("data") ...                            mark("optimiser")

`mark` closes the phase it names. On a GPU marks are events in its stream, made in one step of every EVERY and read when
that step has long passed: nothing waits for them.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from .gauges import Gauges

PHASES = ("data", "features", "forward", "backward", "optimiser")
"""of a step; the step of a CUDA graph has 'data' and 'graph'"""
EVERY = 50
"""Steps from one report to the next."""
PROFILED_STEPS = 5


class Monitor:
    """Times the phases of steps. This one is silent: it keeps nothing, and the loop may always speak to it."""

    def mark(self, phase: str) -> None:
        """The phase that began with the last mark ends here."""

    def after_step(self, step: int) -> None:
        """A step is complete."""

    def epoch_figures(self) -> dict[str, float]:
        """Means since the last call, for the epoch's line in the metrics; empty where nothing was measured."""
        return {}

    def pause(self) -> None:
        """What was done since the last step is no part of the next."""

    def close(self) -> None:
        """Nothing more is measured."""


SILENT = Monitor()


class StepClock(Monitor):
    """Seconds a phase, summed over the measured steps.

    Args:
        device: where the steps run.
        every: one step of so many is measured on a GPU; on a CPU all are.
    """

    def __init__(self, device: torch.device, every: int = 1) -> None:
        self._cuda = device.type == "cuda"
        self._every = every if self._cuda else 1
        self._step = 0
        self._thread = threading.get_ident()
        self._last: Any = self._now()
        self._marks: list[tuple[str, Any, Any]] = []
        """of the step that runs"""
        self._open: deque[list[tuple[str, Any, Any]]] = deque()
        """complete steps that were not read yet"""
        self._seconds: Counter[str] = Counter()
        self._measured = 0

    def _now(self) -> Any:
        if not self._cuda:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def mark(self, phase: str) -> None:
        # nn.DataParallel runs the model in a thread a GPU: its phases lie within this thread's.
        if self._step % self._every == 0 and threading.get_ident() == self._thread:
            now = self._now()
            self._marks.append((phase, self._last, now))
            self._last = now

    def after_step(self, step: int) -> None:
        self._step += 1
        if self._marks:
            self._open.append(self._marks)
            self._marks = []
        if self._step % self._every == 0:
            self._last = self._now()
        self._read()

    def _read(self) -> None:
        """Of a GPU's steps those that it has passed."""
        while self._open and (not self._cuda or self._open[0][-1][2].query()):
            self._measured += 1
            for phase, begin, end in self._open.popleft():
                self._seconds[phase] += begin.elapsed_time(end) / 1000 if self._cuda else end - begin

    def pause(self) -> None:
        self._last, self._marks = self._now(), []

    def take(self) -> dict[str, float]:
        """Mean seconds of each phase in the measured steps since the last call; empty without any."""
        self._read()
        means = {phase: seconds / self._measured for phase, seconds in self._seconds.items()}
        self._seconds, self._measured = Counter(), 0
        return means


class RunMonitor(StepClock):
    """The clock of a run: clips a second, phases and gauges, every EVERY steps to `board` and once an epoch to the
    metrics.

    Args:
        streams: windows a step, counted as clips.
        board: called with (step, figures).
        profile: folder for a torch profiler's trace of a few steps, or None.
    """

    def __init__(
        self,
        device: torch.device,
        streams: int,
        board: Callable[[int, dict[str, float]], None],
        profile: Path | None = None,
    ) -> None:
        super().__init__(device, EVERY)
        self._streams, self._board = streams, board
        self._gauges = Gauges(torch.cuda.current_device() if device.type == "cuda" else None)
        self._begun, self._counted = time.monotonic(), 0
        self._since_epoch: list[dict[str, float]] = []
        self._profiler = start_profiler(profile, device) if profile else None

    def after_step(self, step: int) -> None:
        super().after_step(step)
        self._counted += 1
        if self._profiler is not None:
            self._profiler.step()
        if step % EVERY == 0:
            self._report(step)

    def _report(self, step: int) -> None:
        seconds = time.monotonic() - self._begun
        figures = {"speed/clips_per_second": self._counted * self._streams / max(seconds, 1e-9)}
        figures |= {f"step_ms/{phase}": 1000 * value for phase, value in self.take().items()}
        figures |= self._gauges.read()
        self._begun, self._counted = time.monotonic(), 0
        self._since_epoch.append(figures)
        self._board(step, figures)

    def epoch_figures(self) -> dict[str, float]:
        """Means over the epoch's reports; of an epoch shorter than EVERY steps over what there is."""
        if self._counted and not self._since_epoch:
            self._report(self._step)
        found, self._since_epoch = self._since_epoch, []
        names = {name for figures in found for name in figures}
        return {name: _mean([f[name] for f in found if name in f]) for name in sorted(names)}

    def pause(self) -> None:
        super().pause()
        self._begun, self._counted = time.monotonic(), 0

    def close(self) -> None:
        self._gauges.close()
        if self._profiler is not None:
            self._profiler.stop()


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def start_profiler(folder: Path, device: torch.device) -> Any:
    """Traces PROFILED_STEPS steps after two of warm-up into folder/trace.json, for chrome://tracing or Perfetto."""
    from torch.profiler import ProfilerActivity, profile, schedule

    folder.mkdir(parents=True, exist_ok=True)
    kinds = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (device.type == "cuda")

    def write(profiler: Any) -> None:
        profiler.export_chrome_trace(str(folder / "trace.json"))

    tracing = profile(
        activities=kinds, schedule=schedule(wait=1, warmup=1, active=PROFILED_STEPS, repeat=1), on_trace_ready=write
    )
    tracing.start()
    return tracing
