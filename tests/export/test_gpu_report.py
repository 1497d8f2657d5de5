"""The GPU report where there is no GPU: every section runs, its laws hold, and one that fails stops nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from auricle_export.gpu_report import data_parallel, floor, gru, providers
from auricle_export.gpu_report import report as whole
from auricle_export.gpu_report.command import gpu_report
from auricle_export.gpu_report.text import TOLD, as_text
from auricle_shared.variation import AugmentSettings
from auricle_trainer.config import load_config
from auricle_trainer.throughput.table import open_setup

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "cpu"
    found = CliRunner().invoke(gpu_report, [str(path), "--quick", "--device", "cpu"], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return path


def test_one_command_leaves_the_whole_report(folder: Path) -> None:
    found = json.loads((folder / "report.json").read_text())
    assert set(TOLD) | {"verdict"} < set(found)
    for name in TOLD:
        assert "failed" not in found[name], found[name]
    verdict = found["verdict"]
    assert verdict["audio_seconds_per_second"] > 0 and verdict["wanted_audio_seconds_per_second"] == 100_000
    assert (folder / "speed.png").read_bytes().startswith(b"\x89PNG")
    text = (folder / "report.txt").read_text()
    for words in (
        "librosa for each clip",
        "Arithmetic floor",
        "own against native",
        "DataParallel",
        "bfloat16",
        "Fastest:",
    ):
        assert words in text


def test_the_same_first_step_in_every_precision(folder: Path) -> None:
    rows = {row["precision"]: row for row in json.loads((folder / "report.json").read_text())["precision"]}
    assert set(rows) == {"float32", "bfloat16"} and all(row["ms"] > 0 for row in rows.values())
    assert rows["bfloat16"]["loss"] == pytest.approx(rows["float32"]["loss"], rel=0.02)
    assert rows["bfloat16"]["loss"] != rows["float32"]["loss"]


def test_the_speed_is_measured_against_the_floor_and_the_naive_row(folder: Path) -> None:
    found = json.loads((folder / "report.json").read_text())
    row = max((r for r in found["throughput"]["rows"] if r["path"]), key=lambda r: r["clips_per_second"])
    assert found["verdict"]["ratio_to_naive"] == pytest.approx(
        row["clips_per_second"] / found["throughput"]["rows"][0]["clips_per_second"]
    )
    assert found["verdict"]["share_of_floor"] == pytest.approx(
        row["clips_per_second"] * found["floor"]["seconds_a_clip"]
    )


def test_both_ways_to_a_gradient_agree_and_a_wrong_one_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert gru.gradient_checks(CPU, (16, 128), 4, 20)["agree"]
    monkeypatch.setattr(gru, "train_gru", lambda layer, x, first: layer(1.01 * x, first))
    found = gru.gradient_checks(CPU, (16,), 4, 20)
    assert found["relative_error"][16] > 1e-3 and not found["agree"]


def test_operations_are_counted_as_by_hand() -> None:
    """gru: 400-sample window folded to 200 x 255 bins twice, 255 x 40 mel; 40 -> 128 units, 128 -> 3 classes."""
    found = floor.operations_a_frame(load_config("gru"), 3)
    assert found["features"] == 2 * (2 * 200 * 255 + 255 * 40)
    weights, biases = 3 * 128 * (40 + 128) + 128 * 3, 2 * 3 * 128 + 3
    assert found["network"] == 3 * 2 * (weights + biases)


def test_providers_and_data_parallel_say_the_same_as_one_device() -> None:
    rows = providers.compare(load_config("tiny"), (1, 3), 5, ["cpu"])
    assert [(row["provider"], row["batch"]) for row in rows] == [("cpu", 1), ("cpu", 3)]
    assert all(row["error"] == 0 and row["ms"] > 0 for row in rows)
    found = data_parallel.compare(load_config("tiny"), CPU, 4)
    assert found["gpus"] == 0 and found["relative_error"] < 1e-5


def test_a_section_that_fails_says_why_and_the_rest_goes_on(folder: Path) -> None:
    found = json.loads((folder / "report.json").read_text())
    found["providers"] = {"failed": "DeviceError: CUDA was asked for"}
    text = as_text(found)
    assert "providers: DeviceError: CUDA was asked for" in text and "Arithmetic floor" in text


def test_a_failed_table_leaves_no_verdict(folder: Path) -> None:
    found = json.loads((folder / "report.json").read_text())
    found["throughput"] = {"failed": "out of memory"}
    assert whole.verdict(found, None) == {}  # type: ignore[arg-type]


def test_what_fails_in_a_section_is_written_down_and_the_rest_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what has no words, on a machine that nobody has seen."""

    def fails(*_: object) -> None:
        raise KeyError

    def out_of_memory(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 90 GiB")

    for module, name in ((gru, "gradient_checks"), (providers, "compare"), (data_parallel, "compare")):
        monkeypatch.setattr(module, name, fails)  # quick to fail: the report as it should be is measured above
    monkeypatch.setattr(gru, "times", fails)
    monkeypatch.setattr(floor, "floor", out_of_memory)
    monkeypatch.setattr(whole, "run_table", out_of_memory)
    found = CliRunner().invoke(gpu_report, [str(tmp_path), "--quick", "--device", "cpu"], catch_exceptions=False)
    assert found.exit_code == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["gru_times"] == {"failed": "KeyError: no words"}
    assert report["throughput"]["failed"] == "OutOfMemoryError: CUDA out of memory. Tried to allocate 90 GiB"
    assert report["precision"] and report["verdict"] == {}
    assert "gru_times: KeyError" in (tmp_path / "report.txt").read_text()


def test_a_provider_that_does_not_start_has_a_row_that_says_why() -> None:
    rows = providers.compare(load_config("tiny"), (1,), 5, ["cpu", "cuda"])
    if "cuda" not in [row["provider"] for row in rows if "ms" in row]:
        assert "CUDA was asked for" in next(row["failed"] for row in rows if row["provider"] == "cuda")
    assert [row["provider"] for row in rows if "ms" in row][0] == "cpu"


def test_everything_that_training_can_draw_is_on(folder: Path) -> None:
    """All of [augment], [mask] and [shift]; a new kind of augmentation is to be thought of there too."""
    with open_setup("gru", (), folder / "sounds", None, CPU, 0) as setup:
        config = whole.with_everything(setup).config
    plain = AugmentSettings()
    unchanged = [name for name in plain.__dict__ if getattr(config.augment, name) == getattr(plain, name)]
    ranges = ["rt60_low_seconds", "rt60_high_seconds", "direct_low_db", "direct_high_db"]
    assert unchanged == [*ranges, "ambient_low_db", "ambient_high_db"], "how, where it is on at all"
    assert config.shift.bands and config.mask.band_masks and config.mask.time_masks
