"""What a person with a hundred recordings gets: a plain folder, no room sound, no settings, a model that listens."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

from auricle_shared.audio import write_wav
from auricle_shared.event_scores import match_events
from auricle_shared.events import Event
from auricle_shared.write_scene import read_event_table

Run = Callable[..., CompletedProcess[str]]
RATE, CLIPS, MOST_SECONDS = 16000, 20, 180


def buzzer(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return 0.5 * np.sign(np.sin(2 * np.pi * rng.uniform(110, 140) * t))


def whistle(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.sin(2 * np.pi * rng.uniform(900, 1100) * t)


def warble(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.sin(2 * np.pi * rng.uniform(2700, 3000) * t + rng.uniform(20, 30) * np.sin(2 * np.pi * 8 * t))


def squeak(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """From 7 kHz down to 5."""
    return np.sin(2 * np.pi * (7000 * t - 1000 / t[-1] * t**2) * rng.uniform(0.95, 1.0))


def knocks(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Short bursts, about ten a second."""
    strokes = np.exp(-(t % rng.uniform(0.09, 0.12)) / 0.005)
    return strokes * rng.standard_normal(len(t))


SOUNDS = (buzzer, whistle, warble, squeak, knocks)


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory, run_auricle: Run) -> tuple[Path, CompletedProcess[str]]:
    """The README's commands with nothing but the folder; the events of a scene of clips that did not train."""
    base, rng = tmp_path_factory.mktemp("small"), np.random.default_rng(0)
    for sound in SOUNDS:
        (base / "sounds" / sound.__name__).mkdir(parents=True)
        for i in range(CLIPS):
            t = np.arange(round(rng.uniform(0.5, 1.2) * RATE)) / RATE
            faded = sound(t, rng) * np.clip(np.minimum(t, t[-1] - t) / 0.01, 0, 1) * rng.uniform(0.1, 0.5)
            write_wav(base / "sounds" / sound.__name__ / f"{i}.wav", faded.astype(np.float32), RATE)
    sounds, run, model = base / "sounds", base / "run", base / "model.onnx"
    train = run_auricle("train", "--data", sounds, "--run", run, "--device", "cpu", timeout=MOST_SECONDS)
    assert "no --background given: a synthetic one is used" in train.stderr
    run_auricle("export", run, model)
    options = ("--minutes", 3, "--snr", 15, "--split", "test", "--seed", 5)
    run_auricle("scene", sounds, base / "scene.wav", *options)
    return base, run_auricle("listen", model, "--wav", base / "scene.wav", "--json")


def test_it_listens(heard: tuple[Path, CompletedProcess[str]]) -> None:
    base, listened = heard
    lines = [json.loads(line) for line in listened.stdout.splitlines()]
    found = [Event("on", x["label"], x["onset_seconds"], x["score"]) for x in lines if x["phase"] == "on"]
    truth = read_event_table(base / "scene.csv")
    assert len(truth) >= 25 and {e.label for e in truth} == {sound.__name__ for sound in SOUNDS}
    scores = match_events(truth, found)
    assert scores.found_share >= 0.8, scores.missed
    assert len(scores.false) <= 0.3 * len(truth), scores.false
