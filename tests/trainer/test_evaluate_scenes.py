"""`auricle evaluate --scenes` as its user meets it: figures, words, pictures, and what it refuses."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
import torch

from auricle_shared.metadata import BACKGROUND
from auricle_shared.pack import Pack, PackWriter
from auricle_shared.scene_evaluation import recordings
from auricle_shared.scorer import open_scorer
from auricle_trainer.config import load_config
from auricle_trainer.metrics.det import NONE_AT, det_figure
from auricle_trainer.metrics.scene import band_hz, scene_figure
from auricle_trainer.train import train

Run = Callable[..., CompletedProcess[str]]
PNG = b"\x89PNG"


def trained(pack: Pack, noise: Pack, folder: Path) -> Path:
    train(load_config("tiny", ["training.epochs=4"]), pack, noise, folder, torch.device("cpu"), seed=0)
    return folder


@pytest.fixture(scope="module")
def run(tones: Pack, noise: Pack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tones, noise, tmp_path_factory.mktemp("scenes") / "run")


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise in recordings of both sides; in one for training a tone like the events'."""
    rng = np.random.default_rng(4)
    path = tmp_path_factory.mktemp("speech") / "pack"
    with PackWriter(path, 16000) as writer:
        for split, seconds in (("train", 30), ("val", 25), ("val", 11), ("test", 40)):
            samples = 0.01 * rng.standard_normal(seconds * 16000)
            if split == "train":
                samples[80000:96000] += 0.3 * np.sin(2 * np.pi * 2500 / 16000 * np.arange(16000))
            writer.add(samples.astype(np.float32), [BACKGROUND], split=split)
    return path


def scenes(run: Path, data: Path, *more: object) -> Sequence[object]:
    return ("evaluate", run, "--data", data, "--scenes", "--minutes", 1, "--snr", 20, *more)


def test_figures_words_and_pictures(run: Path, tones: Pack, speech: Path, tmp_path: Path, auricle_here: Run) -> None:
    options = ("--negatives", speech, "--pictures", tmp_path / "p", "--json", tmp_path / "f.json")
    done = auricle_here(*scenes(run, tones.path, *options))
    figures = json.loads((tmp_path / "f.json").read_text())["scenes"]
    assert figures["labels"] == ["high", "low"]
    assert figures["made_of"]["negatives"]["recordings"] == 1 and figures["made_of"]["snr_db"] == [20, 20]
    assert figures["hours_of_scenes"] == pytest.approx(1 / 60)
    assert figures["hours_of_negatives"] == pytest.approx(40 / 3600, rel=0.01)
    overall = figures["shipped"]["overall"]
    assert overall["events"] > 10 and overall["miss_share"] < 0.5
    assert figures["quiet"]["overall"]["false_alarms_in_negatives"]["alarms"] == 0
    for words in (
        f"scenes: {overall['events']} events in 1.0 minutes",
        "negatives: T = 0.7 minutes",
        "lowest threshold without an alarm in all the negatives",
        "below 3/T = 270 an hour",
        f"{overall['misses']} = {100 * overall['miss_share']:.1f} %",
    ):
        assert words in done.stdout, words
    assert all((tmp_path / "p" / name).read_bytes().startswith(PNG) for name in ("det.png", "scene.png"))
    again = auricle_here(*scenes(run, tones.path, "--negatives", speech, "--json", "-"))
    assert json.loads(again.stdout)["scenes"] == figures


def test_the_seed_the_snr_and_the_ignored(run: Path, tones: Pack, auricle_here: Run) -> None:
    def figures(*more: object) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(auricle_here(*scenes(run, tones.path, "--json", "-", *more)).stdout)
        return found["scenes"]

    first, other, one = figures(), figures("--seed", 1), figures("--ignore", "low")
    assert first["quiet"] is None and first["made_of"]["negatives"] is None
    assert first["curve"] != other["curve"]
    assert one["labels"] == ["high"] and one["made_of"]["ignored"] == ["low"]
    assert one["curve"][5]["per_class"]["high"]["misses"] == first["curve"][5]["per_class"]["high"]["misses"]


def test_several_labels_at_once(several_tones: Pack, noise: Pack, tmp_path: Path, auricle_here: Run) -> None:
    run = trained(several_tones, noise, tmp_path / "run")
    options = ("--split", "all", "--negatives", noise.path, "--pictures", tmp_path, "--json", "-")
    figures = json.loads(auricle_here(*scenes(run, several_tones.path, *options)).stdout)["scenes"]
    found = figures["shipped"]["per_class"]
    assert figures["shipped"]["overall"]["events"] == found["high"]["events"] + found["low"]["events"]
    assert (tmp_path / "scene.png").read_bytes().startswith(PNG)


