"""Choosing the device: a GPU that torch cannot use is told with driver, need and way out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from auricle_shared.errors import DeviceError
from auricle_trainer.device import choose_device, nvidia_driver

POSIX = pytest.mark.skipif(os.name != "posix", reason="the made nvidia-smi is a shell script")


@pytest.fixture
def no_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def nvidia_smi(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A program of that name, first and alone on the PATH."""
    path = folder / "nvidia-smi"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


TWO_GPUS = "echo 'NVIDIA T4, 470.82.01'; echo 'NVIDIA A10, 470.82.01'"


@POSIX
@pytest.mark.parametrize("wanted", ["auto", "cuda"])
def test_a_gpu_that_torch_cannot_use_stops_with_words(
    wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_cuda: None
) -> None:
    nvidia_smi(tmp_path, monkeypatch, TWO_GPUS)
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    with pytest.raises(DeviceError) as found:
        choose_device(wanted)
    for words in ("NVIDIA T4, driver 470.82.01", torch.__version__, "CUDA 12.8", "525.60.13 or later", "--device cpu"):
        assert words in str(found.value)


@POSIX
def test_the_build_for_cpus_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_cuda: None) -> None:
    nvidia_smi(tmp_path, monkeypatch, TWO_GPUS)
    monkeypatch.setattr(torch.version, "cuda", None)
    with pytest.raises(DeviceError, match="build for CPUs alone.*pytorch.org"):
        choose_device("auto")


@POSIX
def test_cpu_never_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_cuda: None) -> None:
    nvidia_smi(tmp_path, monkeypatch, f"{TWO_GPUS}; echo asked > '{tmp_path}/asked'")
    assert choose_device("cpu") == torch.device("cpu")
    assert not (tmp_path / "asked").exists()


@POSIX
@pytest.mark.parametrize("hidden", ["", "-1"])
def test_a_hidden_gpu_is_no_gpu(hidden: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_cuda: None) -> None:
    nvidia_smi(tmp_path, monkeypatch, TWO_GPUS)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    assert choose_device("auto") == torch.device("cpu")


@POSIX
@pytest.mark.parametrize("script", ["exit 9", "echo", "echo 'NVIDIA-SMI has failed' >&2; exit 9"])
def test_a_driver_without_a_gpu_is_no_gpu(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_cuda: None
) -> None:
    nvidia_smi(tmp_path, monkeypatch, script)
    assert nvidia_driver() == ""
    assert choose_device("auto") == torch.device("cpu")


def test_cuda_asked_for_and_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_cuda: None) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert choose_device("auto") == torch.device("cpu")
    with pytest.raises(DeviceError, match="no NVIDIA GPU is visible.*--device cpu"):
        choose_device("cuda")


def test_cuda_is_used_where_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto").type == choose_device("cuda").type == "cuda"
    assert choose_device("cpu").type == "cpu"
