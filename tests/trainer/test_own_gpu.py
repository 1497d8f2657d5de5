"""Trainings side by side are dealt to the GPUs, those that the user lets them see."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
import torch

from auricle_trainer import study_runs
from auricle_trainer.own_gpu import own_gpu
from auricle_trainer.search import processes

GPU = "CUDA_VISIBLE_DEVICES"


def test_jobs_take_the_gpus_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(GPU, raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    assert [own_gpu(job)[GPU] for job in range(4)] == ["0", "1", "2", "0"]
    monkeypatch.setenv(GPU, "5, GPU-8b6d")
    assert [own_gpu(job)[GPU] for job in range(3)] == ["5", "GPU-8b6d", "5"]
    for hidden in ("", "-1", "2"):
        monkeypatch.setenv(GPU, hidden)
        assert own_gpu(1) == {}, "nothing to choose from"


def test_processes_of_a_search_see_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(GPU, "3,5")
    seen = tmp_path / "seen"
    processes.side_by_side(os.system, [f'echo "${GPU}" >> "{seen}"'] * 3)
    assert sorted(seen.read_text().split()) == ["3", "3", "5"]


def test_commands_of_a_study_see_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(GPU, "3,5")
    seen: list[str] = []

    class Done:
        returncode = 0

    def run(command: list[str], env: dict[str, str], **options: object) -> Done:
        seen.append(env[GPU])
        return Done()

    monkeypatch.setattr(study_runs.subprocess, "run", run)
    together = threading.Barrier(2, timeout=30)

    def work(number: int) -> None:
        together.wait()  # both jobs at work at once
        study_runs.auricle("train", number)

    study_runs.side_by_side(work, range(4), 2)
    assert sorted(seen) == ["3", "3", "5", "5"]
