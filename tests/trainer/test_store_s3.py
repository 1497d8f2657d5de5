"""The store in a bucket of a real S3 protocol (moto's server), pushed and pulled by the real command."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest

from auricle_shared.pack import Pack, PackWriter
from auricle_shared.store.manifest import PIECE_BYTES

Run = Callable[..., CompletedProcess[str]]
STORE = "s3://team/auricle"


@pytest.fixture(scope="module")
def noise_of_three_pieces(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    path = tmp_path_factory.mktemp("large") / "pack"
    with PackWriter(path, 16000) as writer:
        samples = np.random.default_rng(0).integers(-3000, 3000, PIECE_BYTES + 10_000)
        writer.add(samples.astype(np.int16), ["noise"])
    return Pack.open(path)


def test_a_killed_push_goes_on_and_the_pack_comes_back(
    s3: Any, noise_of_three_pieces: Pack, run_auricle: Run, tmp_path: Path
) -> None:
    pack = noise_of_three_pieces
    s3.writes_before_silence = 1
    push = [sys.executable, "-m", "auricle_shared.command", "push", str(pack.path), STORE]
    process = subprocess.Popen(push, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert s3.silent.wait(120), "the second piece was never sent"
    process.kill()
    assert process.communicate()[0] == b""
    s3.writes_before_silence = None
    s3.speak.set()
    assert not any("manifests" in key for key in s3.listed())
    done = json.loads(run_auricle("push", pack.path, STORE, "--json").stdout)
    assert done["all_bytes"] - done["sent_bytes"] in (PIECE_BYTES, 2 * PIECE_BYTES)  # the one under way may have come
    run_auricle("pull", done["address"], tmp_path / "back")
    assert (tmp_path / "back" / "audio.i16").read_bytes() == (pack.path / "audio.i16").read_bytes()
    assert Pack.open(tmp_path / "back").fingerprint == pack.fingerprint


def test_a_corrupted_object_is_refused_and_mended(s3: Any, tiny_model: Path, auricle_here: Run, tmp_path: Path) -> None:
    address = auricle_here("push", tiny_model, STORE).stdout.strip()
    (key,) = (key for key in s3.listed() if "objects" in key)
    s3.damage(key)
    done = auricle_here("pull", address, tmp_path / "model.onnx", check=False)
    assert done.returncode == 1 and "is corrupted" in done.stderr and not (tmp_path / "model.onnx").exists()
    auricle_here("push", tiny_model, STORE, "--verify")
    auricle_here("pull", address, tmp_path / "model.onnx")
    assert (tmp_path / "model.onnx").read_bytes() == tiny_model.read_bytes()


def test_a_bucket_that_is_not_there_and_a_server_that_is_not(
    s3: Any, tiny_model: Path, auricle_here: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = auricle_here("push", tiny_model, "s3://nobody/auricle", check=False)
    assert done.returncode == 1 and "s3://nobody/auricle" in done.stderr and "Traceback" not in done.stderr
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    done = auricle_here("push", tiny_model, "s3://team/elsewhere", check=False)
    assert done.returncode == 1 and "does not answer" in done.stderr
