"""`auricle evaluate` and `auricle scene` as processes: fixed keys, words for mistakes, no traceback."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import torch

from auricle_shared.audio import read_audio
from auricle_shared.evaluate import evaluate
from auricle_shared.evaluate_command import background_audio
from auricle_shared.pack import Pack
from auricle_trainer.config import load_config
from auricle_trainer.torch_scorer import open_if_checkpoint
from auricle_trainer.train import train

Run = Callable[..., CompletedProcess[str]]
KEYS = {"n", "correct", "accuracy", "interval_95", "labels", "confusion", "per_class"}


@pytest.fixture(scope="module")
def run(tones: Pack, noise: Pack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluate") / "run"
    config = load_config("tiny", ["training.epochs=4", "training.keep_every=2"])
    train(config, tones, noise, folder, torch.device("cpu"), seed=0)
    return folder


def test_figures_words_and_picture_tell_the_same(run: Path, tones: Pack, tmp_path: Path, run_auricle: Run) -> None:
    options = ("--stream", "--json", tmp_path / "f.json", "--picture", tmp_path / "p.png")
    done = run_auricle("evaluate", run, "--data", tones.path, *options)
    figures = json.loads((tmp_path / "f.json").read_text())
    assert set(figures) == KEYS | {"after_background", "stream"}
    assert set(figures["after_background"]) > KEYS and set(figures["stream"]) > KEYS
    low, high = figures["interval_95"]
    assert low <= figures["accuracy"] <= high
    told = f"got {figures['correct']} of {figures['n']}: {100 * figures['accuracy']:.2f} %"
    assert done.stdout.startswith(told)
    assert f"state carried: got {figures['stream']['correct']} of 40" in done.stdout
    for order in figures["stream"]["orders"]:
        assert f"{100 * order['accuracy']:.2f}" in done.stdout
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    scorer = open_if_checkpoint(run)
    assert scorer is not None
    assert figures == evaluate(scorer, tones, tones.select("test"), background_audio(None, 16000))


def test_every_clip_in_a_table_adds_up_to_the_figures(
    run: Path, tones: Pack, tmp_path: Path, auricle_here: Run
) -> None:
    options = ("--stream", "--orders", 3, "--between-seconds", 0, "--clips", tmp_path / "clips.csv", "--json", "-")
    figures = json.loads(auricle_here("evaluate", run, "--data", tones.path, "--split", "all", *options).stdout)
    with open(tmp_path / "clips.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["clip"]) for row in rows] == list(range(24))
    for column, found in {"right": figures, "right_after_background": figures["after_background"]}.items():
        assert sum(int(row[column]) for row in rows) == found["correct"]
    assert all((row["said"] == row["labels"]) == bool(int(row["right"])) for row in rows)
    assert sum(float(row["right_carried"]) for row in rows) / 24 == pytest.approx(figures["stream"]["accuracy"])
    for k, order in enumerate(figures["stream"]["orders"]):
        assert sum(row[f"said_carried_{k}"] == row["labels"] for row in rows) == order["correct"]


def test_json_on_standard_output_is_json_and_nothing_else(run: Path, tones: Pack, auricle_here: Run) -> None:
    done = auricle_here(
        "evaluate", run / "checkpoints" / "last.pt", "--data", tones.path, "--split", "all", "--json", "-"
    )
    assert set(json.loads(done.stdout)) == KEYS and json.loads(done.stdout)["n"] == len(tones)
    done = auricle_here("evaluate", run, "--data", tones.path, "--checkpoints", "all", "--json", "-")
    assert set(json.loads(done.stdout)) == {"best.pt", "last.pt", "epoch-0002.pt", "epoch-0004.pt"}


def test_a_table_of_all_checkpoints(run: Path, tones: Pack, auricle_here: Run) -> None:
    lines = auricle_here("evaluate", run, "--data", tones.path, "--checkpoints", "all").stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["best.pt", "epoch-0002.pt", "epoch-0004.pt", "last.pt"]
    assert all(" of 8" in line for line in lines[1:])


def test_only_some_clips(run: Path, tones: Pack, auricle_here: Run) -> None:
    arguments = ("evaluate", run, "--data", tones.path, "--json", "-", "--where")
    assert json.loads(auricle_here(*arguments, "group=g3").stdout)["n"] == 2
    for where, words in {
        "group=g99": "group has g0, g1",
        "colour=red": "wanted fold=",
        "group": "wanted fold=",
    }.items():
        done = auricle_here(*arguments, where, check=False)
        assert done.returncode == 1 and words in done.stderr


def test_mistakes_are_told_with_words(run: Path, tones: Pack, tmp_path: Path, auricle_here: Run) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "noise.onnx").write_bytes(b"\x08\x07 nothing of the kind" * 20)
    (tmp_path / "notes.txt").write_text("not a model")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "checkpoints").mkdir()
    shutil.copy(run / "checkpoints" / "best.pt", tmp_path / "cut.pt")
    with open(tmp_path / "cut.pt", "r+b") as file:
        file.truncate(1000)
    for model, words in {
        tmp_path / "absent": "absent does not exist",
        tmp_path / "empty": "holds no checkpoint",
        tmp_path / "broken": "holds no checkpoint",
        tmp_path / "noise.onnx": "noise.onnx",
        tmp_path / "notes.txt": "nothing that can be opened here",
        tmp_path / "cut.pt": "cut.pt is not a checkpoint",
    }.items():
        done = auricle_here("evaluate", model, "--data", tones.path, check=False)
        assert done.returncode == 1 and words in done.stderr and "Traceback" not in done.stderr, (model, done.stderr)
    for options, words in {
        ("--data", tmp_path / "absent"): "absent does not exist",
        ("--data", tones.path, "--split", "tset"): "No clips of that split",
        ("--data", tones.path, "--stream", "--background", tmp_path / "absent"): "absent does not exist",
        ("--data", tones.path, "--seed", "-1"): "-1 is not in the range",
    }.items():
        done = auricle_here("evaluate", run, *options, check=False)
        assert done.returncode in (1, 2) and words in done.stderr and "Traceback" not in done.stderr


def test_a_scene_is_written_twice_the_same(tones: Pack, tmp_path: Path, auricle_here: Run) -> None:
    for name in ("a", "b"):
        auricle_here("scene", tones.path, tmp_path / f"{name}.wav", "--minutes", 0.5, "--snr", 20, "--seed", 7)
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()
    audio, rate = read_audio(tmp_path / "a.wav")
    assert (len(audio), rate) == (30 * 16000, 16000)
    with open(tmp_path / "a.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 3
    assert set(rows[0]) == {"label", "onset_seconds", "offset_seconds"}
    assert {row["label"] for row in rows} <= {"high", "low"}


def test_a_scene_that_cannot_be_written(tones: Pack, tmp_path: Path, auricle_here: Run) -> None:
    for arguments, words in {
        (tones.path, tmp_path / "scene.mp3"): "must end in .wav",
        (tones.path, tmp_path / "scene.wav", "--split", "tset"): "no clips of that split",
        (tones.path, tmp_path / "scene.wav", "--rate", 8000): "16000 Hz; wanted 8000 Hz",
        (tmp_path / "absent", tmp_path / "scene.wav"): "absent does not exist",
    }.items():
        done = auricle_here("scene", *arguments, check=False)
        assert done.returncode == 1 and words in done.stderr and "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())
