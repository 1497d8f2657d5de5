"""The loop as a person walks it, on recorded files: a sound is confused, saved, relabelled and learnt.

train -> export -> listen --save-clips -> review -> import -> train --from --add -> export -> listen
"""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auricle_shared.audio import write_wav
from auricle_shared.metadata import BACKGROUND
from auricle_shared.pack import Pack, PackWriter

pytestmark = pytest.mark.timeout(900)  # two trainings and a dozen commands, on machines that do other work too

Run = Callable[..., subprocess.CompletedProcess[str]]
RATE = 16000
WANTED_HZ, OTHER_HZ, SECOND_HZ = 2600, 400, 1300


def tone(hz: float, seconds: float) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def room(seconds: float, seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(round(seconds * RATE)) * 2e-3).astype(np.float32)


def sounds(path: Path) -> Pack:
    """Whistles and hums; the recordings of a session are a group."""
    rng = np.random.default_rng(0)
    with PackWriter(path, RATE) as writer:
        for i in range(36):
            for label, hz in (("whistle", WANTED_HZ), ("hum", OTHER_HZ)):
                split = ("train", "train", "train", "val", "test", "test")[i % 6]
                writer.add(tone(hz * rng.uniform(0.9, 1.1), rng.uniform(0.3, 0.8)), [label], split=split, group=f"{i}")
        for i in range(12):
            writer.add(room(1.0, i), [BACKGROUND], split=("train", "val", "test")[i % 3], group=f"room {i}")
    return Pack.open(path)


def scene(path: Path, seed: int) -> list[float]:
    """Whistles at 3, 13, 23, ... s; at 8, 18, 28, ... s a kettle, which whistles with a second voice. Returns these."""
    rng = np.random.default_rng(seed)
    audio = room(60.0, seed)
    for start in range(3, 58, 5):
        sound = tone(WANTED_HZ * rng.uniform(0.95, 1.05), 0.6)
        if start % 10 == 8:
            sound += 0.5 * tone(SECOND_HZ * rng.uniform(0.95, 1.05), 0.6)
        audio[start * RATE : start * RATE + len(sound)] += sound
    write_wav(path, audio, RATE)
    return [float(start) for start in range(8, 58, 10)]


def whistles(listened: subprocess.CompletedProcess[str]) -> list[float]:
    events = [json.loads(line) for line in listened.stdout.splitlines()]
    return [e["onset_seconds"] for e in events if (e["label"], e["phase"]) == ("whistle", "on")]


def near(found: list[float], wanted: list[float]) -> int:
    return sum(any(abs(f - w) < 1.0 for f in found) for w in wanted)


@pytest.fixture(scope="module")
def confused(tmp_path_factory: pytest.TempPathFactory, run_auricle: Run) -> Path:
    """A folder with a run, its model, and what it heard in a scene."""
    work = tmp_path_factory.mktemp("loop")
    sounds(work / "sounds")
    run_auricle("train", "tiny", "--data", work / "sounds", "--run", work / "first", "--set", "training.epochs=12")
    run_auricle("export", work / "first", work / "first.onnx")
    scene(work / "evening.wav", 1)
    return work


def test_a_confused_sound_is_learnt_and_nothing_else_is_forgotten(confused: Path, run_auricle: Run) -> None:
    work, truth = confused, [float(t) for t in range(3, 58, 10)]
    wrong = scene(work / "evening.wav", 1)
    first = run_auricle(
        "listen", work / "first.onnx", "--wav", work / "evening.wav", "--json", "--save-clips", work / "heard"
    )
    assert near(whistles(first), wrong) >= 3, "the kettle was to be confusing"
    assert near(whistles(first), truth) == len(truth)

    clips = sorted((work / "heard").glob("*_whistle_*.wav"))
    assert len(clips) == len(whistles(first))
    answers = [
        f"{clip.name}={'background' if near([onset], wrong) else 'whistle'}"
        for clip, onset in zip(clips, sorted(whistles(first)), strict=True)
    ]
    run_auricle("review", work / "heard", *(part for answer in answers for part in ("--set", answer)))
    run_auricle("import", work / "heard", work / "reviewed")

    told = run_auricle(
        "train", "--from", work / "first", "--add", work / "reviewed", "--run", work / "second",
        "--own-share", 0.4, "--set", "training.epochs=20", "--set", "training.learning_rate=0.01",
    ).stdout  # fmt: skip
    assert "held out, never trained on" in told and "NOT ACCEPTED" not in told
    found = json.loads((work / "second" / "fine_tuning.json").read_text())
    assert found["accepted"] and found["held_out"]["after"] >= found["held_out"]["before"] - 0.01
    for before, after in found["held_out"]["recall"].values():
        assert before is None or after >= before - 0.01
    assert found["added"]["before"] < 0.8 and found["added"]["after"] > 0.9
    run_auricle("export", work / "second", work / "second.onnx")

    again = run_auricle("listen", work / "second.onnx", "--wav", work / "evening.wav", "--json")
    assert near(whistles(again), wrong) == 0 and near(whistles(again), truth) == len(truth)
    other_evening = scene(work / "other.wav", 2)  # other pitches of both
    later = run_auricle("listen", work / "second.onnx", "--wav", work / "other.wav", "--json")
    assert near(whistles(later), other_evening) == 0 and near(whistles(later), truth) == len(truth)


