"""What the machine does meanwhile: processor and memory by psutil, the GPU by NVML, each left out where it is absent.

NVML's plain `utilization` says in which share of time any kernel ran; Hopper's and later GPUs also tell, through GPM
samples, how many of their multiprocessors worked. One lone block makes the first 100 % and the second 1 %.
"""

from __future__ import annotations

from typing import Any

import psutil

GIB = float(1 << 30)


class Gauges:
    """Figures since the last reading; one object for a whole run."""

    def __init__(self, gpu: int | None = None) -> None:
        """gpu: number of the CUDA device in this process, None without one."""
        self._process = psutil.Process()
        self._children: dict[int, psutil.Process] = {}
        self._gpu = GpuGauge(gpu) if gpu is not None else None
        self.read()

    def read(self) -> dict[str, float]:
        """Share of one core in percent (with worker processes), memory in GiB; of a GPU what it tells."""
        processes = [self._process, *self._workers()]
        figures = {
            "host/process_cpu_percent": sum(_cpu(p) for p in processes),
            "host/cpu_percent": psutil.cpu_percent(),
            "host/process_memory_gib": sum(_memory(p) for p in processes) / GIB,
            "host/memory_percent": psutil.virtual_memory().percent,
        }
        return {**figures, **(self._gpu.read() if self._gpu else {})}

    def close(self) -> None:
        """Nothing more is read."""
        if self._gpu:
            self._gpu.close()

    def _workers(self) -> list[psutil.Process]:
        """The same objects again, as `cpu_percent` counts from an object's last call."""
        found = {p.pid: p for p in self._process.children(recursive=True)}
        self._children = {pid: self._children.get(pid, p) for pid, p in found.items()}
        return list(self._children.values())


def _cpu(process: psutil.Process) -> float:
    try:
        return float(process.cpu_percent())
    except psutil.Error:
        return 0.0  # it has just ended


def _memory(process: psutil.Process) -> float:
    try:
        return float(process.memory_info().rss)
    except psutil.Error:
        return 0.0


class GpuGauge:
    """One NVIDIA GPU through NVML: nothing where the library, the driver or a figure is missing."""

    def __init__(self, number: int) -> None:
        self._nvml: Any = None
        self._samples: list[Any] = []
        try:
            import pynvml

            pynvml.nvmlInit()
            self._device = _handle(pynvml, number)
            self._nvml = pynvml
            if pynvml.nvmlGpmQueryDeviceSupport(self._device).isSupportedDevice:
                self._samples = [pynvml.nvmlGpmSampleAlloc() for _ in range(2)]
                pynvml.nvmlGpmSampleGet(self._device, self._samples[0])
        except Exception:  # NVML's errors are of many kinds, and a run must not end for want of a figure
            self._samples = []

    def read(self) -> dict[str, float]:
        if self._nvml is None:
            return {}
        figures: dict[str, float] = {}
        for read in (self._busy, self._memory, self._power, self._active):
            try:
                figures.update(read())
            except Exception:
                continue
        return figures

    def close(self) -> None:
        """Give NVML's samples back."""
        samples, self._samples = self._samples, []
        for sample in samples:
            self._nvml.nvmlGpmSampleFree(sample)

    def _busy(self) -> dict[str, float]:
        return {"gpu/busy_percent": float(self._nvml.nvmlDeviceGetUtilizationRates(self._device).gpu)}

    def _memory(self) -> dict[str, float]:
        return {"gpu/memory_gib": self._nvml.nvmlDeviceGetMemoryInfo(self._device).used / GIB}

    def _power(self) -> dict[str, float]:
        return {"gpu/power_watts": self._nvml.nvmlDeviceGetPowerUsage(self._device) / 1000}

    def _active(self) -> dict[str, float]:
        """Multiprocessors, tensor cores and memory at work since the last reading, in percent of all."""
        if not self._samples:
            return {}
        nvml, (before, now) = self._nvml, self._samples
        nvml.nvmlGpmSampleGet(self._device, now)
        names = {
            "gpu/sm_active_percent": nvml.NVML_GPM_METRIC_SM_UTIL,
            "gpu/tensor_active_percent": nvml.NVML_GPM_METRIC_ANY_TENSOR_UTIL,
            "gpu/memory_bandwidth_percent": nvml.NVML_GPM_METRIC_DRAM_BW_UTIL,
        }
        wanted = nvml.c_nvmlGpmMetricsGet_t()
        wanted.version, wanted.numMetrics = nvml.NVML_GPM_METRICS_GET_VERSION, len(names)
        wanted.sample1, wanted.sample2 = before, now
        for place, metric in enumerate(names.values()):
            wanted.metrics[place].metricId = metric
        nvml.nvmlGpmMetricsGet(wanted)
        self._samples = [now, before]
        found = [wanted.metrics[place] for place in range(len(names))]
        return {name: float(m.value) for name, m in zip(names, found, strict=True) if m.nvmlReturn == nvml.NVML_SUCCESS}


def _handle(nvml: Any, number: int) -> Any:
    """NVML's handle of torch's device `number`: CUDA_VISIBLE_DEVICES may have renumbered it, its UUID is the same."""
    import torch

    uuid = str(torch.cuda.get_device_properties(number).uuid)
    return nvml.nvmlDeviceGetHandleByUUID(uuid if uuid.startswith("GPU-") else f"GPU-{uuid}")
