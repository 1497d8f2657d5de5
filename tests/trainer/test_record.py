"""A run is a folder that explains itself: code with its patch, data clip by clip, machine, sessions, figures."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import torch

from auricle_shared.pack import Pack
from auricle_trainer import __file__ as trainer_file
from auricle_trainer.checkpoint import load_checkpoint
from auricle_trainer.config import Config, load_config
from auricle_trainer.record.code import code_of, this_code
from auricle_trainer.record.data_rows import difference, rows_fingerprint
from auricle_trainer.record.run_folder import RunFolder, find_runs, run_around
from auricle_trainer.train import train

CPU = torch.device("cpu")
Auricle = Callable[..., CompletedProcess[str]]


@pytest.fixture(scope="module")
def run(tones: Pack, noise: Pack, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("record") / "run"
    train(load_config("tiny", ["training.epochs=2"]), tones, noise, folder, CPU, seed=3)
    return RunFolder.open(folder)


def git(folder: Path, *arguments: str) -> str:
    named = ("-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", "-C", str(folder), *named, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with one package in it."""
    package = tmp_path / "work" / "package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("A = 1\n")
    (package / "kept.py").write_text("B = 2\n")
    (tmp_path / "work" / ".gitignore").write_text("*.log\n")
    git(tmp_path / "work", "init", "-q")
    git(tmp_path / "work", "add", "-A")
    git(tmp_path / "work", "commit", "-q", "-m", "first")
    return tmp_path / "work"


def test_the_patch_makes_the_commit_what_was_run(checkout: Path, tmp_path: Path) -> None:
    (checkout / "package" / "__init__.py").write_text("A = 7\n")
    (checkout / "package" / "kept.py").unlink()
    (checkout / "package" / "new ä.py").write_text("C = 3\n")
    (checkout / "data.wav").write_bytes(b"RIFF")
    (checkout / "noise.log").write_text("ignored")
    (checkout / "huge.py").write_text("#" * 2_000_000)
    git(checkout, "add", "package/kept.py")  # staged or not makes no difference
    status = git(checkout, "status", "--porcelain")
    found = code_of({"package": checkout / "package"})
    assert found.commit == git(checkout, "rev-parse", "HEAD") and found.identifiers()["code_dirty"] is True
    assert sorted(found.left_out) == ["data.wav", "huge.py"]
    assert git(checkout, "status", "--porcelain") == status, "looking must not touch the index"
    git(tmp_path, "clone", "-q", str(checkout), "again")
    (tmp_path / "patch").write_bytes(found.patch)
    git(tmp_path / "again", "apply", str(tmp_path / "patch"))
    again = code_of({"package": tmp_path / "again" / "package"})
    assert again.sources == found.sources and again.source_hash == found.source_hash
    assert again.patch == found.patch and again.patch_hash == found.patch_hash


def test_installed_packages_have_hashes_and_no_commit(checkout: Path, tmp_path: Path) -> None:
    clean = code_of({"package": checkout / "package"})
    assert not clean.patch and clean.identifiers()["code_dirty"] is False
    installed = tmp_path / "site-packages" / "package"
    installed.mkdir(parents=True)
    for file in (checkout / "package").iterdir():
        (installed / file.name).write_bytes(file.read_bytes())
    (installed / "__pycache__").mkdir()
    (installed / "__pycache__" / "x.py").write_text("no source")
    found = code_of({"package": installed})
    assert (found.commit, found.patch, found.repository) == ("", b"", None)
    assert found.source_hash == clean.source_hash
    (installed / "kept.py").write_text("B = 3\n")
    assert code_of({"package": installed}).source_hash != clean.source_hash


def test_this_package_is_among_the_hashed_sources() -> None:
    found = this_code().sources["auricle_trainer/__init__.py"]
    assert found == hashlib.sha256(Path(trainer_file).read_bytes()).hexdigest()
    assert "auricle_trainer/configs/tiny.toml" in this_code().sources


def test_the_folder_tells_code_data_machine_and_seeds(run: RunFolder, tones: Pack) -> None:
    record = run.record
    assert record["seed"] == 3 and record["device"] == "cpu" and record["threads"] == torch.get_num_threads()
    assert record["data"]["path"] == str(tones.path.resolve()) and record["data"]["clips"] == len(tones)
    assert sum(record["data"]["counts"].values()) == sum(row.used == "train" for row in run.data)
    assert sum(record["data"]["validation_counts"].values()) == sum(row.used == "validation" for row in run.data)
    assert Config.from_dict(run.config, "tiny").hash == record["config_hash"]
    machine = json.loads((run.path / "environment.json").read_text())
    assert machine["packages"]["torch"] == torch.__version__ and machine["cpu"]["model"] and machine["python"]
    assert json.loads((run.path / "code" / "sources.json").read_text()) == this_code().sources
    for line in run.sessions[:1]:
        assert line["source_hash"] == this_code().source_hash == record["source_hash"]
        patch = run.path / "code" / f"{line['code_patch']}.patch"
        assert patch.is_file() == line["code_dirty"]


def test_the_data_clip_by_clip_give_the_fingerprint(run: RunFolder, tones: Pack) -> None:
    assert rows_fingerprint(tones.rate_hz, run.data) == tones.fingerprint == run.record["data_fingerprint"]


