"""A real `auricle listen`, with its CPU and memory watched."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil


class Listening:
    """A running `auricle listen`, with its memory watched four times a second."""

    def __init__(self, model: Path, *arguments: str, **options: Any) -> None:
        command = [sys.executable, "-m", "auricle_shared.command", "listen", str(model), *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        self._watched = psutil.Process(self.process.pid)
        self._memory: list[int] = []
        self._stop = threading.Event()
        self.lines: list[bytes] = []
        self.said: list[bytes] = []
        self._threads = [
            threading.Thread(target=work, daemon=True)
            for work in (
                self._watch_memory,
                lambda: self.lines.extend(self.process.stdout or ()),
                lambda: self.said.extend(self.process.stderr or ()),
            )
        ]
        for thread in self._threads:
            thread.start()

    def begin(self) -> None:
        """It has warmed up: memory and CPU count from now."""
        self._memory.clear()
        self._cpu_seconds, self._since_seconds = self._cpu(), time.monotonic()

    def end(self, part: str) -> dict[str, float]:
        """CPU in percent of a core, growth (highest less lowest) and peak of memory, before it goes to its end."""
        percent = 100 * (self._cpu() - self._cpu_seconds) / (time.monotonic() - self._since_seconds)
        lowest, highest = (extreme(self._memory) / 2**20 for extreme in (min, max))
        return {
            f"{part}_cpu_percent": round(percent, 2),
            f"{part}_memory_mb": round(highest - lowest, 2),
            f"{part}_peak_memory_mb": round(highest, 1),
        }

    def _cpu(self) -> float:
        times = self._watched.cpu_times()
        return float(times.user + times.system)

    def finish(self) -> list[dict[str, Any]]:
        """Wait for its end; the lines of JSON it wrote."""
        code = self.process.wait(60)
        self._stop.set()
        for thread in self._threads:
            thread.join(10)
        if code:
            raise RuntimeError(f"auricle listen ended with {code}: {b''.join(self.said).decode()}")
        return [json.loads(line) for line in self.lines]

    def _watch_memory(self) -> None:
        while not self._stop.wait(0.25):
            try:
                self._memory.append(self._watched.memory_info().rss)
            except psutil.Error:
                return
