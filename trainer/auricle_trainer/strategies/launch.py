"""Starting several processes of this very command on this machine, and ending with them.

They meet through a file, not a socket, so nothing listens on the network; torchrun, whose store listens on all
interfaces, is for several machines and for restarts.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType

from .ddp import LAUNCHER, RENDEZVOUS

POLL_SECONDS = 0.1
GRACE_SECONDS = 10.0
"""After one process failed, until the others are killed: they wait for it in vain"""


def launch(arguments: list[str], processes: int) -> int:
    """Run `auricle ARGUMENTS` in several processes; returns the exit code of the first that failed, or else 0."""
    with tempfile.TemporaryDirectory(prefix="auricle-") as folder:
        common = {RENDEZVOUS: str(Path(folder) / "meet"), LAUNCHER: str(os.getpid()), "WORLD_SIZE": str(processes)}
        if sys.platform == "linux":
            common["GLOO_SOCKET_IFNAME"] = "lo"
        children = [
            subprocess.Popen(
                [sys.executable, "-m", "auricle_shared.command", *arguments],
                env={**os.environ, **common, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            )
            for rank in range(processes)
        ]
        before = {number: signal.signal(number, _passed_on(children)) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            return _wait(children)
        finally:
            for child in children:
                child.kill()
                child.wait()
            for number, handler in before.items():
                signal.signal(number, handler)


def _passed_on(children: list[subprocess.Popen[bytes]]):  # type: ignore[no-untyped-def]
    def handler(number: int, frame: FrameType | None) -> None:
        # Ctrl-C reaches all processes of a terminal by itself; SIGTERM only this one.
        if number == signal.SIGTERM:
            for child in children:
                child.send_signal(number)

    return handler


def _wait(children: list[subprocess.Popen[bytes]]) -> int:
    while True:
        codes = [child.poll() for child in children]
        failed = [code for code in codes if code]
        if failed:
            _end(children)
            return failed[0] if failed[0] > 0 else 1
        if all(code == 0 for code in codes):
            return 0
        time.sleep(POLL_SECONDS)


def _end(children: list[subprocess.Popen[bytes]]) -> None:
    """Those that are ending get the time for it: all of them stop at the same step."""
    until = time.monotonic() + GRACE_SECONDS
    while any(child.poll() is None for child in children) and time.monotonic() < until:
        time.sleep(POLL_SECONDS)
