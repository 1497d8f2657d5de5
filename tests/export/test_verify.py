"""`auricle verify` names what does not belong together, and nothing else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import onnx
import pytest
import torch
from code_repository import git, make_repository

from auricle_export.export_record import keep_export
from auricle_export.to_onnx import write_model
from auricle_shared.pack import Pack, PackWriter
from auricle_trainer.checkpoint import load_checkpoint, restore, save_checkpoint
from auricle_trainer.config import load_config
from auricle_trainer.record import code
from auricle_trainer.record.checkout import DISTRIBUTIONS
from auricle_trainer.record.run_folder import RunFolder
from auricle_trainer.train import train

Auricle = Callable[..., CompletedProcess[str]]
TINY = ["training.epochs=1", "calibration.minutes=0"]


def write_pack(path: Path, pitch_hz: float = 500, labels: tuple[str, ...] = ("low", "high"), renamed: int = -1) -> Pack:
    """Sixteen tones; clip `renamed` gets the other label."""
    rng = np.random.default_rng(0)
    with PackWriter(path, 16000) as writer:
        for i in range(16):
            samples = 0.2 * np.sin(
                2 * np.pi * pitch_hz * (1, 4)[i % 2] * rng.uniform(0.8, 1.2) * np.arange(8000) / 16000
            )
            label = labels[(i + (i == renamed)) % 2]
            writer.add(samples, [label], split=("train", "val")[i // 2 % 2], source=f"{labels[i % 2]}/{i}.wav")
    return Pack.open(path)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A checkout, a pack, and two runs of it that were exported."""
    folder = tmp_path_factory.mktemp("verify")
    repository = make_repository(folder / "checkout")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(code, "package_folder", lambda name: repository / DISTRIBUTIONS[name] / name)
        code.this_code.cache_clear()
        pack, room = write_pack(folder / "pack"), write_pack(folder / "room", 3000, ("background", "background"))
        for name, seed in (("run", 0), ("other", 1)):
            train(load_config("tiny", TINY), pack, room, folder / name, torch.device("cpu"), seed)
            exported(folder / name)
        yield folder
    code.this_code.cache_clear()


def exported(run: Path) -> None:
    """As `auricle export` does, without the proof of parity, which costs more than all else here."""
    best, model = run / "checkpoints" / "best.pt", run / "model.onnx"
    classifier, metadata, _ = restore(load_checkpoint(best))
    write_model(model, classifier, metadata)
    keep_export(best, model, metadata, {"passed": True, "max_abs_error": 0.0})


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of all that to be spoiled; the run finds its pack there."""
    place = tmp_path / "here"
    shutil.copytree(original, place)
    for name in ("run", "other"):
        record = json.loads((place / name / "run.json").read_text())
        record["data"]["path"], record["background"] = str(place / "pack"), str(place / "room")
        (place / name / "run.json").write_text(json.dumps(record))
    code.this_code.cache_clear()
    yield place
    code.this_code.cache_clear()


@pytest.fixture
def verify(auricle_here: Auricle) -> Callable[..., dict[str, str]]:
    """The command's checks: name -> result; its words under 'NAME?'."""

    def run(*arguments: object) -> dict[str, str]:
        done = auricle_here("verify", *arguments, "--json", check=False)
        told = json.loads(done.stdout)
        assert done.returncode == (0 if told["passed"] else 1)
        results = {check["name"]: check["result"] for check in told["checks"]}
        assert told["passed"] == ("differs" not in results.values())
        return results | {f"{check['name']}?": check["words"] for check in told["checks"]}

    return run


def named(found: dict[str, str], result: str = "differs") -> list[str]:
    return [name for name, value in found.items() if value == result]


Verify = Callable[..., dict[str, str]]


def test_what_belongs_together_is_verified(folder: Path, verify: Verify, auricle_here: Auricle) -> None:
    found = verify(folder / "run")
    assert named(found) == named(found, "unknown") == []
    wanted = ["config", "commit", "sources", "kept code", "data.csv", "pack", "labels", "background"]
    assert named(found, "ok") == [*wanted, "best.pt", "last.pt", "model.onnx"]
    assert named(verify(folder / "run" / "model.onnx"), "ok") == ["file", *wanted, "best.pt", "last.pt", "model.onnx"]
    shutil.copy(folder / "run" / "model.onnx", folder / "alone.onnx")
    alone = verify(folder / "alone.onnx", "--data", folder / "pack")
    assert named(alone, "ok") == ["file", "commit", "sources", "pack", "labels"]
    assert named(alone, "unknown") == ["config", "checkpoint"]
    assert named(verify(folder / "alone.onnx"), "unknown") == ["config", "pack", "labels", "checkpoint"]
    assert auricle_here("verify", folder / "run").stdout.splitlines()[-1] == "VERIFIED"


def test_a_changed_pack(folder: Path, verify: Verify) -> None:
    with open(folder / "pack" / "audio.i16", "r+b") as file:
        file.seek(5 * 16000)
        file.write(b"\1\2")
    found = verify(folder / "run")
    assert named(found) == ["pack"] and "high/5.wav" in found["pack?"]
    write_pack(folder / "different", 600)
    assert named(verify(folder / "run", "--data", folder / "different")) == ["pack"]
    shutil.copy(folder / "run" / "model.onnx", folder / "alone.onnx")
    assert named(verify(folder / "alone.onnx", "--data", folder / "different")) == ["pack"]


