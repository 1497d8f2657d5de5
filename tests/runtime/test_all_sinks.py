"""Every sink at once in the real command, with peers that are dead, frozen or slow: listening never waits for them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from broker import free_port
from web_peer import WebPeer

from auricle_shared.audio import read_audio

Tones = Callable[[int], Path]
COMMAND = [sys.executable, "-m", "auricle_shared.command", "listen"]


def all_sinks(folder: Path, web: str) -> list[str]:
    return [
        "--json", "--explain", "--webhook", web, "--webhook", "http://127.0.0.1:1/", "--exec", "sleep 60",
        "--exec", f"touch {folder / 'ran'}", "--mqtt", f"mqtt://127.0.0.1:{free_port()}/a",
        "--save-clips", str(folder / "clips"), "--scores", str(folder / "scores.csv"),
    ]  # fmt: skip


def test_dead_peers_change_nothing_of_what_is_heard(tiny_model: Path, two_tones: Tones, tmp_path: Path) -> None:
    pytest.importorskip("paho.mqtt.client")
    peer = WebPeer((0,))
    process = subprocess.Popen(
        [*COMMAND, str(tiny_model), "--stdin", *all_sinks(tmp_path, peer.url)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    tones = two_tones(16000).read_bytes()[44:]
    said: list[bytes] = []
    threading.Thread(target=lambda: said.extend(process.stderr or ()), daemon=True).start()
    began = time.monotonic()
    for _ in range(20):  # 160 s of audio
        process.stdin.write(tones)
    process.stdin.flush()
    found = [json.loads(process.stdout.readline()) for _ in range(79)]  # the last ends with the stream
    assert time.monotonic() - began < 30  # a sink that was waited for would cost 20 times its own time
    assert sum(e["phase"] == "on" for e in found) == 40
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    peer.die()
    stderr = b"".join(said).decode()
    assert "40 events: high 20, low 20" in stderr
    for name in ("Webhook http://127.0.0.1:1:", "Webhook http://127.0.0.1", "Command sleep", "MQTT 127.0.0.1"):
        assert any(line.startswith(name) and "could not be delivered" in line for line in stderr.splitlines()), name
    assert "Traceback" not in stderr
    assert (tmp_path / "ran").exists()
    assert (tmp_path / "scores.csv").exists()
    clips = sorted((tmp_path / "clips").glob("*.wav"))
    assert len(clips) >= 8
    assert all(read_audio(clip)[1] == 16000 for clip in clips)


def test_frozen_reader_of_the_events_stops_nobody(tiny_model: Path, two_tones: Tones, tmp_path: Path) -> None:
    """Nobody reads standard output, a pipe; another sink still gets everything."""
    peer = WebPeer()
    process = subprocess.Popen(
        [*COMMAND, str(tiny_model), "--stdin", "--json", "--explain", "--webhook", peer.url],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    tones = two_tones(16000).read_bytes()[44:]
    for _ in range(60):  # events and explanations for more than the 64 KiB of each pipe
        process.stdin.write(tones)
    process.stdin.flush()
    labels = [peer.posted.get(timeout=60).body["label"] for _ in range(120)]
    assert labels == ["low", "high"] * 60
    process.kill()
    process.wait(10)
    peer.die()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--mqtt", "http://h"), "--mqtt: wanted mqtt://"),
        (("--mqtt", "mqtts://h", "--mqtt-ca", "no-such-file.pem"), "no-such-file.pem"),
        (("--webhook", "h"), "--webhook: wanted http"),
        (("--exec", "no-such-program"), "'no-such-program' is no program"),
        (("--save-clips", "/dev/null/x"), "--save-clips"),
        (("--mqtt", "mqtt://h", "--mqtt-ca", "x"), "--mqtt-ca belongs to"),
        (("--channel", "2"), "channel 2 is not one of them"),
    ],
)
def test_wrong_addresses_are_told_in_words(
    auricle_here: Callable[..., subprocess.CompletedProcess[str]], tiny_model: Path, two_tones: Tones,
    arguments: tuple[str, ...], said: str,
) -> None:  # fmt: skip
    done = auricle_here("listen", tiny_model, "--wav", two_tones(16000), *arguments, check=False)
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert done.stdout == ""


def test_in_real_time_a_recording_takes_its_time(
    run_auricle: Callable[..., subprocess.CompletedProcess[str]], tiny_model: Path, two_tones: Tones
) -> None:
    plain = run_auricle("listen", tiny_model, "--wav", two_tones(16000))
    began = time.monotonic()
    paced = run_auricle("listen", tiny_model, "--wav", two_tones(16000), "--realtime")
    assert time.monotonic() - began >= 8
    assert paced.stdout == plain.stdout


def test_pipe_that_pauses_is_told_and_waited_for(tiny_model: Path, two_tones: Tones) -> None:
    process = subprocess.Popen(
        [*COMMAND, str(tiny_model), "--stdin", "--json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    tones = two_tones(16000).read_bytes()[44:]
    assert process.stdin is not None
    half = 2 * 16000 * 5 // 2  # in the middle of the low tone: a pause is no gap
    process.stdin.buffer.write(tones[:half])
    process.stdin.flush()
    time.sleep(4)
    process.stdin.buffer.write(tones[half:])
    stdout, stderr = process.communicate(timeout=30)
    phases = [json.loads(line)["phase"] for line in stdout.splitlines()]
    assert sorted(phases) == ["lost", "off", "off", "on", "on"]
    assert phases[:3] == ["on", "lost", "off"]
    assert "brought nothing" in stderr
    assert "Audio comes again" in stderr