def test_recordings_are_those_of_the_split(speech: Path, noise: Pack) -> None:
    for split, wanted in {"train": [30], "val": [25, 11], "test": [40], "all": [30, 25, 11, 40]}.items():
        pack = recordings(speech, "--negatives", 16000, split)
        assert pack is not None and [c.length_samples // 16000 for c in pack.clips] == wanted
    pack = recordings(noise.path, "--negatives", 16000, "test")  # no splits: all of them
    assert pack is not None and len(pack) == len(noise)
    assert recordings(None, "", 16000, "test") is None


def test_mistakes_are_told_with_words(
    run: Path, tones: Pack, speech: Path, tmp_path: Path, auricle_here: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hollow").mkdir()
    with PackWriter(tmp_path / "training", 16000) as writer:
        writer.add(np.zeros(16000, np.int16), [BACKGROUND], split="train")
    with PackWriter(tmp_path / "owls", 16000) as writer:
        writer.add(np.ones(16000, np.int16), ["owl"], split="test")
    for arguments, words in {
        scenes(run, tones.path, "--negatives", tmp_path / "hollow"): "hollow is empty. Wanted",
        scenes(run, tones.path, "--negatives", tmp_path / "absent"): "absent does not exist",
        scenes(run, tones.path, "--background", tmp_path / "absent"): "absent does not exist",
        scenes(
            run, tones.path, "--negatives", tmp_path / "training"
        ): "no recordings of the split 'test'; it has train",
        scenes(run, tones.path, "--ignore", "owl"): "no label owl to ignore",
        scenes(run, tones.path, "--split", "tset"): "No clips of that split",
        scenes(run, tmp_path / "owls"): "labels that the model does not know: owl",
        scenes(run, tones.path, "--checkpoints", "all"): "judges one checkpoint",
        ("evaluate", run, "--data", tones.path, "--negatives", speech): "belong to --scenes",
    }.items():
        done = auricle_here(*arguments, check=False)
        assert done.returncode in (1, 2) and words in done.stderr and "Traceback" not in done.stderr, arguments
    monkeypatch.setitem(sys.modules, "auricle_trainer.metrics.det", None)
    done = auricle_here(*scenes(run, tones.path, "--pictures", tmp_path / "p"), check=False)
    assert done.returncode == 1 and "--pictures needs auricle-trainer" in done.stderr
    assert not (tmp_path / "p").exists()


def point(misses: int, alarms: int, hours: float = 2.0) -> dict[str, Any]:
    figures = {
        "miss_share": misses / 10,
        "false_alarms_in_negatives": {"an_hour": alarms / hours if alarms else None},
        "seconds_to_detect": None,
    }
    return {"overall": figures, "per_class": {"a": figures, "b": {**figures, "miss_share": None}}}


def test_det_shows_what_was_counted_and_nothing_below_it() -> None:
    curve = [point(0, 40), point(1, 8), point(3, 0), point(6, 0)]
    report = {"labels": ["a", "b"], "hours_of_negatives": 2.0, "hours_of_scenes": 1.0, "curve": curve}
    figure = det_figure({**report, "shipped": point(1, 8), "quiet": {"threshold": 0.9, **point(3, 0)}})
    (axes,) = figure.axes
    lines = {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in axes.get_lines()}
    # No alarm has a place of its own, and of the thresholds without any the lowest is enough.
    assert lines["all classes"] == lines["a"] == ([20.0, 4.0, NONE_AT / 2], [0.0, 10.0, 30.0])
    assert "b" not in lines  # no event of it happened
    assert lines["all, threshold 0.9"] == ([NONE_AT / 2], [30.0])
    assert "T = 2.00 hours" in axes.get_xlabel() and axes.get_xscale() == "log"
    assert any("< 1.5 an hour" in text.get_text() for text in axes.texts)


def test_a_scene_shows_true_and_heard_events_where_they_are(run: Path) -> None:
    from auricle_shared.events import Event
    from auricle_shared.write_scene import SceneEvent

    metadata = open_scorer(run).metadata
    frames = round(10 * metadata.rate_hz / metadata.hop_samples)
    rng = np.random.default_rng(0)
    truth = [SceneEvent("high", 2.0, 3.5)]
    heard = [Event("on", "low", 5.0, 0.9), Event("off", "low", 5.0, 0.9, 6.25)]
    spectrogram = rng.normal(-5, 1, (frames, metadata.spectrogram.bands))
    labels, scores = metadata.event_labels, rng.random((frames, len(metadata.labels)))
    figure = scene_figure(metadata, labels, spectrogram, scores, truth, heard)
    above, below = figure.axes[:2]
    spans = sorted(tuple(np.round(c.get_paths()[0].get_extents().intervalx, 3)) for c in below.collections)
    assert spans == [(2.0, 3.5), (5.0, 6.25)]
    assert [t.get_text() for t in below.get_yticklabels()] == list(labels)
    assert below.get_xlabel() == "time in seconds" and above.get_ylabel() == "Hz"


def test_bands_lie_where_a_tone_is_loudest() -> None:
    from auricle_shared.settings import SpectrogramSettings
    from auricle_shared.spectrogram import clip_spectrogram

    for settings in (SpectrogramSettings(), SpectrogramSettings(kind="linear", n_fft=512, bands=128)):
        for band in (5, 20, 35):
            hz = band_hz(settings, band)
            tone = np.sin(2 * np.pi * hz / 16000 * np.arange(8000)).astype(np.float32)
            assert clip_spectrogram(tone, settings)[10].argmax() == band