def test_an_edited_label(folder: Path, verify: Verify) -> None:
    shutil.copy(folder / "run" / "model.onnx", folder / "alone.onnx")
    write_pack(folder / "relabelled", renamed=4)
    for path in (folder / "run", folder / "alone.onnx"):
        assert named(verify(path, "--data", folder / "relabelled")) == ["labels"]
    index = folder / "pack" / "index.csv"  # by hand, behind the fingerprint's back
    index.write_text(index.read_text().replace("low,val", "high,val", 1))
    found = verify(folder / "run")
    assert named(found) == ["labels"] and "1 relabelled (low/2.wav: low -> high)" in found["labels?"]
    assert named(verify(folder / "alone.onnx", "--data", folder / "pack")) == ["labels"]


def test_another_commit_and_a_dirty_tree(
    original: Path, folder: Path, verify: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = folder / "checkout"
    monkeypatch.setattr(code, "package_folder", lambda name: checkout / DISTRIBUTIONS[name] / name)
    (checkout / "README.md").write_text("words")
    git(checkout, "add", "README.md")
    git(checkout, "commit", "-q", "-m", "second")
    shutil.copy(folder / "run" / "model.onnx", folder / "alone.onnx")
    for path in (folder / "run", folder / "alone.onnx"):
        found = verify(path)
        assert named(found) == ["commit"] and git(original / "checkout", "rev-parse", "HEAD")[:12] in found["commit?"]
    git(checkout, "reset", "-q", "--hard", "HEAD~")
    (checkout / "trainer" / "auricle_trainer" / "new.py").write_text("A = 1\n")
    code.this_code.cache_clear()
    found = verify(folder / "run")
    assert named(found) == ["commit", "sources"] and "auricle_trainer/new.py" in found["sources?"]
    assert "uncommitted patch" in found["commit?"]
    shutil.rmtree(checkout / ".git")  # as installed packages lie there: no commit, but the same files
    (checkout / "trainer" / "auricle_trainer" / "new.py").unlink()
    code.this_code.cache_clear()
    found = verify(folder / "run")
    assert named(found, "unknown") == ["commit"] and not named(found)


def test_a_swapped_checkpoint(folder: Path, verify: Verify) -> None:
    best = folder / "run" / "checkpoints" / "best.pt"
    whole = best.read_bytes()
    shutil.copy(folder / "other" / "checkpoints" / "best.pt", best)
    found = verify(folder / "run")
    other = RunFolder.open(folder / "other").run_id
    assert named(found) == ["best.pt"] and f"of another run: {other}" in found["best.pt?"]
    shutil.copy(best.with_name("last.pt"), best)
    assert named(verify(folder / "run")) == ["best.pt"]
    best.write_bytes(whole)
    values = load_checkpoint(best)
    values["model"][min(values["model"])].view(-1)[0] += 1
    save_checkpoint(best, values)
    found = verify(folder / "run")
    assert named(found) == ["best.pt"] and "weights were edited" in found["best.pt?"]
    best.unlink()
    assert named(verify(folder / "run")) == ["best.pt"]


def test_a_model_exported_from_another_run(folder: Path, verify: Verify) -> None:
    other, outside = RunFolder.open(folder / "other").run_id, folder / "outside.onnx"
    shutil.copy(folder / "other" / "model.onnx", outside)
    found = verify(outside, "--run", folder / "run")
    assert named(found) == [str(outside)] and f"exported from another run: {other}" in found[f"{outside}?"]
    assert named(verify(outside, "--run", folder / "other")) == []
    shutil.copy(outside, folder / "run" / "model.onnx")
    for path in (folder / "run", folder / "run" / "model.onnx"):
        found = verify(path)
        assert named(found) == ["model.onnx"] and f"exported from another run: {other}" in found["model.onnx?"]


def test_an_edited_config_and_an_edited_model(folder: Path, verify: Verify) -> None:
    path = folder / "run" / "config.json"
    values = json.loads(path.read_text())
    values["training"]["learning_rate"] = 0.5
    path.write_text(json.dumps(values))
    found = verify(folder / "run")
    assert named(found) == ["config"] and "training.learning_rate 0.01 -> 0.5" in found["config?"]
    shutil.copy(folder / "run" / "model.onnx", folder / "alone.onnx")
    model = onnx.load(str(folder / "alone.onnx"))
    model.producer_name = "somebody else"
    onnx.save(model, str(folder / "alone.onnx"))
    assert named(verify(folder / "alone.onnx")) == ["file"]


def test_a_model_of_an_earlier_calibration(folder: Path, verify: Verify) -> None:
    run = folder / "run"
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**record, "temperature": 1.5}))
    best = load_checkpoint(run / "checkpoints" / "best.pt")
    best["metadata"]["auricle.temperature"] = "1.5"
    save_checkpoint(run / "checkpoints" / "best.pt", best)
    found = verify(run)
    assert named(found) == ["model.onnx"] and "temperature 1.5 -> 1.0" in found["model.onnx?"]


def test_what_is_gone_cannot_be_checked_and_mistakes_are_told_in_words(
    folder: Path, verify: Verify, auricle_here: Auricle, tiny_model: Path
) -> None:
    shutil.rmtree(folder / "pack")
    assert named(verify(folder / "run"), "unknown") == ["pack", "labels"]
    assert "file" in named(verify(tiny_model), "unknown")
    for arguments, words in (
        ((folder / "nothing",), "does not exist"),
        ((folder,), "no run.json"),
        ((folder / "run" / "checkpoints" / "best.pt",), "not an ONNX model"),
        ((folder / "run", "--data", folder / "pack"), "does not exist"),
        ((folder / "run", "--run", folder / "other"), "--run names the run of a model"),
    ):
        done = auricle_here("verify", *arguments, check=False)
        assert done.returncode == 1 and words in done.stderr