def test_the_held_out_clips_are_never_trained_on(confused: Path) -> None:
    """Runs after the loop: its combined pack says which clips are on which side."""
    pack, old = Pack.open(confused / "second-data"), Pack.open(confused / "sounds")
    sides = {side: {c.sha256 for c in pack.clips if c.split == side} for side in ("train", "val", "test")}
    assert sides["test"] == {c.sha256 for c in old.clips if c.split == "test"}
    assert not sides["test"] & (sides["train"] | sides["val"])
    trained = [c for c in pack.clips if c.split == "train"]
    added = [c for c in trained if c.source.startswith("added/")]
    assert 0.1 < len(added) / len(trained) <= 0.4 + 1e-9
    assert len({c.sha256 for c in added}) < len(added), "a few clips come several times"
    with open(confused / "heard" / "manifest.csv", newline="") as file:
        assert {row["label"] for row in csv.DictReader(file)} == {"background", "whistle"}


def test_false_alarms_of_long_recordings_are_mined(confused: Path, run_auricle: Run) -> None:
    quiet = confused / "negatives" / BACKGROUND
    quiet.mkdir(parents=True)
    onsets = scene(quiet / "radio.wav", 3)
    told = run_auricle("mine", confused / "first", confused / "mined", "--negatives", confused / "negatives").stdout
    mined = Pack.open(confused / "mined")
    assert f"{len(mined)} false alarms in 0.02 hours: whistle" in told
    assert set(mined.labels) == {BACKGROUND} and len(mined) >= len(onsets) + 3
    assert {c.group for c in mined.clips} == {f"{BACKGROUND}/radio.wav"}
    for i in range(len(mined)):
        samples = np.abs(mined.audio(i).astype(float)) > 3000
        assert samples.any() and 1.0 < len(samples) / RATE <= 4.0
    nothing = run_auricle("mine", confused / "first", confused / "none", "--negatives", _silence(confused))
    assert "nothing to learn from" in nothing.stdout and not (confused / "none").exists()


def _silence(folder: Path) -> Path:
    with PackWriter(folder / "silence", RATE) as writer:
        writer.add(room(20.0, 5), [BACKGROUND])
    return folder / "silence"


def test_mistakes_are_told_in_words(confused: Path, run_auricle: Run, tmp_path: Path) -> None:
    strange = tmp_path / "strange"
    with PackWriter(strange, 8000) as writer:
        writer.add(np.zeros(8000, np.float32), [BACKGROUND])
    first, sounds_pack = confused / "first", confused / "sounds"
    cases: list[tuple[list[Any], str]] = [
        (["--from", first], "go together"),
        (["tiny", "--from", first, "--add", sounds_pack], "leave out CONFIG"),
        (["tiny"], "--data is missing"),
        (["--from", first, "--add", strange], "8000 Hz"),
        (["--from", first, "--add", sounds_pack], "are in"),
        (["--from", tmp_path / "no", "--add", sounds_pack], "does not exist"),
    ]
    for arguments, words in cases:
        done = run_auricle("train", *arguments, "--run", tmp_path / "run", check=False)
        assert done.returncode and words in done.stderr, done.stderr
