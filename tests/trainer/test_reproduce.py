"""`auricle reproduce` gives the same bits again, of a clean checkout and of one with uncommitted changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import torch
from code_repository import git, make_repository

from auricle_shared.pack import Pack
from auricle_trainer.config import load_config
from auricle_trainer.record import code
from auricle_trainer.record.checkout import DISTRIBUTIONS
from auricle_trainer.record.run_folder import RunFolder
from auricle_trainer.train import train

Auricle = Callable[..., CompletedProcess[str]]
ONE_EPOCH = ("training.epochs=1", "calibration.minutes=0")
EDIT = """
from .unlisted import FACTOR

plain_optimizer = new_optimizer


def new_optimizer(model, config, device):
    for weights in model.parameters():
        weights.data *= FACTOR
    return plain_optimizer(model, config, device)
"""
"""Other weights to begin with: an edit of a file that Git knows, and a factor from one that it does not"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_repository(tmp_path_factory.mktemp("reproduce") / "checkout")


def train_dirty(checkout: Path, run: Path, pack: Pack, noise: Pack) -> RunFolder:
    """With the checkout's code as it lies there, in a process of its own."""
    paths = os.pathsep.join(str(checkout / place) for place in DISTRIBUTIONS.values())
    changes = [argument for change in ONE_EPOCH for argument in ("--set", change)]
    arguments = ["train", "tiny", "--data", pack.path, "--background", noise.path, "--run", run, *changes]
    command = [sys.executable, "-m", "auricle_shared.command", *map(str, arguments)]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return RunFolder.open(run)


def train_clean(checkout: Path, run: Path, pack: Pack, noise: Pack) -> RunFolder:
    """With the code that runs here, which is the checkout's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(code, "package_folder", lambda name: checkout / DISTRIBUTIONS[name] / name)
        code.this_code.cache_clear()
        train(load_config("tiny", ONE_EPOCH), pack, noise, run, torch.device("cpu"), 0)
    code.this_code.cache_clear()
    return RunFolder.open(run)


def test_the_same_bits_from_a_clean_and_from_a_dirty_tree(
    checkout: Path, tones: Pack, noise: Pack, tmp_path: Path, auricle_here: Auricle
) -> None:
    def reproduced(run: RunFolder) -> dict[str, str]:
        told = json.loads(auricle_here("reproduce", run.path, "--repository", checkout, "--json").stdout)
        assert told["passed"] and told["same_bits"] and set(told["hashes"]) == {"config", "best.pt", "last.pt"}
        assert all(then == now for then, now in told["hashes"].values())
        return {name: now for name, (_, now) in told["hashes"].items()}

    clean = train_clean(checkout, tmp_path / "clean", tones, noise)
    assert clean.record["code_commit"] == git(checkout, "rev-parse", "HEAD") and not clean.record["code_dirty"]
    with open(checkout / "trainer" / "auricle_trainer" / "loop.py", "a") as file:
        file.write(EDIT)
    (checkout / "trainer" / "auricle_trainer" / "unlisted.py").write_text("FACTOR = 0.5\n")
    dirty = train_dirty(checkout, tmp_path / "dirty", tones, noise)
    assert dirty.record["code_commit"] == clean.record["code_commit"] and dirty.record["code_dirty"]

    status = git(checkout, "status", "--porcelain")
    first = reproduced(clean)  # while the tree is dirty: what lies there must not count
    assert git(checkout, "status", "--porcelain") == status, "the user's checkout is left as it is"
    git(checkout, "reset", "-q", "--hard")
    git(checkout, "clean", "-q", "-f")
    second = reproduced(dirty)  # while it is clean: the changes come from the run's patch alone
    assert first["config"] == second["config"] and first["last.pt"] != second["last.pt"], "the edit made a difference"


def test_a_lost_or_edited_patch_is_told(checkout: Path, tmp_path: Path, auricle_here: Auricle) -> None:
    (tmp_path / "code").mkdir()
    known = {"run_id": "1", "device": "cpu", "code_commit": git(checkout, "rev-parse", "HEAD"), "code_dirty": True}
    (tmp_path / "run.json").write_text(json.dumps({**known, "code_patch": "0" * 16}))
    for words in ("is gone", "was edited"):
        done = auricle_here("reproduce", tmp_path, "--repository", checkout, check=False)
        assert done.returncode == 1 and words in done.stderr
        (tmp_path / "code" / f"{'0' * 16}.patch").write_text("other")
