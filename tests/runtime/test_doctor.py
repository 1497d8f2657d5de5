"""The doctor finds what is wrong, says what to do, and never falls over it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from auricle_runtime.doctor import Finding, installation, microphones, model


def by_topic(findings: list[Finding]) -> dict[str, Finding]:
    for finding in findings:
        assert finding.level == "ok" or finding.todo, f"{finding} does not say what to do"
    return {finding.topic: finding for finding in findings}


def test_this_installation_is_well() -> None:
    found = by_topic(installation.findings())
    assert {f.level for f in found.values()} == {"ok"}
    assert "numpy" in found["packages"].found and "CPUExecutionProvider" in found["onnxruntime"].found


def test_both_builds_of_onnxruntime_clash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "version", lambda name: "1.30.0")
    found = by_topic(installation.findings())["onnxruntime"]
    assert found.level == "problem" and "clash" in found.found and "one of them" in found.todo


def test_an_empty_or_absent_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (None, SimpleNamespace()):
        monkeypatch.setitem(sys.modules, "onnxruntime", module)
        assert by_topic(installation.findings())["onnxruntime"].level == "problem"


def test_no_portaudio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    found = by_topic(microphones.findings(None))["microphone"]
    assert found.level == "problem" and "pip install 'auricle-runtime[mic]'" in found.todo


def test_models_that_open_and_that_do_not(tiny_model: Path, tmp_path: Path) -> None:
    found = by_topic(model.findings(tiny_model, "cpu"))
    assert found["provider"].found == "asked for cpu, runs on cpu"
    assert "% of a core" in found["budget"].found
    assert found["format"].found == "opset 17, IR version 8: this ONNX Runtime takes them"
    assert by_topic(model.findings(tmp_path / "absent.onnx", "cpu"))["model"].level == "problem"
    assert by_topic(model.findings(tiny_model, "cuda"))["model"].level == "problem"


def test_a_model_of_another_time_is_told_by_its_format(tiny_model: Path, tmp_path: Path) -> None:
    written = tiny_model.read_bytes()
    assert written[:2] == b"\x08\x08", "the file begins with its IR version, 8"
    newer = tmp_path / "newer.onnx"
    newer.write_bytes(b"\x08\x63" + written[2:])
    found = by_topic(model.findings(newer, "cpu"))
    assert found["model"].level == "problem"
    assert found["format"].level == "warning" and "IR version 99" in found["format"].found
    (tmp_path / "foreign.onnx").write_bytes(b"RIFF" * 100)
    assert "format" not in by_topic(model.findings(tmp_path / "foreign.onnx", "cpu"))


def test_the_command_without_a_microphone(run_auricle: Any, fake_sounddevice: Callable[[str], dict[str, str]]) -> None:
    env = fake_sounddevice("DEVICES = DEVICES[:1]")
    done = run_auricle("doctor", "--json", env=env, check=False)
    found = {f["topic"]: f for f in json.loads(done.stdout)}
    assert done.returncode == 1 and found["microphone"]["level"] == "problem" and "Traceback" not in done.stderr
    plain = run_auricle("doctor", env=env, check=False)
    assert "PROBLEM  microphone: none" in plain.stdout and "->" in plain.stdout
