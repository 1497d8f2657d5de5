"""The table of speeds: its columns add up, its naive row is librosa's, its proposal is a config."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import pytest
import threadpoolctl
import torch
from click.testing import CliRunner

from auricle_shared.errors import SettingsError
from auricle_shared.pack import Pack
from auricle_shared.settings import SpectrogramSettings
from auricle_shared.spectrogram import clip_spectrogram
from auricle_trainer.config import TrainingSettings, load_config
from auricle_trainer.throughput.command import throughput
from auricle_trainer.throughput.measure import Measured, Row
from auricle_trainer.throughput.naive import librosa_features, librosa_on_torch_threads
from auricle_trainer.throughput.propose import as_changes, proposal, write_config
from auricle_trainer.throughput.rows import batch_sizes

CPU = torch.device("cpu")


def run(*arguments: object) -> tuple[str, int]:
    command = [str(a) for a in arguments] + ["--device", "cpu"]
    found = CliRunner().invoke(throughput, command, catch_exceptions=False)
    return found.output, found.exit_code


@pytest.fixture(scope="module")
def table(tones: Pack, noise: Pack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole table in a hurry."""
    folder = tmp_path_factory.mktemp("table")
    files = ("--json", folder / "speed.json", "--picture", folder / "speed.png", "--write", folder / "mine.toml")
    hurry = ("--seconds", 0.1, "--rounds", 2, "--workers", 0, "--batches", "4,8")
    text, code = run("tiny", "--data", tones.path, "--background", noise.path, *hurry, *files)
    assert code == 0, text
    (folder / "text").write_text(text)
    return folder


def test_one_run_prints_and_writes_the_table(table: Path) -> None:
    found, text = json.loads((table / "speed.json").read_text()), (table / "text").read_text()
    rows = found["rows"]
    assert rows[0]["name"] == "librosa for each clip" and rows[0]["ratio_to_naive"] == 1.0
    assert [row["batch"] for row in rows if row["name"].startswith("scenes")] == [4, 8]
    for row in rows:
        assert row["name"] in text and row["clips_per_second"] > 0
        assert row["ratio_to_naive"] == pytest.approx(row["clips_per_second"] / rows[0]["clips_per_second"])
        assert sum(row["phase_shares"].values()) == pytest.approx(1.0)
        assert row["gauges"]["host/process_memory_gib"] > 0.01
    assert found["data_path"]["ratio_to_naive"] > 0 and found["step_over_network"] > 0
    assert (table / "speed.png").read_bytes().startswith(b"\x89PNG")


def test_every_strategy_has_a_row_over_one_process_with_the_same_batch(table: Path) -> None:
    found, text = json.loads((table / "speed.json").read_text()), (table / "text").read_text()
    rows = {row["strategy"]: row for row in found["rows"] if row["strategy"]}
    alone = next(row for row in found["rows"] if row["name"].startswith("scenes") and row["batch"] == 8)
    assert list(rows) == ["data-parallel", "ddp", "hogwild"]
    assert "does nothing on a CPU" in rows["data-parallel"]["name"]
    for name, row in rows.items():
        assert row["batch"] == 8 and not row["path"]
        assert row["ratio_to_single"] == pytest.approx(row["clips_per_second"] / alone["clips_per_second"])
        assert f"{name}: {row['ratio_to_single']:.2f} times the clips/s of one process" in text


def test_an_epoch_takes_its_clips_at_the_measured_speed(table: Path, tones: Pack) -> None:
    found = json.loads((table / "speed.json").read_text())
    first = found["rows"][0]
    assert first["epoch_seconds"] * first["clips_per_second"] == pytest.approx(found["training_clips"])


def test_the_proposal_is_a_config_that_loads(table: Path) -> None:
    proposed = json.loads((table / "speed.json").read_text())["proposal"]
    settings = load_config(str(table / "mine.toml")).training
    assert {name: getattr(settings, name) for name in proposed} == proposed
    assert settings.epochs == load_config("tiny").training.epochs, "what was not proposed stays"
    assert as_changes(proposed) in (table / "text").read_text()
    assert load_config("tiny", as_changes(proposed).replace("--set ", "").split()).training == settings


