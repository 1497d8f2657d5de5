"""A command at every onset, without a shell; the event is in its environment.

auricle listen model.onnx --exec 'notify-send "Somebody is at the door"'

AURICLE_LABEL=doorbell  AURICLE_SCORE=0.97  AURICLE_ONSET_SECONDS=12.34  AURICLE_ONSET_UTC=2026-11-23T08:14:08.123Z
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time

from auricle_shared.errors import SettingsError

from . import HeardEvent, Tell
from .queued import QueuedSink

LONGEST_SECONDS = 30.0
"""A command that runs longer is ended, with all it started: the next event waits behind it."""
POLL_SECONDS = 0.05


class Command(QueuedSink[dict[str, str]]):
    """One command at a time, in the order of the onsets.

    Args:
        command: program and arguments, quoted as in a shell; nothing is expanded.
        tell: see QueuedSink.
    """

    def __init__(self, command: str, tell: Tell) -> None:
        try:
            self._arguments = shlex.split(command)
        except ValueError as error:
            raise SettingsError(f"--exec {command!r}: {error}.") from error
        if not self._arguments or shutil.which(self._arguments[0]) is None:
            program = self._arguments[0] if self._arguments else ""
            raise SettingsError(f"--exec: {program!r} is no program that is found here. Give its whole path.")
        super().__init__(f"Command {self._arguments[0]}", tell)

    def event(self, event: HeardEvent) -> None:
        if event.phase == "on":
            values = event.to_dict()
            self.put({f"AURICLE_{key.upper()}": str(value) for key, value in values.items() if key != "phase"})

    def deliver(self, item: dict[str, str]) -> None:
        process = subprocess.Popen(
            self._arguments,
            env={**os.environ, **item},
            stdin=subprocess.DEVNULL,
            stdout=sys.__stderr__,  # standard output is for events
            start_new_session=True,  # so that Ctrl-C ends the listening and not the command, and all of it can be ended
        )
        try:
            code = self._wait_for(process)
        finally:
            if process.poll() is None:
                _end(process)
        if code:
            raise ChildProcessError(f"ended with exit code {code}")

    def _wait_for(self, process: subprocess.Popen[bytes]) -> int:
        deadline = time.monotonic() + LONGEST_SECONDS
        while True:
            try:
                return process.wait(POLL_SECONDS)
            except subprocess.TimeoutExpired:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"was ended after {LONGEST_SECONDS:.0f} s") from None
                if not self.wait(0):
                    raise TimeoutError("was ended because the listening ended") from None


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
