"""Git LFS with its objects in an S3 bucket: real git, real git-lfs, moto's server; models go out and come back."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from auricle_runtime.onnx_scorer import OnnxScorer

Run = Callable[..., CompletedProcess[str]]
URL = "s3://team/lfs"


@pytest.fixture
def git(
    require_peer: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., CompletedProcess[str]]:
    """git(folder, "push", ...) with a home and a configuration of its own."""
    if not shutil.which("git-lfs"):
        require_peer("Needs git-lfs (Debian: apt install git-lfs; 'make system-packages').")
    (tmp_path / "home").mkdir()
    for name, value in (("HOME", str(tmp_path / "home")), ("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_LFS_SKIP_SMUDGE", "")):
        monkeypatch.setenv(name, value)
    for name in ("GIT_AUTHOR", "GIT_COMMITTER"):
        monkeypatch.setenv(f"{name}_NAME", "Somebody")
        monkeypatch.setenv(f"{name}_EMAIL", "somebody@example.org")

    def run(folder: Path, *arguments: str, check: bool = True, **options: Any) -> CompletedProcess[str]:
        command = ["git", "-C", str(folder), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, **options)
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done

    return run


@pytest.fixture
def pushed(s3: Any, git: Any, tiny_model: Path, auricle_here: Run, tmp_path: Path) -> Path:
    """A bare repository whose one model.onnx lies in the bucket."""
    bare, work = tmp_path / "models.git", tmp_path / "work"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", str(bare))
    git(tmp_path, "clone", "-q", str(bare), str(work))
    git(work, "checkout", "-q", "-b", "main")
    auricle_here("lfs", "setup", URL, "--repository", work)
    shutil.copy(tiny_model, work / "model.onnx")
    git(work, "add", ".gitattributes", "model.onnx")
    git(work, "commit", "-q", "-m", "A model")
    git(work, "push", "-q", "origin", "main")
    return bare


def clone(git: Any, bare: Path, folder: Path) -> Path:
    git(
        bare.parent,
        "-c",
        "filter.lfs.smudge=",
        "-c",
        "filter.lfs.required=false",
        "clone",
        "-q",
        str(bare),
        str(folder),
    )
    return folder


def test_a_model_is_pushed_and_comes_back_in_another_clone(
    s3: Any, git: Any, pushed: Path, tiny_model: Path, auricle_here: Run, tmp_path: Path
) -> None:
    inside = git(pushed, "show", "main:model.onnx").stdout
    assert inside.startswith("version https://git-lfs.github.com/spec/v1") and len(inside) < 200
    (key,) = s3.listed()
    assert f"oid sha256:{Path(key).name}" in inside
    other = clone(git, pushed, tmp_path / "other")
    assert (other / "model.onnx").read_text() == inside
    auricle_here("lfs", "setup", URL, "--repository", other)
    assert (other / "model.onnx").read_bytes() == tiny_model.read_bytes()
    assert OnnxScorer(other / "model.onnx", "cpu").metadata.labels
    assert git(other, "status", "--porcelain").stdout == ""


def test_an_interrupted_push_resumes(s3: Any, git: Any, pushed: Path, tiny_model: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    for i in range(3):
        (work / f"m{i}.onnx").write_bytes(tiny_model.read_bytes() + bytes([i]))
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", "More")
    s3.requests.clear()
    s3.writes_before_silence = 1
    push = subprocess.Popen(["git", "-C", str(work), "push", "-q", "origin", "main"], start_new_session=True)
    assert s3.silent.wait(60)
    subprocess.run(["kill", "-9", "--", f"-{push.pid}"], check=True)
    push.wait(60)
    s3.writes_before_silence = None
    s3.speak.set()
    before = set(s3.listed())
    assert 2 <= len(before) < 4
    s3.requests.clear()
    git(work, "push", "-q", "origin", "main")
    assert len(s3.listed()) == 4
    assert len(s3.written()) <= 2 and not {path.removeprefix("/team/") for path in s3.written()} & before


def test_a_corrupted_object_is_refused(s3: Any, git: Any, pushed: Path, auricle_here: Run, tmp_path: Path) -> None:
    (key,) = s3.listed()
    s3.damage(key)
    other = clone(git, pushed, tmp_path / "other")
    done = auricle_here("lfs", "setup", URL, "--repository", other, check=False)
    assert done.returncode == 1 and "is corrupted" in done.stderr
    assert (other / "model.onnx").read_text().startswith("version https://git-lfs")


def test_mistakes_are_told_in_words(s3: Any, git: Any, auricle_here: Run, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "repo")
    for arguments, words in (
        (("https://example.org/x", "--repository", tmp_path / "repo"), "wanted s3://BUCKET/PREFIX"),
        ((URL, "--repository", tmp_path / "home"), "not the top folder of a Git clone"),
    ):
        done = auricle_here("lfs", "setup", *arguments, check=False)
        assert done.returncode == 1 and words in done.stderr
