"""Where the time goes: phases add up to the step, what sleeps is found, gauges without a GPU are silent about it."""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

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


class FakeEvent:
    """torch.cuda.Event where the GPU is a list: an event has passed once the clock `now` has reached its moment."""

    now = 0.0
    asked = 0.0

    def __init__(self, enable_timing: bool = False) -> None:
        assert enable_timing

    def record(self) -> None:
        FakeEvent.asked += 0.25  # a quarter of a second of work was sent since the last event
        self.moment = FakeEvent.asked

    def query(self) -> bool:
        return self.moment <= FakeEvent.now

    def elapsed_time(self, other: FakeEvent) -> float:
        assert self.query() and other.query(), "torch raises for events that have not passed"
        return 1000 * (other.moment - self.moment)


def test_a_gpu_s_phases_are_read_when_it_has_passed_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "Event", FakeEvent)
    monkeypatch.setattr(FakeEvent, "now", 0.0)
    monkeypatch.setattr(FakeEvent, "asked", 0.0)
    clock = StepClock(torch.device("cuda"))

    def step() -> None:
        for phase in ("data", "graph"):
            clock.mark(phase)
        clock.after_step(1)

    for _ in range(3):
        step()
    assert clock.take() == {}, "the host ran ahead: nothing has passed"
    FakeEvent.now = 0.8  # in the middle of the second step
    assert clock.take() == {"data": 0.25, "graph": 0.25}
    FakeEvent.now = 100.0
    assert clock.take() == {"data": 0.25, "graph": 0.25}
    clock.mark("data")
    clock.pause()
    step()
    assert clock.take() == {"data": 0.25, "graph": 0.25}, "what was before the pause is in no step"


def test_marks_of_other_threads_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """nn.DataParallel runs the model once a GPU, in threads."""
    clock = StepClock(CPU)
    clock.mark("data")
    other = threading.Thread(target=clock.mark, args=("features",))
    other.start()
    other.join()
    clock.mark("forward")
    clock.after_step(1)
    assert list(clock.take()) == ["data", "forward"]


class FakeNvml:
    """pynvml as far as a gauge asks it; GPM only where it is told so."""

    NVML_SUCCESS, NVML_GPM_METRICS_GET_VERSION = 0, 1
    NVML_GPM_METRIC_SM_UTIL, NVML_GPM_METRIC_ANY_TENSOR_UTIL, NVML_GPM_METRIC_DRAM_BW_UTIL = 2, 5, 10

    def __init__(self, hopper: bool) -> None:
        self.hopper, self.freed = hopper, 0

    def nvmlInit(self) -> None: ...

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        assert uuid == "GPU-1234"
        return "handle"

    def nvmlGpmQueryDeviceSupport(self, device: str) -> SimpleNamespace:
        return SimpleNamespace(isSupportedDevice=self.hopper)

    def nvmlGpmSampleAlloc(self) -> object:
        return object()

    def nvmlGpmSampleFree(self, sample: object) -> None:
        self.freed += 1

    def nvmlGpmSampleGet(self, device: str, sample: object) -> None: ...

    def c_nvmlGpmMetricsGet_t(self) -> SimpleNamespace:
        return SimpleNamespace(metrics=[SimpleNamespace() for _ in range(3)])

    def nvmlGpmMetricsGet(self, wanted: SimpleNamespace) -> None:
        for metric in wanted.metrics[: wanted.numMetrics]:
            metric.value, metric.nvmlReturn = 10.0 * metric.metricId, 0

    def nvmlDeviceGetUtilizationRates(self, device: str) -> SimpleNamespace:
        return SimpleNamespace(gpu=97)

    def nvmlDeviceGetMemoryInfo(self, device: str) -> SimpleNamespace:
        return SimpleNamespace(used=3 << 30)

    def nvmlDeviceGetPowerUsage(self, device: str) -> int:
        raise RuntimeError("not supported")


@pytest.mark.parametrize("hopper", [True, False])
def test_a_gpu_tells_what_it_can(monkeypatch: pytest.MonkeyPatch, hopper: bool) -> None:
    nvml = FakeNvml(hopper)
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: SimpleNamespace(uuid="1234"))
    gauge = GpuGauge(0)
    found = gauge.read()
    assert found["gpu/busy_percent"] == 97 and found["gpu/memory_gib"] == 3
    assert "gpu/power_watts" not in found, "what one GPU cannot tell hides nothing else"
    active = {"gpu/sm_active_percent": 20, "gpu/tensor_active_percent": 50, "gpu/memory_bandwidth_percent": 100}
    assert {name: found[name] for name in active if name in found} == (active if hopper else {})
    gauge.close()
    gauge.close()
    assert nvml.freed == (2 if hopper else 0)
