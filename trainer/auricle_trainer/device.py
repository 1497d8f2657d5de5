"""Which device trains: the GPU if there is one and torch can use it, and clear words if it cannot."""

from __future__ import annotations

import os
import shutil
import subprocess

import torch

from auricle_shared.errors import DeviceError

# CUDA release notes, table "minimum required driver version for CUDA minor version compatibility", Linux.
OLDEST_DRIVER = {11: "450.80.02", 12: "525.60.13", 13: "580.65.06"}


def choose_device(wanted: str) -> torch.device:
    """
    Args:
        wanted: 'auto', 'cpu' or 'cuda'.

    Raises:
        DeviceError: CUDA was asked for and is absent, or an NVIDIA GPU is there and this torch cannot use it.
    """
    if wanted == "cpu":
        return torch.device("cpu")
    if torch.cuda.is_available():
        return torch.device("cuda")
    driver = nvidia_driver()
    if driver:
        raise DeviceError(
            f"An NVIDIA GPU is here ({driver}), but torch {torch.__version__} cannot use it: {_need()}. "
            "Install a torch for CUDA that fits the driver (https://pytorch.org/get-started), update the driver, or "
            "use --device cpu."
        )
    if wanted == "cuda":
        raise DeviceError(
            "CUDA was asked for, but no NVIDIA GPU is visible here (nvidia-smi lists none). Use --device cpu."
        )
    return torch.device("cpu")


def _need() -> str:
    built = torch.version.cuda
    if built is None:
        return "it is the build for CPUs alone"
    oldest = OLDEST_DRIVER.get(int(built.split(".")[0]), "newer than this one")
    return f"it is built for CUDA {built}, which needs driver {oldest} or later"


def nvidia_driver() -> str:
    """Name and driver of the first GPU that nvidia-smi lists; empty without one, or where the user hides all GPUs."""
    command = shutil.which("nvidia-smi")
    if command is None or os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1"):
        return ""
    query = [command, "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        return ""
    name, _, version = lines[0].partition(", ")
    return f"{name}, driver {version}"
