"""Warnings about the level, and why there is an event or none."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from auricle_runtime.onnx_scorer import OnnxScorer
from auricle_runtime.sinks.level import REPEAT_SECONDS, LevelWatch
from auricle_runtime.sources import Block
from auricle_shared.audio import write_wav
from auricle_shared.stream import StreamFrames

RATE_HZ = 16000
NOTHING = StreamFrames(0.0, np.zeros((0, 1), np.float32), np.zeros((0, 1), np.float32))


def watched(pieces: list[np.ndarray]) -> list[str]:
    said: list[str] = []
    watch, at = LevelWatch(said.append, RATE_HZ), 0
    for piece in pieces:
        for i in range(0, len(piece), 1280):
            watch.heard(Block(piece[i : i + 1280].astype(np.float32), at / RATE_HZ), NOTHING)
            at += len(piece[i : i + 1280])
    return said


def test_nothing_depends_on_the_length_of_blocks() -> None:
    for size in (16, 1280, 3 * RATE_HZ):
        said: list[str] = []
        watch = LevelWatch(said.append, RATE_HZ)
        audio = np.concatenate([np.zeros(12 * RATE_HZ), sine(24, 1.5)]).astype(np.float32)
        for i in range(0, len(audio), size):
            watch.heard(Block(audio[i : i + size], i / RATE_HZ), NOTHING)
        assert ["dead" in said[0], "again" in said[1], "gain" in said[2]] == [True] * 3
        assert len(said) == 3


def sine(seconds: float, amplitude: float) -> np.ndarray:
    return np.clip(
        amplitude * np.sin(2 * np.pi * 440 * np.arange(round(seconds * RATE_HZ)) / RATE_HZ), -1, 32767 / 32768
    )


def test_gain_too_high_is_told_and_told_again_only_later() -> None:
    assert watched([sine(60, 0.99)]) == []
    said = watched([sine(60, 1.5)])
    assert len(said) == 1
    share = float(said[0].split(" %")[0])
    assert share == pytest.approx(100 * 2 * np.arccos(1 / 1.5) / np.pi, abs=1)  # of a sine above 1
    assert len(watched([sine(2 * REPEAT_SECONDS, 1.5)])) == 2


def test_single_knock_at_full_scale_is_no_clipping() -> None:
    knock = sine(20, 0.1)
    knock[50000:50020] = 1.0
    assert watched([knock]) == []


def test_dead_microphone_is_told_once_and_its_return(rng: np.random.Generator) -> None:
    silence, room = np.zeros(20 * RATE_HZ), rng.normal(0, 1e-4, 20 * RATE_HZ)
    assert watched([room]) == []
    said = watched([room, silence, silence, room, silence[: 3 * RATE_HZ], room])
    assert len(said) == 2
    assert "muted or dead" in said[0]
    assert "sound again" in said[1]


def test_warnings_are_told_by_listen(
    run_auricle: Callable[..., subprocess.CompletedProcess[str]], tiny_model: Path, tmp_path: Path
) -> None:
    write_wav(tmp_path / "bad.wav", np.concatenate([np.zeros(6 * RATE_HZ), sine(6, 2.0)]).astype(np.float32), RATE_HZ)
    said = run_auricle("listen", tiny_model, "--wav", tmp_path / "bad.wav", "--json").stderr
    assert "muted or dead" in said
    assert "input gain" in said


def test_explain_shows_scores_beside_thresholds(
    run_auricle: Callable[..., subprocess.CompletedProcess[str]], tiny_model: Path, two_tones: Callable[[int], Path]
) -> None:
    args = ("listen", tiny_model, "--wav", two_tones(16000), "--set", "low.on_threshold=0.9")
    lines = run_auricle(*args, "--explain").stdout.splitlines()
    assert lines[0].split()[:4] == ["sound", "on", "off", "smoothing"]
    assert any(line.split()[:2] == ["low", "0.900"] and "--set low.on_threshold=0.9" in line for line in lines)
    seconds = [line for line in lines if " dB  " in line]
    assert len(seconds) == 8
    loud = next(line for line in seconds if line.startswith("    3.00 s"))
    score, word, threshold = loud.split("low ")[1].split()[:3]
    assert float(score) > 0.9
    assert (word, threshold) == ("of", "0.90")
    assert loud.endswith("on")
    assert "-10 dB" in loud
    assert all(float(line.split("high ")[1].split()[0]) < 0.5 for line in seconds[:4])
    told = [line for line in lines if "low  0." in line]
    assert len(told) == 1  # the event itself, between the lines
    with_json = run_auricle(*args, "--explain", "--json")
    assert " dB  " in with_json.stderr
    assert " dB  " not in with_json.stdout


def test_explained_score_is_the_detectors(tiny_model: Path, two_tones: Callable[[int], Path]) -> None:
    """The highest smoothed score is also the event's own, which the detector computes."""
    from auricle_runtime.listener import Listener
    from auricle_runtime.sinks import HeardEvent, Sink
    from auricle_runtime.sinks.explain import _Watched
    from auricle_runtime.sources.file import FileSource
    from auricle_shared.events import smoothing_frames

    scorer = OnnxScorer(tiny_model)
    meta = scorer.metadata
    label = "low"
    n = smoothing_frames(meta.event_settings(label), meta.hop_samples / meta.rate_hz)
    explained = _Watched(label, meta.labels.index(label), 0.5, n)
    peaks = []

    class Both(Sink):
        def heard(self, block: Block, frames: StreamFrames) -> None:
            if len(frames.scores):
                explained.take(frames.scores)

        def event(self, event: HeardEvent) -> None:
            if event.label == label and event.phase == "off":
                peaks.append(event.score)

    listener = Listener(scorer, [Both()])
    for block in FileSource(two_tones(16000), meta.rate_hz).blocks():
        listener.hear(block)
    listener.end()
    assert peaks
    assert explained._highest == max(peaks)