def test_how_it_went_is_told_by_the_sessions(run: RunFolder, tones: Pack, noise: Pack, tmp_path: Path) -> None:
    assert run.state == "finished" and run.epochs == 2
    assert run.ended["best_accuracy"] == run.best_validation and run.ended["parameters"] > 1000
    config = load_config("tiny", ["training.epochs=2"])
    train(config, tones, noise, tmp_path / "run", CPU, seed=3)
    whole = (tmp_path / "run" / "sessions.jsonl").read_text().splitlines()
    (tmp_path / "run" / "sessions.jsonl").write_text(whole[0] + "\n")  # as after a crash
    assert RunFolder.open(tmp_path / "run").state == "running"
    train(config, tones, noise, tmp_path / "run", CPU, seed=3, resume=True)
    again = RunFolder.open(tmp_path / "run")
    assert [("began" in line, "ended" in line) for line in again.sessions] == [(1, 0), (1, 0), (0, 1)]
    assert again.state == "finished" and again.sessions[1]["step"] == again.ended["step"] > 0


def test_run_checkpoint_and_model_carry_the_same_identifiers(run: RunFolder) -> None:
    for name in ("best.pt", "last.pt"):
        values = load_checkpoint(run.path / "checkpoints" / name)
        provenance = json.loads(values["metadata"]["auricle.provenance"])
        names = ("run_id", "config_hash", "data_fingerprint", "code_commit", "code_patch", "source_hash", "seed")
        assert {n: provenance[n] for n in names} == {n: run.record[n] for n in names}
        assert values["config_hash"] == run.record["config_hash"]


def test_run_json_has_the_events_of_the_calibrated_checkpoint(run: RunFolder) -> None:
    strings = load_checkpoint(run.path / "checkpoints" / "best.pt")["metadata"]
    assert run.record["event_settings"] == json.loads(strings["auricle.events"])
    assert run.record["temperature"] == json.loads(strings["auricle.temperature"])


def test_an_evaluation_is_kept_in_its_run_and_nowhere_else(
    run: RunFolder, tones: Pack, tmp_path: Path, auricle_here: Auricle
) -> None:
    for model in (run.path, run.path / "checkpoints" / "last.pt"):
        told = json.loads(auricle_here("evaluate", model, "--data", tones.path, "--json", "-").stdout)
        line = RunFolder.open(run.path).evaluations[-1]
        assert line["accuracy"] == told["accuracy"] and line["n"] == told["n"] and line["clips"] == "test"
        assert line["data_fingerprint"] == tones.fingerprint
    found = RunFolder.open(run.path)
    assert [e["checkpoint"] for e in found.evaluations] == ["best.pt", "last.pt"]
    assert found.last_evaluation("test") == found.evaluations[-1] and found.last_evaluation("val") is None
    alone = tmp_path / "alone.pt"
    alone.write_bytes((run.path / "checkpoints" / "best.pt").read_bytes())
    auricle_here("evaluate", alone, "--data", tones.path)
    assert [f.name for f in tmp_path.iterdir()] == ["alone.pt"]


def test_runs_are_found_in_order_and_files_lead_to_their_run(run: RunFolder, tmp_path: Path) -> None:
    for name, began in (
        ("b", "2026-01-02T00:00:00+00:00"),
        ("a/deep", "2026-01-01T00:00:00+00:00"),
        ("mlflow-artifacts/1/artifacts", "2026-01-01T00:00:00+00:00"),
    ):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "run.json").write_text(json.dumps({**run.record, "began": began}))
        (tmp_path / name / "config.json").write_text(json.dumps(run.config))
    (tmp_path / "run.json").write_text('{"accuracy": 1}')  # somebody's other file of that name
    (tmp_path / "b" / "sub").mkdir()
    (tmp_path / "b" / "sub" / "run.json").write_text("not JSON")
    found = find_runs([tmp_path, tmp_path / "b"])
    assert [r.path.relative_to(tmp_path).as_posix() for r in found] == ["a/deep", "b"]
    around = run_around(run.path / "checkpoints" / "best.pt")
    assert around is not None and around.run_id == run.run_id
    assert run_around(tmp_path / "b" / "sub") is not None and run_around(tmp_path) is None


def test_what_differs_between_two_lists_of_clips(tones: Pack) -> None:
    named = [replace(c, source=f"{i}.wav") for i, c in enumerate(tones.clips)]
    assert difference(named, named).same and not difference(named, named).words()
    changed = [
        replace(named[0], labels=("cat",)),
        replace(named[1], sha256="0" * 64),
        replace(named[2], split="test"),
        replace(named[4], source="moved/4.wav"),
        replace(named[5], source="cat/5.wav", labels=("cat",)),
        *named[6:],
        replace(named[3], source="new.wav", sha256="1" * 64),
    ]
    found = difference(named, changed)
    relabelled = [("0.wav", "high", "cat"), ("5.wav", "low", "cat")]  # in a class folder, another label is another path
    assert found.relabelled == relabelled and found.other_audio == ["1.wav"]
    assert found.moved == ["2.wav: split 'train' -> 'test'"]
    assert (found.removed, found.added) == (["3.wav"], ["new.wav"])
    assert "2 relabelled (0.wav: high -> cat, 5.wav: low -> cat)" in found.words()
