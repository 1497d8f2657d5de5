"""`auricle inspect` tells what the file says; `auricle bench` writes the keys that programs read."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from auricle_runtime.bench import Lengths, streams
from auricle_runtime.onnx_scorer import OnnxScorer

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_inspect_tells_the_metadata(run_auricle: Run, tiny_model: Path) -> None:
    meta = OnnxScorer(tiny_model).metadata
    values = json.loads(run_auricle("inspect", tiny_model, "--json").stdout)
    assert values["labels"] == list(meta.labels)
    assert values["rate_hz"] == meta.rate_hz
    assert values["hop_samples"] == meta.hop_samples
    assert values["spectrogram_hash"] == meta.spectrogram.hash
    assert values["spectrogram"]["bands"] == meta.spectrogram.bands
    assert set(values["events"]) == set(meta.event_labels)
    assert values["file_bytes"] == tiny_model.stat().st_size
    assert set(values["inputs"]) == {"audio", "state"}
    assert values["inputs"]["state"][1] == meta.state_size
    assert {"logits", "scores", "next_state"} <= set(values["outputs"])
    plain = run_auricle("inspect", tiny_model).stdout
    assert all(text in plain for text in (*meta.labels, meta.spectrogram.hash, "temperature", "on_threshold"))


def test_inspect_of_something_else(run_auricle: Run, tmp_path: Path) -> None:
    other = tmp_path / "other.onnx"
    other.write_bytes(b"no model")
    done = run_auricle("inspect", other, check=False)
    assert done.returncode == 1
    assert "not an ONNX model" in done.stderr


def test_bench_writes_its_figures(run_auricle: Run, tiny_model: Path, tmp_path: Path) -> None:
    done = run_auricle("bench", tiny_model, "--quick", "--json", tmp_path / "bench.json")
    figures = json.loads((tmp_path / "bench.json").read_text())
    assert {"10", "20", "80", "1000"} <= set(figures["blocks_ms"])
    for row in [*figures["blocks_ms"].values(), figures["paced_80_ms"]]:
        assert row["cpu_ms_per_second"] > 0
        assert 0 < row["p50_ms"] <= row["p99_ms"]
        assert row["times_real_time"] == pytest.approx(1000 / row["cpu_ms_per_second"], rel=0.01)
    streams = figures["streams"]
    assert [step["streams"] for step in streams["steps"]][:3] == [1, 8, 16]
    assert streams["fit"] < streams["stops_at"]["streams"] <= 2 * streams["fit"]
    assert f"one core carries {streams['fit']} streams" in done.stdout
    assert figures["provider"] == "cpu"
    assert 20 < figures["peak_memory_mb"] < 1000
    assert figures["process_start_cpu_ms"] > 0
    assert figures["start_to_first_score_ms"] > 0 and figures["bare_start_to_first_score_ms"] > 0
    assert figures["process_cpu_ms_per_second"] > 0
    assert "start to first score" in done.stdout


@pytest.mark.parametrize(("share", "wanted"), [(1 / 1000, 1000), (1 / 37, 37), (0.9, 1), (1 / (1 << 40), 1 << 15)])
def test_the_search_for_how_many_fit(monkeypatch: pytest.MonkeyPatch, share: float, wanted: int) -> None:
    """Of streams that cost a known share of the core each: what fits, fits, and a few more do not."""

    def known(_scorer: object, count: int, _lengths: object, _at_once: bool) -> streams.Step:
        return streams.Step(count, count * share, 0.25 * count * share, 1.0, 2.0)

    monkeypatch.setattr(streams, "_measure", known)
    found = streams.measure_streams(None, Lengths())  # type: ignore[arg-type]
    assert wanted / streams.CLOSE_ENOUGH - 1 < found["fit"] <= wanted
    assert found["fit_with_events"] * share * 1.25 <= 1
    if found["stops_at"]:
        assert wanted < found["stops_at"]["streams"] <= streams.CLOSE_ENOUGH * found["fit"] + 1


def test_bench_of_something_else(run_auricle: Run, tmp_path: Path) -> None:
    done = run_auricle("bench", tmp_path / "missing.onnx", check=False)
    assert done.returncode == 1
    assert "does not exist" in done.stderr
