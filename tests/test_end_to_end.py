"""A newcomer's whole way, by the commands of the README: recordings, pack, run, model, scene, live events."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

from auricle_shared.audio import resample, write_wav
from auricle_shared.event_scores import match_events
from auricle_shared.events import Event
from auricle_shared.pack import Pack
from auricle_shared.write_scene import read_event_table

Run = Callable[..., CompletedProcess[str]]
CLASSES = {"Türklingel": 700.0, "pássaro": 3200.0, "smoke alarm": 1500.0}
CLIPS = 14


def tone(hz: float, seconds: float, rate: int, rng: np.random.Generator) -> np.ndarray:
    """A tone with an overtone, faded in and out over 10 ms."""
    t = np.arange(round(seconds * rate)) / rate
    hz *= rng.uniform(0.95, 1.05)
    samples = 0.3 * np.sin(2 * np.pi * hz * t) + 0.05 * np.sin(4 * np.pi * hz * t)
    return samples * np.clip(np.minimum(t, t[-1] - t) / 0.01, 0, 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """WAV files as people have them: 16 kHz mono, and 44.1 kHz stereo of 24 bits; one broken."""
    import soundfile

    folder = tmp_path_factory.mktemp("newcomer") / "my sounds"
    rng = np.random.default_rng(0)
    for label, hz in CLASSES.items():
        (folder / label).mkdir(parents=True)
        for i in range(CLIPS):
            seconds = rng.uniform(0.5, 1.2)
            if i % 3:
                write_wav(folder / label / f"Nr. {i} – ö.wav", tone(hz, seconds, 16000, rng).astype(np.float32), 16000)
            else:
                left = tone(hz, seconds, 44100, rng)
                soundfile.write(folder / label / f"{i}.wav", np.stack([left, 0.8 * left], 1), 44100, subtype="PCM_24")
    (folder / "pássaro" / "broken.wav").write_bytes(b"RIFF\x00\x00")
    return folder


@pytest.fixture(scope="module")
def flow(folder: Path, run_auricle: Run) -> dict[str, CompletedProcess[str]]:
    """Every command once, in order, in its own process."""
    base = folder.parent
    steps = {
        "import": ("import", folder, base / "pack"),
        "train": ("train", "tiny", "--data", base / "pack", "--run", base / "run", "--device", "cpu"),
        "export": ("export", base / "run", base / "model.onnx"),
        "scene": ("scene", base / "pack", base / "scene.wav", "--minutes", "2", "--snr", "15", "--seed", "3"),
        "listen": ("listen", base / "model.onnx", "--wav", base / "scene.wav", "--json"),
        "run": ("evaluate", base / "run", "--data", base / "pack", "--stream", "--json", base / "run.json"),
        "model": ("evaluate", base / "model.onnx", "--data", base / "pack", "--stream", "--json", base / "model.json"),
    }
    steps["train"] += ("--set", "training.epochs=20")
    return {name: run_auricle(*arguments) for name, arguments in steps.items()}


def test_everything_that_can_be_read_is_in_the_pack(flow: dict[str, CompletedProcess[str]], folder: Path) -> None:
    pack = Pack.open(folder.parent / "pack")
    assert dict(pack.counts()) == dict.fromkeys(CLASSES, CLIPS) and pack.rate_hz == 16000
    assert {c.split for c in pack.clips} == {"train", "val", "test"}
    told = flow["import"].stdout + flow["import"].stderr
    assert "broken.wav" in told or any("broken.wav" in f.read_text() for f in pack.path.glob("*.csv"))
    stereo = next(i for i, c in enumerate(pack.clips) if c.source.endswith("/0.wav") and c.labels == ("Türklingel",))
    spectrum = np.abs(np.fft.rfft(pack.audio(stereo)))
    peak_hz = spectrum.argmax() * 16000 / pack.clips[stereo].length_samples
    assert peak_hz == pytest.approx(700, rel=0.06)


def test_the_number_of_training_is_the_number_of_the_device(
    flow: dict[str, CompletedProcess[str]], folder: Path
) -> None:
    figures = [json.loads((folder.parent / f"{name}.json").read_text()) for name in ("run", "model")]
    assert figures[0] == figures[1]
    assert figures[0]["accuracy"] >= 0.8 and figures[0]["n"] == len(Pack.open(folder.parent / "pack").select("test"))
    assert flow["run"].stdout == flow["model"].stdout


def test_the_events_of_a_scene_are_heard_live(flow: dict[str, CompletedProcess[str]], folder: Path) -> None:
    lines = [json.loads(line) for line in flow["listen"].stdout.splitlines()]
    began = [x for x in lines if x["phase"] == "on"]
    heard = [Event("on", x["label"], x["onset_seconds"], x["score"]) for x in began]
    truth = read_event_table(folder.parent / "scene.csv")
    scores = match_events(truth, heard)
    assert len(truth) >= 20 and {e.label for e in truth} == set(CLASSES)
    assert scores.found_share >= 0.8, [scores.missed, scores.false]
    assert len(scores.false) <= 0.2 * len(truth), scores.false
    ended = {(x["label"], x["onset_seconds"]): x["offset_seconds"] for x in lines if x["phase"] == "off"}
    assert set(ended) == {(x["label"], x["onset_seconds"]) for x in began}, "every event that begins ends"
    assert all(end > onset for (_, onset), end in ended.items())


def test_every_step_says_what_it_did(flow: dict[str, CompletedProcess[str]], folder: Path) -> None:
    assert "best validation accuracy" in flow["train"].stdout
    assert "synthetic" in flow["train"].stderr, "a synthetic background is used and not told"
    assert "parity holds" in flow["export"].stdout and "auricle listen model.onnx" in flow["export"].stdout
    assert "got " in flow["model"].stdout and "state carried: got" in flow["model"].stdout
    for name, step in flow.items():
        assert "Warning" not in step.stderr and "Traceback" not in step.stderr, (name, step.stderr)


def test_a_recording_at_another_rate_gives_the_same_events(
    flow: dict[str, CompletedProcess[str]], folder: Path, run_auricle: Run
) -> None:
    """The scene at 44.1 kHz goes through the device's resampler; the same sounds begin at the same times."""
    from auricle_shared.audio import read_audio

    audio, rate = read_audio(folder.parent / "scene.wav")
    write_wav(folder.parent / "fast.wav", resample(audio[: 40 * rate], rate, 44100), 44100)
    done = run_auricle("listen", folder.parent / "model.onnx", "--wav", folder.parent / "fast.wav", "--json")

    def onsets(text: str) -> list[tuple[str, float]]:
        found = [json.loads(line) for line in text.splitlines()]
        return [(x["label"], x["onset_seconds"]) for x in found if x["phase"] == "on" and x["onset_seconds"] < 38]

    here, there = onsets(flow["listen"].stdout), onsets(done.stdout)
    assert [label for label, _ in here] == [label for label, _ in there] and len(here) >= 5
    assert [t for _, t in there] == pytest.approx([t for _, t in here], abs=0.05)
