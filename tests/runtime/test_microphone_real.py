"""The microphone against a real sound server: heard, and noticed when it is gone."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.timeout(150)

CAPTURE = """
import sys
import numpy as np
from auricle_runtime.sources.microphone import Microphone

microphone = Microphone(16000, "pulse")
pieces, told = [], 0.0
for block in microphone.blocks():
    assert abs(block.start_seconds - told) < 1e-6 and block.gap is None, (block.start_seconds, told)
    told += len(block.samples) / 16000
    pieces.append(block.samples)
    if told > 9:
        break
microphone.close()
np.save(sys.argv[1], np.concatenate(pieces))
"""


@contextmanager
def listening(sound_server: Any, model: Path, *args: str) -> Iterator[subprocess.Popen[str]]:
    """`auricle listen` at the virtual microphone, until it says that it listens."""
    process = subprocess.Popen(
        [sys.executable, "-m", "auricle_shared.command", "listen", str(model), "--json", *args],
        env=sound_server.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("Listening to"):
                break
        yield process
    finally:
        process.kill()
        process.wait()


def test_hears_the_tones_that_are_played(sound_server: Any, two_tones: Callable[[int], Path], tmp_path: Path) -> None:
    out = tmp_path / "heard.npy"
    capture = subprocess.Popen([sys.executable, "-c", CAPTURE, str(out)], env=sound_server.env)
    time.sleep(0.5)
    sound_server.play(two_tones(48000)).wait(30)
    assert capture.wait(30) == 0
    heard = np.load(out)
    loud = np.flatnonzero(np.abs(heard) > 0.1)
    assert len(loud)
    assert np.abs(heard).max() == pytest.approx(0.3, abs=0.03)
    for after_seconds, wanted_hz in ((0.3, 300.0), (3.3, 3000.0)):
        start = loud[0] + round(after_seconds * 16000)
        windows = [heard[at : at + 8000] * np.hanning(8000) for at in range(start, start + 16000, 4000)]
        hz = [np.argmax(np.abs(np.fft.rfft(tone, 1 << 17))) * 16000 / (1 << 17) for tone in windows]
        # A busy server bends its clock by up to two per cent; a wrong rate (44.1 for 48 kHz) is 9 % off.
        assert np.median(hz) == pytest.approx(wanted_hz, rel=0.03)


def test_listen_tells_the_events_and_ends_with_control_c(
    sound_server: Any, tiny_model: Path, two_tones: Callable[[int], Path]
) -> None:
    with listening(sound_server, tiny_model, "--device", "pulse") as process:
        sound_server.play(two_tones(48000)).wait(30)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=20)
    events = [json.loads(line) for line in stdout.splitlines()]
    on = {e["label"]: e["onset_seconds"] for e in events if e["phase"] == "on"}
    assert process.returncode == 0, stderr
    assert on["high"] - on["low"] == pytest.approx(3.0, abs=0.3)
    assert "Stopped." in stderr
    assert "s of audio" in stderr


class Reader:
    """Collects the lines of a pipe; `wait_for` the next one of a kind."""

    def __init__(self, pipe: Any) -> None:
        self.lines: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._read, args=(pipe,), daemon=True).start()

    def _read(self, pipe: Any) -> None:
        for line in pipe:
            self.lines.put(json.loads(line))

    def wait_for(self, phase: str, label: str | None = None, seconds: float = 30) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while True:
            found = self.lines.get(timeout=max(0.01, deadline - time.monotonic()))
            if found["phase"] == phase and label in (None, found.get("label")):
                return found


def test_listening_goes_on_after_every_loss(
    sound_server: Any, tiny_model: Path, two_tones: Callable[[int], Path]
) -> None:
    """The source is removed and restored, the server frozen and continued, then killed and started again."""

    with listening(sound_server, tiny_model, "--device", "pulse") as process:
        told = Reader(process.stdout)
        sound_server.play(two_tones(48000))
        told.wait_for("off", "high")
        for trouble, remedy, away_seconds in (
            (sound_server.unplug, sound_server.plug_in, 5.0),
            (sound_server.freeze, sound_server.thaw, 3.0),
            (sound_server.kill, sound_server.start, 1.0),
        ):
            began = time.monotonic()
            trouble()
            lost = told.wait_for("lost", seconds=10)
            assert "is gone" in lost["reason"] or "gives no audio" in lost["reason"]
            time.sleep(max(0.0, away_seconds - (time.monotonic() - began)))
            remedy()
            player = None
            gap = None
            while gap is None:  # a server that has nothing to play may keep a microphone waiting
                player = sound_server.play(two_tones(48000))
                try:
                    gap = told.wait_for("gap", seconds=8)
                except queue.Empty:
                    assert time.monotonic() - began < 60
            assert away_seconds - 0.5 < gap["lost_seconds"] < time.monotonic() - began + 1
            player.wait(30)
            sound_server.play(two_tones(48000))
            heard = told.wait_for("on", "low")
            assert heard["onset_seconds"] > gap["at_seconds"]
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def test_control_c_ends_while_the_server_hangs(sound_server: Any, tiny_model: Path) -> None:
    with listening(sound_server, tiny_model, "--device", "default") as process:
        told = Reader(process.stdout)
        time.sleep(2)
        sound_server.freeze()
        told.wait_for("lost")
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert process.stderr is not None
        stderr = process.stderr.read()
    assert "Stopped." in stderr
    assert "s of audio" in stderr
    assert "Traceback" not in stderr


def test_unknown_device_name_lists_the_real_ones(sound_server: Any, tiny_model: Path, run_auricle: Any) -> None:
    done = run_auricle("listen", tiny_model, "--device", "no such thing", check=False, env=sound_server.env)
    assert done.returncode == 1
    assert "'no such thing' is no microphone here" in done.stderr
    assert "pulse" in done.stderr


def test_devices_lists_the_virtual_microphone(sound_server: Any, run_auricle: Any) -> None:
    plain = run_auricle("devices", env=sound_server.env)
    assert plain.returncode == 0
    assert "pulse" in plain.stdout
    found = json.loads(run_auricle("devices", "--json", env=sound_server.env).stdout)
    assert sum(m["is_default"] for m in found) == 1
    assert all(m["channels"] >= 1 and m["rate_hz"] >= 8000 for m in found)
