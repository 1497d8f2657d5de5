"""The microphone against a real sound server: heard, and noticed when it is gone."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.timeout(90)

CAPTURE = """
import sys
import numpy as np
from auricle_runtime.sources.microphone import Microphone

microphone = Microphone(16000, "pulse")
pieces, told = [], 0.0
for block in microphone.blocks():
    assert abs(block.start_seconds - told) < 1e-6 and not block.after_gap, (block.start_seconds, told)
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


def test_unplugged_microphone_is_an_error_in_words(sound_server: Any, tiny_model: Path) -> None:
    with listening(sound_server, tiny_model, "--device", "default") as process:
        time.sleep(3)
        sound_server.unplug()
        began = time.monotonic()
        _, stderr = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "is gone" in stderr or "gives no audio" in stderr
    assert time.monotonic() - began < 10
    assert "Traceback" not in stderr


def test_frozen_sound_server_is_noticed(sound_server: Any, tiny_model: Path) -> None:
    with listening(sound_server, tiny_model, "--device", "default") as process:
        time.sleep(3)
        sound_server.freeze()
        _, stderr = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "gives no audio" in stderr
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
