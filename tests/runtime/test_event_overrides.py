"""Event settings from the model, a TOML next to it and the command line: who wins, and what is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from auricle_runtime.event_overrides import events_in_force
from auricle_runtime.onnx_scorer import OnnxScorer
from auricle_shared.errors import SettingsError


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(tiny_model, tmp_path / "tones.v2.onnx"))


def write_toml(model: Path, text: str) -> Path:
    path = model.parent / "tones.v2.events.toml"
    path.write_text(text)
    return path


def test_nothing_given_is_the_models_own(model: Path) -> None:
    meta = OnnxScorer(model).metadata
    found = events_in_force(model, meta)
    assert all(found.metadata.event_settings(label) == meta.event_settings(label) for label in meta.event_labels)
    assert found.file is None


def test_file_then_command_line_special_over_common(model: Path) -> None:
    meta = OnnxScorer(model).metadata
    path = write_toml(
        model, "release_seconds = 1\non_threshold = 0.6\n[low]\non_threshold = 0.7\nhold_off_seconds = 2\n"
    )
    found = events_in_force(model, meta, ["low.hold_off_seconds=3", "minimum_seconds=0.5"])
    high, low = (asdict(found.metadata.event_settings(label)) for label in ("high", "low"))
    assert high == {
        **asdict(meta.event_settings("high")), "release_seconds": 1.0, "on_threshold": 0.6, "minimum_seconds": 0.5,
    }  # fmt: skip
    assert low == {**high, "on_threshold": 0.7, "hold_off_seconds": 3.0}
    assert found.file == path
    assert "tones.v2.events.toml" in found.origins["high"]
    assert "--set low.hold_off_seconds=3" in found.origins["low"]
    assert "hold_off" not in found.origins["high"]


def test_lowered_threshold_takes_its_lower_edge_with_it(model: Path) -> None:
    meta = OnnxScorer(model).metadata
    settings = events_in_force(model, meta, ["low.on_threshold=0.1"]).metadata.event_settings("low")
    assert (settings.on_threshold, settings.off_threshold) == (0.1, 0.1)


@pytest.mark.parametrize(
    ("toml", "assignments", "said"),
    [
        ("", ["bell.on_threshold=0.5"], "'bell' is no sound of this model. It has: high, low"),
        ("[bell]\non_threshold = 0.5", [], "events.toml: 'bell' is no sound"),
        ("", ["low.on=0.5"], "low.on is not a setting. Known here:.*on_threshold"),
        ("[low]\non_threshold = 'x'", [], "low.on_threshold is 'x'.*float"),
        ("", ["low.on_threshold=1.5"], "--set low.on_threshold=1.5: .*wanted 0 <"),
        ("", ["low.on_threshold=0.2", "low.off_threshold=0.4"], "wanted 0 <"),
        ("", ["low.on_threshold"], "wanted .LABEL..KEY=NUMBER"),
        ("", ["low.on_threshold=high"], "wanted .LABEL..KEY=NUMBER"),
        ("", ["low.on_threshold=nan"], "finite"),
        ("on_threshold = ", [], "is no TOML"),
    ],
)
def test_what_cannot_be_is_refused(model: Path, toml: str, assignments: list[str], said: str) -> None:
    write_toml(model, toml)
    with pytest.raises(SettingsError, match=said):
        events_in_force(model, OnnxScorer(model).metadata, assignments)


def test_listen_obeys(
    run_auricle: Callable[..., subprocess.CompletedProcess[str]], model: Path, two_tones: Callable[[int], Path]
) -> None:
    write_toml(model, "[high]\nminimum_seconds = 5\n")
    done = run_auricle("listen", model, "--wav", two_tones(16000), "--json", "--set", "low.release_seconds=2")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(e["phase"], e["label"]) for e in events] == [("on", "low"), ("off", "low")]
    assert "tones.v2.events.toml" in done.stderr
    refused = run_auricle("listen", model, "--wav", two_tones(16000), "--set", "bell.on_threshold=1", check=False)
    assert refused.returncode == 1
    assert "'bell' is no sound" in refused.stderr
