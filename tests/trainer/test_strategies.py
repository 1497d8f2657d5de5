"""Several processes train one network: the same numbers as one process, whole checkpoints, and a run that goes on."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from auricle_shared.errors import SettingsError
from auricle_shared.pack import Pack
from auricle_trainer.checkpoint import load_checkpoint, restore, weights_hash
from auricle_trainer.strategies.choice import choose_strategy
from auricle_trainer.strategies.ddp import check_gpu
from auricle_trainer.strategies.single import share_of
from auricle_trainer.tracking import read_metrics
from auricle_trainer.train import prepare_folder

pytestmark = pytest.mark.timeout(240)
AURICLE = [sys.executable, "-m", "auricle_shared.command"]
DDP = ("--strategy", "ddp", "--processes", "2")
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nnodes=1", "--nproc-per-node=2"]


@pytest.fixture(scope="module")
def command(tones: Pack, noise: Pack) -> Callable[..., list[str]]:
    """`train tiny` without what every process draws for itself, on streams that two processes cannot share evenly."""

    def make(run: Path, *more: str, epochs: int = 2) -> list[str]:
        changes = ("training.streams=5", "mask.band_masks=0", "mask.time_masks=0", "calibration.minutes=0")
        settings = [part for change in (*changes, f"training.epochs={epochs}") for part in ("--set", change)]
        data = ["--data", str(tones.path), "--background", str(noise.path), "--run", str(run)]
        return ["train", "tiny", *data, *settings, "--device", "cpu", "--threads", "1", "--no-mlflow", *more]

    return make


def trained(command: list[str], start: list[str] = AURICLE) -> str:
    done = subprocess.run([*start, *command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def last(run: Path) -> dict[str, Any]:
    return load_checkpoint(run / "checkpoints" / "last.pt")


def hash_of(run: Path) -> str:
    return weights_hash(restore(last(run))[0])


def begun(run: Path, process: subprocess.Popen[Any]) -> None:
    """Wait for the run's first checkpoint."""
    until = time.monotonic() + 100
    while not (run / "checkpoints" / "last.pt").is_file():
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.05)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, command: Callable[..., list[str]]) -> Path:
    """A run of two processes that nobody disturbed."""
    run = tmp_path_factory.mktemp("whole") / "run"
    trained(command(run, *DDP, epochs=8))
    return run


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def test_every_stream_has_one_owner_and_shares_are_even() -> None:
    for streams in range(1, 40):
        for processes in range(1, 9):
            shares = [share_of(streams, rank, processes) for rank in range(processes)]
            assert [stream for share in shares for stream in share] == list(range(streams))
            sizes = [len(share) for share in shares]
            assert max(sizes) - min(sizes) <= 1


def test_two_processes_are_one_on_the_same_global_batch(tmp_path: Path, command: Callable[..., list[str]]) -> None:
    trained(command(tmp_path / "one"))
    said = trained(command(tmp_path / "two", *DDP))
    assert said.count("best validation accuracy") == 1  # only the leading process speaks
    one, two = last(tmp_path / "one"), last(tmp_path / "two")
    for name, weights in one["model"].items():
        torch.testing.assert_close(two["model"][name], weights, rtol=0, atol=1e-6)
    torch.testing.assert_close(two["bank"], one["bank"], rtol=0, atol=1e-5)
    first, second = (read_metrics(tmp_path / name) for name in ("one", "two"))
    assert [line["step"] for line in second] == [line["step"] for line in first]  # and only it writes
    for a, b in zip(first, second, strict=True):
        assert b["train/loss"] == pytest.approx(a["train/loss"], abs=1e-6)
    alone = command(tmp_path / "three", "--strategy", "data-parallel")
    trained(alone)
    assert hash_of(tmp_path / "three") == hash_of(tmp_path / "one")  # on a CPU, torch's DataParallel does nothing


def test_killed_at_any_moment_it_goes_on_to_the_same_weights(
    tmp_path: Path, command: Callable[..., list[str]], whole: Path
) -> None:
    process = subprocess.Popen(
        [*AURICLE, *command(tmp_path / "killed", *DDP, epochs=8)], stderr=subprocess.DEVNULL, start_new_session=True
    )
    begun(tmp_path / "killed", process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert last(tmp_path / "killed")["step"] < last(whole)["step"]
    trained(command(tmp_path / "killed", *DDP, "--resume", epochs=8))
    assert hash_of(tmp_path / "killed") == hash_of(whole)


def workers_of(process: subprocess.Popen[Any]) -> dict[str, psutil.Process]:
    """torchrun's processes by their rank."""
    return {child.environ().get("RANK", ""): child for child in psutil.Process(process.pid).children()}


def test_torchrun_goes_on_from_the_checkpoint_when_a_process_is_killed(
    tmp_path: Path, command: Callable[..., list[str]], whole: Path
) -> None:
    run = tmp_path / "run"
    torchrun = [*TORCHRUN, f"--master-port={free_port()}", "--max-restarts=2", "-m", AURICLE[-1], "--"]
    process = subprocess.Popen([*torchrun, *command(run, epochs=8)], stderr=subprocess.PIPE, text=True)
    begun(run, process)
    workers_of(process)["1"].kill()
    said = process.communicate(timeout=200)[1]
    assert process.returncode == 0, said
    assert "goes on at step" in said
    assert last(run)["step"] == last(whole)["step"] and hash_of(run) == hash_of(whole)
    assert [line["step"] for line in read_metrics(run)] == [line["step"] for line in read_metrics(whole)]


def test_a_restart_begins_its_own_folder_again_and_touches_nobody_elses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No checkpoint yet: torchrun's next start may clear away what its first one wrote, and nothing else."""
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "0")
    own, other = tmp_path / "own", tmp_path / "other"
    prepare_folder(own, False)
    (own / "half.json").write_text("{")
    other.mkdir()
    (other / "precious").write_text("mine")
    for restarts in ("0", "1"):
        monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", restarts)
        with pytest.raises(SettingsError, match="not empty"):
            prepare_folder(other, False)
    prepare_folder(own, False)
    assert not (own / "half.json").exists() and (own / "checkpoints").is_dir()
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "another job")
    with pytest.raises(SettingsError, match="not empty"):
        prepare_folder(own, False)
    assert (other / "precious").read_text() == "mine"


def test_hogwild_learns_and_every_process_counts(tmp_path: Path, command: Callable[..., list[str]]) -> None:
    trained(command(tmp_path / "run", "--strategy", "hogwild", "--processes", "2", epochs=15))
    values = last(tmp_path / "run")
    assert values["best_accuracy"] == 1.0
    assert len(values["bank"]) == 5 and values["bank"].abs().sum(1).min() > 0  # the other process's streams too
    trained(command(tmp_path / "run", "--strategy", "hogwild", "--processes", "2", "--resume", epochs=15))


@pytest.mark.parametrize(
    ("name", "processes", "words"),
    [("ddp", 1, "--processes 2"), ("single", 2, "one process"), ("data-parallel", 3, "one process")],
)
def test_what_contradicts_itself_is_refused(name: str, processes: int, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        choose_strategy(name, processes, torch.device("cpu"))


def test_hogwild_and_a_gpu_exclude_each_other() -> None:
    with pytest.raises(SettingsError, match="--device cpu"):
        choose_strategy("hogwild", 2, torch.device("cuda"))


def test_more_processes_than_gpus_are_refused_by_number() -> None:
    check_gpu(1, 2)
    with pytest.raises(SettingsError, match="Process 3 of this machine has no GPU: 2 here"):
        check_gpu(2, 2)
