"""Where the time goes: phases add up to the step, what sleeps is found, gauges without a GPU are silent about it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import torch

from auricle_shared.pack import Pack
from auricle_trainer.config import load_config
from auricle_trainer.gauges import Gauges, GpuGauge
from auricle_trainer.monitor import PHASES, RunMonitor, StepClock
from auricle_trainer.train import train

CPU = torch.device("cpu")


def test_the_phases_are_the_whole_step_and_the_one_that_sleeps_is_found() -> None:
    clock, begun = StepClock(CPU), time.perf_counter()
    for step in range(3):
        for phase in PHASES:
            time.sleep(0.02 if phase == "backward" else 0.0)
            clock.mark(phase)
        clock.after_step(step + 1)
    whole = time.perf_counter() - begun
    means = clock.take()
    assert 3 * sum(means.values()) == pytest.approx(whole, rel=0.1)
    assert means["backward"] >= 0.02 and max(means, key=lambda phase: means[phase]) == "backward"
    assert clock.take() == {}, "what was taken does not count again"


def test_what_lies_between_epochs_is_in_no_phase() -> None:
    monitor = RunMonitor(CPU, 8, lambda step, figures: None)
    monitor.mark("data")
    time.sleep(0.2)
    monitor.pause()
    for phase in PHASES:
        monitor.mark(phase)
    monitor.after_step(1)
    figures = monitor.epoch_figures()
    assert figures["step_ms/features"] < 100 and figures["speed/clips_per_second"] > 8 / 0.2
    assert monitor.epoch_figures() == {}


def test_gauges_see_this_process_work() -> None:
    gauges, until = Gauges(), time.monotonic() + 0.3
    while time.monotonic() < until:
        sum(range(1000))
    figures = gauges.read()
    assert figures["host/process_cpu_percent"] > 10 and 0.01 < figures["host/process_memory_gib"] < 100
    assert not [name for name in figures if name.startswith("gpu")]


def test_the_gauge_of_a_gpu_that_is_not_there_reads_nothing() -> None:
    assert GpuGauge(99).read() == {}


def test_a_run_tells_its_phases_and_writes_a_trace(tones: Pack, noise: Pack, tmp_path: Path) -> None:
    changes = ["training.epochs=2", "training.average=0.9", "calibration.minutes=0"]
    train(load_config("tiny", changes), tones, noise, tmp_path / "run", CPU, 0, profile=True)
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    for line in lines:
        assert all(line[f"step_ms/{phase}"] > 0 for phase in PHASES)
        assert line["speed/clips_per_second"] > 0 and line["host/process_memory_gib"] > 0
    trace = json.loads((tmp_path / "run" / "profile" / "trace.json").read_text())
    assert any("backward" in str(event.get("name", "")).lower() for event in trace["traceEvents"])
