"""A command at every onset: without a shell, bounded in time, never in the way."""

from __future__ import annotations

import ast
import os
import sys
import time
from pathlib import Path

import pytest

from auricle_runtime.sinks import HeardEvent, command
from auricle_runtime.sinks.command import Command
from auricle_shared.errors import SettingsError

WRITE = (
    "import os, sys; found = {k: v for k, v in os.environ.items() if k[:8] == 'AURICLE_'}; "
    "open(sys.argv[1], 'a').write(repr(found) + chr(10))"
)


def onset(label: str = "doorbell") -> HeardEvent:
    return HeardEvent("on", label, 12.3456, 0.97, onset_utc=1.8e9)


def test_event_is_in_the_environment(tmp_path: Path) -> None:
    out = tmp_path / "out with blanks; $(touch x)"
    sink = Command(f'"{sys.executable}" -c "{WRITE}" "{out}"', print)
    sink.event(onset("a `b` $c"))
    sink.event(HeardEvent("off", "doorbell", 12.0, 0.97, 13.0))
    sink.close()
    lines = out.read_text().splitlines()
    assert len(lines) == 1
    found = ast.literal_eval(lines[0])
    wanted = {
        "AURICLE_LABEL": "a `b` $c", "AURICLE_SCORE": "0.97", "AURICLE_ONSET_SECONDS": "12.346",
        "AURICLE_ONSET_UTC": "2027-01-15T08:00:00.000Z",
    }  # fmt: skip
    assert {key: found[key] for key in wanted} == wanted
    assert os.listdir(tmp_path) == [out.name]


def test_failing_command_is_told_once(tmp_path: Path) -> None:
    said: list[str] = []
    sink = Command(f"{sys.executable} -c 'raise SystemExit(3)'", said.append)
    for _ in range(3):
        sink.event(onset())
    sink.close()
    assert "exit code 3" in said[0]
    assert len(said) == 2


def test_command_that_hangs_is_ended_with_all_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "LONGEST_SECONDS", 1.0)
    pid = tmp_path / "pid"
    said: list[str] = []
    sink = Command(f"sh -c 'sleep 60 & echo $! > {pid}; wait'", said.append)
    began = time.monotonic()
    sink.event(onset())
    assert time.monotonic() - began < 0.5
    sink.close()
    assert "ended after 1 s" in said[0]
    assert time.monotonic() - began < 20
    deadline = time.monotonic() + 10
    while _runs(int(pid.read_text())) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(int(pid.read_text()))


def _runs(pid: int) -> bool:
    """Not a zombie either: nobody may be there to take a grandchild's exit code."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("text", ["", "no-such-program-anywhere -x", "echo 'open"])
def test_commands_that_cannot_be(text: str) -> None:
    with pytest.raises(SettingsError, match="--exec"):
        Command(text, print)
