"""How soon after its start `auricle listen` shows what a microphone hears: bars in a real (pseudo) terminal."""

from __future__ import annotations

import os
import pty
import select
import signal
import statistics
import time
from pathlib import Path

from sound_server import SoundServer

PATIENCE_SECONDS = 20.0
SETTLED_SECONDS = 1.0
"""After its first bars memory has reached its peak."""
LISTEN = "from auricle_shared.command import main; main()"
"""What the installed script `auricle` does"""
PLAYER_LATENCY_MS = 20
"""As a microphone has it: what is played beside it keeps the server at a longer pace otherwise"""
FIRST_BARS = b"level"
"""The meter that stands above the scores of the first block"""


def first_bars(python: Path, model: Path, server: SoundServer, wav: Path, rounds: int) -> dict[str, float]:
    """Medians of milliseconds from the process's start, and the highest peak of memory.

    Args:
        python: of an environment as a device has it.
        wav: long enough for all of it; played to the microphone meanwhile, as one that has to wake up takes seconds.
    """
    player = server.play(wav, PLAYER_LATENCY_MS)
    time.sleep(2 * SETTLED_SECONDS)
    try:
        found = [_one(python, model, server.env) for _ in range(rounds + 1)][1:]  # the first one writes bytecode
    finally:
        player.terminate()
        player.wait(10)
    listening, bars, memory = zip(*found, strict=True)
    return {
        "bars_listening_ms": round(1000 * statistics.median(listening), 1),
        "bars_first_ms": round(1000 * statistics.median(bars), 1),
        "bars_first_best_ms": round(1000 * min(bars), 1),
        "bars_peak_memory_mb": round(max(memory), 1),
    }


def _one(python: Path, model: Path, env: dict[str, str]) -> tuple[float, float, float]:
    """Seconds until it says that it listens, seconds until the first bars, peak of memory in MB."""
    command = [str(python), "-c", LISTEN, "listen", str(model), "--device", "pulse"]
    env = {**env, "TERM": "xterm"}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # else every start would compile the program anew
    began = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        try:
            os.execve(command[0], command, env)
        finally:
            os._exit(127)
    try:
        shown, listening_seconds = b"", None
        while FIRST_BARS not in shown:
            left = began + PATIENCE_SECONDS - time.perf_counter()
            if not select.select([terminal], [], [], max(0.0, left))[0]:
                raise RuntimeError(f"No bars within {PATIENCE_SECONDS:.0f} s: {shown.decode(errors='replace')}")
            shown += os.read(terminal, 65536)
            if listening_seconds is None and b"Listening to" in shown:
                listening_seconds = time.perf_counter() - began
        bars_seconds = time.perf_counter() - began
        assert listening_seconds is not None
        time.sleep(SETTLED_SECONDS)
        status = Path(f"/proc/{pid}/status").read_text()
        peak_kb = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
        return listening_seconds, bars_seconds, peak_kb / 1024
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)
