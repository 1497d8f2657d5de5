"""Windows from worker processes: the same as from this one, and Ctrl-C does not reach them."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from auricle_shared.pack import Pack
from auricle_shared.scenes import SceneSettings, render
from auricle_shared.variation import AugmentSettings
from auricle_trainer.batches.batch import Batch
from auricle_trainer.batches.workers import MixedWindows, WindowPlan, Windows, _first, batches
from auricle_trainer.checkpoint import load_checkpoint

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def plan(tones: Pack, noise: Pack) -> WindowPlan:
    return WindowPlan(
        pack=tones,
        clips=tuple(tones.select("train")),
        background=noise,
        recordings=(0, 1, 2),
        scenes=SceneSettings(reset=0.3),
        classes=("background", "high", "low"),
        multi_label=False,
        streams=3,
        window_samples=8000,
        hop_samples=160,
        evidence_samples=4000,
        release_samples=1600,
        seed=5,
    )


def assert_same(a: Batch, b: Batch) -> None:
    assert a.number == b.number
    assert torch.equal(a.audio, b.audio) and torch.equal(a.reset, b.reset)
    for name in ("stream", "counts", "labels", "background", "allowed"):
        assert torch.equal(getattr(a.targets, name), getattr(b.targets, name)), name


def test_the_plan_pickles_without_audio(plan: WindowPlan) -> None:
    assert plan.pack.samples.size and plan.background.samples.size  # mapped here
    data = pickle.dumps(plan)
    assert len(data) < 20000 < 2 * plan.pack.samples.size
    again = pickle.loads(data)
    assert_same(MixedWindows(again)[4], MixedWindows(plan)[4])


def test_a_window_is_the_scene_s_whatever_was_asked_before(plan: WindowPlan) -> None:
    scene = plan.scene_streams()
    windows = [scene.next_window() for _ in range(6)]
    data = MixedWindows(plan)
    for number in (0, 3, 5, 2, 2):
        audio = render(windows[number], plan.pack, plan.background, 3, plan.window_samples)
        found = data[number]
        np.testing.assert_allclose(found.audio.numpy(), audio, atol=1e-6)
        assert np.array_equal(found.reset.numpy(), windows[number].reset)
        assert found.audio.dtype == torch.float32


EVERYTHING = AugmentSettings(mix=0.5, speed_low=0.85, speed_high=1.15, room=0.5, ambient=0.5)


@pytest.mark.parametrize("augment", [AugmentSettings(), EVERYTHING], ids=["plain", "everything"])
def test_spawned_workers_give_the_same_batches_in_order(plan: WindowPlan, augment: AugmentSettings) -> None:
    plan = replace(plan, augment=augment)
    here = list(batches(plan, range(2, 9), 0, CPU))
    there = list(batches(plan, range(2, 9), 2, CPU))
    assert [b.number for b in there] == list(range(2, 9))
    for a, b in zip(here, there, strict=True):
        assert_same(a, b)
        assert not b.audio.is_pinned()


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_windows_reach_a_process_that_shares_nothing(plan: WindowPlan, method: str) -> None:
    """Also after they were used here: what is mapped here is mapped there anew."""
    windows = Windows(plan, read=True)
    here = windows[2].sounds.samples
    loader = DataLoader(
        windows, batch_size=1, sampler=[2], num_workers=1, multiprocessing_context=method, collate_fn=_first
    )
    there = next(iter(loader)).sounds.samples
    assert here is not None and there is not None
    for mine, other in zip(here, there, strict=True):
        assert torch.equal(mine, other) and len(other)


def test_another_seed_gives_other_windows(plan: WindowPlan) -> None:
    assert not torch.equal(MixedWindows(plan)[0].audio, MixedWindows(replace(plan, seed=6))[0].audio)


def test_asking_for_batches_draws_nothing_from_torch(plan: WindowPlan) -> None:
    before = torch.get_rng_state()
    list(batches(plan, range(2), 0, CPU))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.skipif(os.name != "posix", reason="process groups are POSIX")
def test_ctrl_c_in_a_terminal_reaches_the_workers_too_and_ends_well(tones: Pack, noise: Pack, tmp_path: Path) -> None:
    """A terminal sends the signal to every process of the group at once."""
    run = tmp_path / "run"
    command = [sys.executable, "-m", "auricle_shared.command", "train", "tiny", "--data", str(tones.path)]
    command += ["--background", str(noise.path), "--run", str(run), "--seed", "3"]
    command += ["--set", "training.epochs=5000", "--set", "training.workers=2", "--set", "training.keep_every=1"]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    process = subprocess.Popen(command, **options)  # type: ignore[call-overload]
    try:
        deadline = time.monotonic() + 120
        while not (run / "checkpoints" / "epoch-0004.pt").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert load_checkpoint(run / "checkpoints" / "last.pt")["step"] > 0
    # The line that is printed goes on with the very same run.
    line = next(line for line in out.splitlines() if "--resume" in line)
    for words in ("--seed 3", "--set training.epochs=5000", f"--background {noise.path}"):
        assert words in line


def test_nothing_touches_cuda_at_import() -> None:
    """A process that has may not fork any more, and a worker that does takes memory of the GPU."""
    code = """
import importlib, pkgutil, torch
touched = []
torch.cuda._lazy_init = lambda: touched.append(1)
import auricle_trainer
for module in pkgutil.walk_packages(auricle_trainer.__path__, "auricle_trainer."):
    importlib.import_module(module.name)
    assert not touched and not torch.cuda.is_initialized(), module.name
torch.zeros(1).cuda() if torch.cuda.is_available() else torch.cuda._lazy_init()
assert touched, "this test could not fail"
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