def test_a_proposed_config_overwrites_nothing(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("precious")
    with pytest.raises(SettingsError, match="already there"):
        write_config("tiny", {"streams": 8}, path)
    assert path.read_text() == "precious"


def test_the_smaller_of_two_batches_that_are_as_fast_is_proposed() -> None:
    def row(batch: int, speed: float, path: str = "workers") -> Measured:
        return Measured("", batch, 1, speed, 1.0, {}, path=path)

    settings = TrainingSettings(streams=32, learning_rate=3e-3)
    rows = [row(64, 9000, path=""), row(32, 500), row(128, 980), row(512, 1000)]
    assert proposal(rows, settings) == {"streams": 128, "workers": 1, "learning_rate": 6e-3}
    itself = TrainingSettings(streams=32, learning_rate=3e-3, learning_rate_batch=32)
    assert proposal(rows, itself) == {"streams": 128, "workers": 1}, "such a config scales its rate by itself"
    assert proposal([row(32, 900), row(32, 1000, "graph")], settings)["graph"] is True


@pytest.mark.parametrize("kind", ["log_mel", "linear"])
def test_the_naive_row_computes_the_very_features(kind: str) -> None:
    """In the middle of a clip: librosa pads at the centre, looks ahead, and does not divide by the window's sum."""
    sizes = {"n_fft": 512, "window_seconds": 0.032, "hop_seconds": 0.016}
    settings = SpectrogramSettings(kind=kind, eps=1e-12, **sizes)  # type: ignore[arg-type]
    clip = (np.random.default_rng(0).standard_normal(16000) * 0.1).astype(np.float32)
    window = librosa.filters.get_window("hann", settings.window_samples).sum()
    naive = librosa_features(clip, settings, 62) - 2 * np.log(window)
    ours = clip_spectrogram(clip, settings)
    # A frame of ours ends where librosa's, around its centre, is looked up half a window earlier.
    np.testing.assert_allclose(naive[1:60], ours[1:60], atol=2e-3)


def test_seconds_to_an_accuracy(tones: Pack, noise: Pack) -> None:
    arguments = ("tiny", "--data", tones.path, "--background", noise.path, "--batches", "4,8", "--json", "-")
    printed, _ = run(*arguments, "--to-accuracy", 40)
    easy = json.loads(printed[printed.index("{\n") :])
    assert [row["batch"] for row in easy["rows"]] == [4, 8]
    for row in easy["rows"]:
        assert row["seconds"] > 0 and row["best_accuracy"] >= 0.4 and row["epochs"] >= 1
    rates = [row["learning_rate"] for row in easy["rows"]]
    assert rates[1] / rates[0] == pytest.approx(2**0.5, rel=0.02)


@pytest.mark.parametrize("text", ["", "64,", "0", "many"])
def test_batch_sizes_in_words(text: str) -> None:
    if text:
        with pytest.raises(SettingsError, match="--batches"):
            batch_sizes(text, CPU)
    assert batch_sizes("", CPU) == [32, 64, 128] and batch_sizes("8,16", CPU) == [8, 16]


def test_a_row_that_fails_says_so_and_the_table_goes_on(
    tones: Pack, noise: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The largest batch of a GPU may not fit."""
    from auricle_trainer.throughput import table as module

    def measure(row: Row, *_: Any) -> Measured:
        if row.batch == 8:
            raise RuntimeError("CUDA out of memory. Tried to allocate 3 GiB\nmore words")
        return Measured(
            row.name, row.batch, row.workers, 100.0, 1.0, {"data": 1.0}, path=row.path, strategy=row.strategy
        )

    def ratios(*_: Any) -> dict[str, Any]:
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(module, "measure", measure)
    monkeypatch.setattr(module, "ratios", ratios)
    hurry = ("--seconds", 0.1, "--rounds", 1, "--workers", 0, "--batches", "4,8", "--json", tmp_path / "speed.json")
    text, code = run("tiny", "--data", tones.path, "--background", noise.path, "--picture", tmp_path / "a.png", *hurry)
    assert "Data path and step against network: RuntimeError: CUDA out of memory" in text
    assert code == 0 and "scenes, all augmentation: failed: RuntimeError: CUDA out of memory" in text
    rows = json.loads((tmp_path / "speed.json").read_text())["rows"]
    assert {row["clips_per_second"] > 0 for row in rows if row["batch"] != 8} == {True}
    assert {row["clips_per_second"] for row in rows if row["batch"] == 8} == {0.0}
    assert json.loads((tmp_path / "speed.json").read_text())["proposal"]["streams"] == 4


def test_librosa_gets_the_threads_that_torch_has() -> None:
    """Asked of the libraries themselves: NumPy would take all cores, and the first row's processor time with it."""
    np.ones((2, 2)) @ np.ones((2, 2))

    def threads() -> set[int]:
        return {pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"}

    before, torch_threads = threads(), torch.get_num_threads()
    try:
        for wanted in (1, 2):
            torch.set_num_threads(wanted)
            with librosa_on_torch_threads():
                assert threads() == {wanted}
    finally:
        torch.set_num_threads(torch_threads)
    assert threads() == before
