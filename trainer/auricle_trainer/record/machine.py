"""The machine a run was made on: everything that may explain why another one gives other numbers."""

from __future__ import annotations

import os
import platform
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import psutil
import torch

VARIABLES = ("OMP_", "MKL_", "CUDA_", "CUBLAS_", "NVIDIA_", "TORCH_", "PYTORCH_", "PYTHONHASHSEED", "ATEN_", "DNNL_")
"""Beginnings of the environment variables that decide how a training computes"""


def machine() -> dict[str, Any]:
    """Python, system, processor, GPU, libraries and variables, as plain types."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpu": {"model": cpu_model(), "cores": os.cpu_count(), "capability": torch.backends.cpu.get_cpu_capability()},
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "gpu": gpu(),
        "packages": packages(),
        "variables": {k: v for k, v in sorted(os.environ.items()) if k.startswith(VARIABLES)},
    }


def cpu_model() -> str:
    """As the system names it; the instruction set alone where it names none."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def gpu() -> dict[str, Any]:
    """Names of the GPUs that torch sees, CUDA, cuDNN and the driver; empty without one."""
    if not torch.cuda.is_available():
        return {}
    found = [torch.cuda.get_device_name(k) for k in range(torch.cuda.device_count())]
    return {"names": found, "cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version(), "driver": _driver()}


def _driver() -> str:
    try:
        import pynvml

        pynvml.nvmlInit()
        return str(pynvml.nvmlSystemGetDriverVersion())
    except Exception:  # NVML's errors are of many kinds, and a run must not end for want of a version
        return ""


def packages() -> dict[str, str]:
    """Name -> version of every installed distribution."""
    found = ((d.metadata["Name"], d.version) for d in distributions())
    return dict(sorted({str(name): version for name, version in found if name}.items()))
