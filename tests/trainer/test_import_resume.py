"""An import that is cut off, at any moment and in any way, goes on and leaves the pack of one that never was."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from auricle_shared.audio import write_wav
from auricle_shared.pack_journal import NAME, SYNCED_ENTRIES
from auricle_shared.pack_writer import unfinished
from auricle_trainer.importers import importing
from auricle_trainer.importers.source import Source, open_source

CLIPS, CUT = 2 * SYNCED_ENTRIES + 100, SYNCED_ENTRIES + 70
FILES = ("audio.i16", "index.csv", "broken.csv")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Many short WAV files of two classes, every 50th broken."""
    folder = tmp_path_factory.mktemp("many")
    rng = np.random.default_rng(0)
    for i in range(CLIPS):
        path = folder / ("high", "low")[i % 2] / f"{i:04d}.wav"
        path.parent.mkdir(exist_ok=True)
        if i % 50 == 7:
            path.write_bytes(b"no sound")
        else:
            write_wav(path, rng.integers(-3000, 3000, 50 + i, np.int16), 16000)
    return folder


@pytest.fixture(scope="module")
def whole(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    pack = tmp_path_factory.mktemp("whole") / "pack"
    importing.import_source(open_source(recordings), pack, 16000)
    return {name: (pack / name).read_bytes() for name in FILES}


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    decode, found = importing.decode, []

    def counting(recording: importing.Recording, rate_hz: int) -> np.ndarray:
        found.append(recording.source)
        return decode(recording, rate_hz)

    monkeypatch.setattr(importing, "decode", counting)
    return found


def cut_after(done: int) -> Callable[[int], None]:
    def progress(now: int) -> None:
        if now == done:
            raise KeyboardInterrupt

    return progress


def test_ctrl_c_loses_nothing(
    recordings: Path, whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, pack = open_source(recordings), tmp_path / "pack"
    with pytest.raises(KeyboardInterrupt):
        importing.import_source(source, pack, 16000, progress=cut_after(CUT))
    assert not pack.exists()
    decoded, told = counted(monkeypatch), []
    result = importing.import_source(source, pack, 16000, progress=told.append)
    assert len(decoded) == CLIPS - CUT and told == list(range(CUT, CLIPS + 1))
    assert {name: (pack / name).read_bytes() for name in FILES} == whole
    assert f"after {CUT} recordings" in result.notes[0] and not unfinished(pack).exists()


@pytest.mark.parametrize("damage", ["half a line", "samples missing", "other key"])
def test_what_a_power_cut_leaves_is_taken_as_far_as_it_is_whole(
    recordings: Path, whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    source, pack = open_source(recordings), tmp_path / "pack"
    with pytest.raises(KeyboardInterrupt):
        importing.import_source(source, pack, 16000, progress=cut_after(CUT))
    journal, audio = unfinished(pack) / NAME, unfinished(pack) / "audio.i16"
    if damage == "half a line":
        journal.write_bytes(journal.read_bytes()[:-30])
    elif damage == "samples missing":
        with open(audio, "r+b") as file:
            file.truncate(audio.stat().st_size // 2)
    else:
        journal.write_bytes(journal.read_bytes().replace(b'"key": "', b'"key": "0', 1))
    decoded = counted(monkeypatch)
    importing.import_source(source, pack, 16000)
    again = len(decoded) - (CLIPS - CUT)
    assert (again == 1) if damage == "half a line" else (again == CUT) if damage == "other key" else 0 < again < CUT
    assert {name: (pack / name).read_bytes() for name in FILES} == whole


def test_changed_recordings_begin_anew(recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, pack = open_source(recordings), tmp_path / "pack"
    with pytest.raises(KeyboardInterrupt):
        importing.import_source(source, pack, 16000, progress=cut_after(CUT))
    fewer = Source(source.path, source.kind, source.recordings[:-1])
    decoded = counted(monkeypatch)
    result = importing.import_source(fewer, pack, 16000)
    assert len(decoded) == CLIPS - 1 == len(result.pack) + len(result.broken)


def test_two_imports_at_once_do_not_write_into_each_other(
    recordings: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    source, pack = open_source(recordings), tmp_path / "pack"

    def meanwhile(done: int) -> None:
        if done == 20:
            importing.import_source(source, pack, 16000)

    importing.import_source(source, pack, 16000, overwrite=True, progress=meanwhile)
    assert {name: (pack / name).read_bytes() for name in FILES} == whole


def test_an_error_leaves_nothing_behind(recordings: Path, tmp_path: Path) -> None:
    def failing(done: int) -> None:
        if done == CUT:
            raise ValueError("a disk on fire")

    with pytest.raises(ValueError, match="fire"):
        importing.import_source(open_source(recordings), tmp_path / "pack", 16000, progress=failing)
    assert not list(tmp_path.iterdir())


def test_kill_9_in_the_middle_and_the_same_command_again(
    recordings: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    pack = tmp_path / "pack"
    command = [sys.executable, "-m", "auricle_shared.command", "import", str(recordings), str(pack)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while process.poll() is None and not unfinished(pack).exists() and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if process.returncode == 0:  # it was faster than the signal
        assert "already there" in done.stderr
    else:
        assert done.returncode == 0 and "MB of samples a second" in done.stdout, done.stderr
    assert {name: (pack / name).read_bytes() for name in FILES} == whole


PEAK = """
import resource, sys
from pathlib import Path
from auricle_trainer.importers import importing
from auricle_trainer.importers.source import open_source
found = importing.import_source(open_source(Path(sys.argv[1])), Path(sys.argv[2]), 16000)
assert len(found.pack.clips) == int(sys.argv[3]), len(found.pack.clips)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux alone")
def test_four_times_the_recordings_take_no_more_memory(tmp_path: Path) -> None:
    """64 MB and 256 MB of samples; a reader that kept them would take 192 MB more for the second."""
    rng, peaks = np.random.default_rng(0), []
    for i in range(100):
        path = tmp_path / "100" / "ab"[i % 2] / f"{i}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_wav(path, rng.integers(-3000, 3000, 20 * 16000, np.int16), 16000)
        for copy in range(4):
            again = tmp_path / "400" / "ab"[i % 2] / f"{i}-{copy}.wav"
            again.parent.mkdir(parents=True, exist_ok=True)
            again.hardlink_to(path)
    for count in ("100", "400"):
        command = [sys.executable, "-c", PEAK, str(tmp_path / count), str(tmp_path / f"pack{count}"), count]
        done = subprocess.run(command, capture_output=True, text=True, timeout=200)
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout) / 1024)
    assert peaks[1] < peaks[0] + 48, f"{peaks} MiB"
