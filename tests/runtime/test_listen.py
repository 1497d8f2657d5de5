"""`auricle listen` as it is used: a process, a recording, events on standard output."""

from __future__ import annotations

import csv
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auricle_runtime.listener import Listener
from auricle_runtime.onnx_scorer import OnnxScorer
from auricle_runtime.sinks import Sink
from auricle_runtime.sources import Block, Gap
from auricle_shared.audio import read_audio
from auricle_shared.events import Event
from auricle_shared.scorer import zero_state

Tones = Callable[[int], Path]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def events_of(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [stream_values(json.loads(line)) for line in done.stdout.splitlines()]


def stream_values(event: dict[str, Any]) -> dict[str, Any]:
    """Without the time of day, which differs from one listening to the next."""
    return {key: value for key, value in event.items() if not key.endswith("_utc")}


def same_events(found: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> bool:
    """The same times to the millisecond; scores may differ in the last digit that is printed."""
    return len(found) == len(wanted) and all(
        {**a, "score": 0} == {**b, "score": 0} and abs(a["score"] - b["score"]) < 2e-4
        for a, b in zip(found, wanted, strict=True)
    )


def scores_of(path: Path) -> np.ndarray:
    with open(path, newline="", encoding="utf-8") as file:
        return np.array(list(csv.reader(file))[1:], np.float64)


def test_json_lines_tell_each_event_at_both_ends(run_auricle: Run, tiny_model: Path, two_tones: Tones) -> None:
    events = events_of(run_auricle("listen", tiny_model, "--wav", two_tones(16000), "--json"))
    assert [(e["phase"], e["label"]) for e in events] == [
        ("on", "low"),
        ("off", "low"),
        ("on", "high"),
        ("off", "high"),
    ]
    for on, off, seconds in ((events[0], events[1], 2.0), (events[2], events[3], 5.0)):
        assert on["onset_seconds"] == pytest.approx(seconds, abs=0.2)
        assert off["onset_seconds"] == on["onset_seconds"]
        assert off["offset_seconds"] == pytest.approx(seconds + 1, abs=0.35)
        assert 0.5 <= on["score"] <= off["score"] <= 1
        assert "offset_seconds" not in on


@pytest.mark.parametrize("file_hz", [16000, 44100])
def test_same_scores_whatever_the_block_size(
    run_auricle: Run, tiny_model: Path, two_tones: Tones, tmp_path: Path, file_hz: int
) -> None:
    """The whole clip through the scorer alone is the witness."""
    scorer = OnnxScorer(tiny_model)
    meta = scorer.metadata
    audio, _ = read_audio(two_tones(file_hz), meta.rate_hz)
    padded = np.pad(audio, (0, -len(audio) % meta.hop_samples))
    wanted = scorer(padded[None], zero_state(meta)).scores[0]
    events = []
    for block_ms in (1, 10, 37.7, 80, 1000):
        table = tmp_path / f"{block_ms}.csv"
        args = ("listen", tiny_model, "--wav", two_tones(file_hz), "--json", "--scores", table, "--block-ms", block_ms)
        events.append(events_of(run_auricle(*args)))
        found = scores_of(table)
        np.testing.assert_allclose(found[:, 0], np.arange(len(wanted)) * meta.hop_samples / meta.rate_hz, atol=1e-6)
        np.testing.assert_allclose(found[:, 1:], wanted, atol=1e-5)
    assert len(events[0]) == 4
    assert all(same_events(e, events[0]) for e in events[1:])


def test_ragged_blocks_give_the_same_events(tiny_model: Path, two_tones: Tones, rng: np.random.Generator) -> None:
    scorer = OnnxScorer(tiny_model)
    audio, rate_hz = read_audio(two_tones(16000))
    told: list[list[Event]] = []
    for longest in (200, 300, 5000, len(audio)):
        sink, at = Remember(), 0
        listener = Listener(scorer, [sink])
        while at < len(audio):
            piece = audio[at : at + int(rng.integers(1, longest + 1))]
            listener.hear(Block(piece, at / rate_hz))
            at += len(piece)
        listener.end()
        told.append(sink.events)
    assert len(told[0]) == 4
    for other in told[1:]:
        assert same_events(*([stream_values(e.to_dict()) for e in events] for events in (other, told[0])))


class Remember(Sink):
    def __init__(self) -> None:
        self.events: list[Event] = []

    def event(self, event: Event) -> None:
        self.events.append(event)


def test_event_that_is_on_at_the_end_ends_there(tiny_model: Path, two_tones: Tones) -> None:
    audio, rate_hz = read_audio(two_tones(16000))
    sink = Remember()
    listener = Listener(OnnxScorer(tiny_model), [sink])
    listener.hear(Block(audio[: round(5.5 * rate_hz)], 0.0))
    listener.end()
    assert [(e.phase, e.label) for e in sink.events[-2:]] == [("on", "high"), ("off", "high")]
    assert sink.events[-1].offset_seconds == pytest.approx(5.5, abs=1e-6)
    assert listener.seconds == pytest.approx(5.5)
    assert dict(listener.counts) == {"low": 1, "high": 1}


def test_after_a_gap_events_end_before_it_and_time_goes_on_after_it(tiny_model: Path, two_tones: Tones) -> None:
    audio, rate_hz = read_audio(two_tones(16000))
    sink = Remember()
    listener = Listener(OnnxScorer(tiny_model), [sink])
    cut = round(2.5 * rate_hz)
    listener.hear(Block(audio[:cut], 0.0))
    listener.hear(Block(audio[cut:], 102.5, gap=Gap("unplugged", 100.0)))
    listener.end()
    assert [(e.phase, e.label) for e in sink.events[:2]] == [("on", "low"), ("off", "low")]
    assert sink.events[1].offset_seconds == pytest.approx(2.5)
    high = [e for e in sink.events if e.label == "high"]
    assert high[0].onset_seconds == pytest.approx(105.0, abs=0.2)


def test_pipe_tells_what_the_file_tells(run_auricle: Run, tiny_model: Path, two_tones: Tones) -> None:
    wav = two_tones(16000)
    wanted = events_of(run_auricle("listen", tiny_model, "--wav", wav, "--json"))
    with open(wav, "rb") as pipe:
        assert events_of(run_auricle("listen", tiny_model, "--stdin", "--json", stdin=pipe)) == wanted
    with open(wav, "rb", buffering=0) as pipe:
        pipe.read(44)  # what is left are raw samples
        assert events_of(run_auricle("listen", tiny_model, "--stdin", "--json", stdin=pipe)) == wanted
    with open(two_tones(48000), "rb", buffering=0) as pipe:
        pipe.read(44)
        found = run_auricle("listen", tiny_model, "--stdin", "--stdin-rate", 48000, "--json", stdin=pipe)
    assert [e["label"] for e in events_of(found)] == ["low", "low", "high", "high"]


def test_events_of_a_live_pipe_come_while_it_runs(tiny_model: Path, two_tones: Tones) -> None:
    """Standard output must be flushed at each event: the pipe stays open until it was read."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    process = subprocess.Popen(
        [sys.executable, "-m", "auricle_shared.command", "listen", str(tiny_model), "--stdin", "--json"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env=environment,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(two_tones(16000).read_bytes()[: 44 + 2 * 16000 * 3])
    process.stdin.flush()
    assert json.loads(process.stdout.readline())["label"] == "low"
    process.stdin.close()
    assert process.wait(20) == 0
    process.stdout.close()


def test_control_c_ends_with_a_summary_and_the_events_that_are_on(tiny_model: Path, two_tones: Tones) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "auricle_shared.command", "listen", str(tiny_model), "--stdin", "--json"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(two_tones(16000).read_bytes()[: 44 + 2 * 16000 * 5 // 2])
    process.stdin.flush()
    assert json.loads(process.stdout.readline())["phase"] == "on"
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=20)
    assert process.returncode == 0
    assert json.loads(stdout)["phase"] == "off"
    assert b"Stopped." in stderr
    assert b"1 event: low 1" in stderr
    assert b"Traceback" not in stderr


def test_plain_lines_where_output_is_no_terminal(run_auricle: Run, tiny_model: Path, two_tones: Tones) -> None:
    done = run_auricle("listen", tiny_model, "--wav", two_tones(16000))
    lines = done.stdout.splitlines()
    assert len(lines) == 4
    seconds, unit, label, score = lines[0].split()
    assert (unit, label) == ("s", "low")
    assert float(seconds) == pytest.approx(2.0, abs=0.2)
    assert 0.5 <= float(score) <= 1
    assert "low  over after 1." in lines[1]
    assert str(tiny_model) in done.stderr
    assert "on cpu" in done.stderr
    assert "high, low" in done.stderr
    assert "8.0 s of audio, 2 events: high 1, low 1." in done.stderr


def test_bars_where_output_is_a_terminal(tiny_model: Path, two_tones: Tones) -> None:
    """A real pseudo-terminal, with its own width."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "auricle_shared.command", "listen", str(tiny_model), "--wav", str(two_tones(16000))],
        stdin=subprocess.DEVNULL, stdout=slave, stderr=subprocess.DEVNULL,
        env={**os.environ, "COLUMNS": "60", "LINES": "20", "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    os.close(slave)
    shown = b""
    while True:
        try:
            piece = os.read(master, 1 << 16)
        except OSError:  # how Linux says that the other side has closed
            break
        if not piece:
            break
        shown += piece
    os.close(master)
    assert process.wait(20) == 0
    last = shown.decode().split("\033[J")[-2]
    assert "level" in last
    assert "█░" in last
    assert "dB" in last
    assert "s  low  over after" in last
    assert "s  high  over after" in last
    assert all(len(line.replace("\033[K", "").rpartition("A")[2]) < 60 for line in last.splitlines())


def test_scores_on_standard_output_leave_events_to_standard_error(
    run_auricle: Run, tiny_model: Path, two_tones: Tones
) -> None:
    done = run_auricle("listen", tiny_model, "--wav", two_tones(16000), "--scores", "-")
    rows = done.stdout.splitlines()
    labels = OnnxScorer(tiny_model).metadata.labels
    assert rows[0] == ",".join(["time_seconds", *labels])
    assert len(rows) == 801
    assert "s  low  0." in done.stderr or "s  low  1." in done.stderr


def wrong_wav(folder: Path) -> dict[str, Path]:
    files = {"empty": b"", "text": b"hello, this is no audio" * 9, "header only": None}
    paths = {name: folder / f"{name}.wav" for name in files}
    for name, data in files.items():
        if data is not None:
            paths[name].write_bytes(data)
    import wave

    with wave.open(str(paths["header only"]), "wb") as wav:
        wav.setparams((1, 2, 16000, 0, "NONE", ""))
    return {**paths, "missing": folder / "missing.wav", "folder": folder}


def test_wrong_recordings_are_told_in_words(run_auricle: Run, tiny_model: Path, tmp_path: Path) -> None:
    for name, path in wrong_wav(tmp_path).items():
        done = run_auricle("listen", tiny_model, "--wav", path, "--json", check=False)
        assert done.returncode == 1, name
        assert done.stdout == ""
        assert str(path) in done.stderr
        assert "Traceback" not in done.stderr


def test_wrong_models_are_told_in_words(run_auricle: Run, two_tones: Tones, tmp_path: Path) -> None:
    empty = tmp_path / "empty.onnx"
    empty.touch()
    for path in (empty, two_tones(16000), tmp_path / "missing.onnx"):
        done = run_auricle("listen", path, "--wav", two_tones(16000), check=False)
        assert done.returncode == 1
        assert str(path) in done.stderr
        assert "Wanted" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--wav", "a.wav", "--stdin"), "three sources"),
        (("--stdin-rate", 8000), "--stdin-rate belongs to --stdin"),
        (("--json", "--scores", "-"), "both write to standard output"),
        (("--wav", "a.wav", "--block-ms", 0), "--block-ms"),
        (("--provider", "tpu"), "--provider"),
    ],
)
def test_options_that_contradict(run_auricle: Run, tiny_model: Path, args: tuple[object, ...], said: str) -> None:
    done = run_auricle("listen", tiny_model, *args, check=False)
    assert done.returncode == 2
    assert said in done.stderr


def test_scores_that_cannot_be_written_are_told(
    run_auricle: Run, tiny_model: Path, two_tones: Tones, tmp_path: Path
) -> None:
    target = tmp_path / "no" / "folder.csv"
    done = run_auricle("listen", tiny_model, "--wav", two_tones(16000), "--scores", target, check=False)
    assert done.returncode == 1
    assert "No such file" in done.stderr
    assert "Traceback" not in done.stderr
