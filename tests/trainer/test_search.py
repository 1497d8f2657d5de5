"""Searches: nothing finished is lost, whoever is killed; what is tried and told is what the space and the runs say."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from subprocess import CompletedProcess
from types import SimpleNamespace
from typing import Any

import optuna
import pytest

from auricle_shared.errors import SettingsError
from auricle_shared.pack import Pack
from auricle_trainer.config import load_config
from auricle_trainer.search import rerun, worker
from auricle_trainer.search.pictures import front_of
from auricle_trainer.search.report import candidates, write_report
from auricle_trainer.search.rerun import finalists
from auricle_trainer.search.space import load_space
from auricle_trainer.search.storage import Memory, begin_or_check, finished, folder_number, open_study
from auricle_trainer.search.worker import AIM, Judge, Stopped, Work, work
from auricle_trainer.tracking import Observer, read_metrics

Run = Callable[..., CompletedProcess[str]]
SPACE = """
config = "tiny"
set = ["training.epochs=4", "training.workers=0", "calibration.minutes=0"]
[training]
learning_rate = {low = 1e-3, high = 3e-2, log = true}
[model]
hidden = [4, 8]
"""


@pytest.fixture
def space(tmp_path: Path) -> Path:
    (tmp_path / "space.toml").write_text(SPACE)
    return tmp_path / "space.toml"


def states(database: Path) -> dict[int, optuna.trial.FrozenTrial]:
    if not database.is_file() or not _has_trials(database):
        return {}
    study = optuna.load_study(study_name="space", storage=f"sqlite:///{database}")
    return {t.number: t for t in study.get_trials()}


def _has_trials(database: Path) -> bool:
    """Looked up without Optuna, which would make the tables that the workers are just making."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        try:
            return bool(connection.execute("SELECT count(*) FROM trials").fetchone()[0])
        except sqlite3.OperationalError:  # no such table yet
            return False


def test_two_workers_killed_and_resumed_lose_no_finished_trial(
    tones: Pack, noise: Pack, space: Path, tmp_path: Path, auricle_here: Run
) -> None:
    out = tmp_path / "search"
    arguments = ["search", space, "--data", tones.path, "--background", noise.path, "--out", out, "--trials", "5"]
    command = [sys.executable, "-m", "auricle_shared.command", *map(str, arguments), "--workers", "2"]
    with open(tmp_path / "said.txt", "w") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, start_new_session=True)
    deadline = time.monotonic() + 240
    found: set[tuple[str, int]] = set()  # state and number of settings drawn so far
    while not {("COMPLETE", 2), ("RUNNING", 2)} <= found and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.3)
        found = {(t.state.name, len(t.params)) for t in states(out / "search.db").values()}
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(60)
    before = {n: t for n, t in states(out / "search.db").items() if len(t.params) == 2}
    kept = {n: t for n, t in before.items() if t.state.name == "COMPLETE"}
    cut_short = {n: t for n, t in before.items() if t.state.name == "RUNNING"}
    assert kept and cut_short, (tmp_path / "said.txt").read_text()[-2000:]
    assert len({t.params["training.learning_rate"] for t in before.values()}) == len(before)  # workers differ

    done = auricle_here(*arguments, "--top", 1, "--seeds", 1)
    after = states(out / "search.db")
    for number, trial in kept.items():
        assert after[number].values == trial.values and after[number].params == trial.params
        assert after[number].datetime_complete == trial.datetime_complete
    counted = [t for t in after.values() if t.state.name in ("COMPLETE", "PRUNED")]
    assert len(counted) == 5
    for number, trial in cut_short.items():
        (again,) = [t for t in counted if folder_number(t) == number]
        assert again.params == trial.params
        assert max(line["epoch"] for line in read_metrics(out / "trials" / f"{number:04d}")) <= 4
    best = max(t.values[0] for t in counted if t.values)
    assert f"{100 * best:.2f}" in done.stdout
    winner = json.loads((out / "report.json").read_text())["finalists"][0]
    changes = load_space(space).config_of(tuple(winner["changes"]))
    assert load_config(str(out / "best.toml")).hash == changes.hash
    for name in ("history", "curves"):
        assert (out / "pictures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


class Pretended:
    """Stands for training: its accuracy is what the settings say, so that a search takes no time."""

    def __init__(self) -> None:
        self.trained: list[tuple[Path, int]] = []
        self.interrupt_at: int | None = None

    def __call__(
        self, spec: Work, changes: tuple[str, ...], seed: int, folder: Path, observers: list[Observer]
    ) -> bool:
        settings = spec.space.config_of(changes)
        if settings.training.learning_rate > 0.02:
            raise SettingsError("too fast")
        self.trained.append((folder, seed))
        folder.mkdir(parents=True, exist_ok=True)
        for epoch in range(1, 5):
            if self.interrupt_at == len(self.trained) and epoch == 3:
                return False
            accuracy = round(settings.training.learning_rate * 10 + epoch / 1000 + seed / 100, 6)
            line = {"step": epoch, "epoch": epoch, AIM: accuracy}
            with open(folder / "metrics.jsonl", "a") as file:
                file.write(json.dumps(line) + "\n")
            for observer in observers:
                observer.log(epoch, line)
            if any(observer.wants_stop() for observer in observers):
                return False
        return True


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> Pretended:
    training = Pretended()
    monkeypatch.setattr(worker, "train_once", training)
    monkeypatch.setattr(rerun, "train_once", training)
    monkeypatch.setattr(worker, "cost_of", lambda folder, kind: float(len(json.dumps(read_metrics(folder)))))
    return training


def spec_of(space: Path, tmp_path: Path, trials: int, **options: Any) -> Work:
    values: dict[str, Any] = {"pruner": "median", "cost": "none", "epochs": 4, "seed": 0, **options}
    memory = Memory(f"sqlite:///{tmp_path}/search.db", "space", **values)
    return Work(memory, load_space(space), tmp_path / "data", None, tmp_path / "out", trials, "cpu", False)


def test_trials_behind_the_median_end_early_and_contradicting_ones_are_told(
    pretended: Pretended, space: Path, tmp_path: Path
) -> None:
    spec = spec_of(space, tmp_path, 16)
    work(spec)
    study = open_study(spec.memory)
    trials = finished(study)
    kinds = {t.number: t.state.name for t in trials}
    assert len(trials) == 16 and {"COMPLETE", "PRUNED", "FAIL"} >= set(kinds.values()) >= {"COMPLETE", "PRUNED"}
    complete = [t.values[0] for t in trials if t.state.name == "COMPLETE"]
    pruned = [max(t.intermediate_values.values()) for t in trials if t.state.name == "PRUNED"]
    assert max(complete) > max(pruned)
    for t in trials:
        if t.state.name == "FAIL":
            assert t.user_attrs["refused"] == "too fast" and t.params["training.learning_rate"] > 0.02
        if t.state.name == "COMPLETE":
            assert t.values[0] == pytest.approx(t.params["training.learning_rate"] * 10 + 0.004, abs=1e-5)
    before = len(pretended.trained)
    work(spec)  # enough already
    assert len(pretended.trained) == before


def test_an_interrupted_trial_goes_on_first_in_its_own_folder(
    pretended: Pretended, space: Path, tmp_path: Path
) -> None:
    space.write_text(SPACE.replace("3e-2", "1e-2"))
    spec = spec_of(space, tmp_path, 4, pruner="none")
    pretended.interrupt_at = 3
    with pytest.raises(Stopped):
        work(spec)
    stopped_in = pretended.trained[-1][0]
    work(spec)
    assert pretended.trained[3][0] == stopped_in
    assert len({folder for folder, _ in pretended.trained}) == 4
    assert sorted(t.values[0] for t in finished(open_study(spec.memory))) == sorted(
        max(line[AIM] for line in read_metrics(folder)) for folder in {f for f, _ in pretended.trained}
    )


def test_the_best_are_trained_again_with_other_seeds_and_reported(
    pretended: Pretended, space: Path, tmp_path: Path
) -> None:
    spec = spec_of(space, tmp_path, 8, pruner="none")
    work(spec)
    study = open_study(spec.memory)
    best = finalists(spec, candidates(study, 2), seeds=3, workers=1)
    assert [folder.name for folder, seed in pretended.trained if seed] == [
        f"{t.number:04d}-{seed}" for t in candidates(study, 2) for seed in (1, 2)
    ]
    own = best[0].values[0]
    assert best[0].values == (own, pytest.approx(own + 0.01), pytest.approx(own + 0.02))
    assert best[0].mean == pytest.approx(own + 0.01) and best[0].deviation == pytest.approx(0.01)
    text = write_report(spec, study, best)
    assert f"{100 * best[0].mean:.2f} ± 1.00" in text and "8 trials" in text
    weights = json.loads((spec.out / "report.json").read_text())["importance"]
    assert max(weights, key=weights.get) == "training.learning_rate"  # the only one that matters here


def test_with_a_cost_those_that_no_other_beats_are_kept(pretended: Pretended, space: Path, tmp_path: Path) -> None:
    spec = spec_of(space, tmp_path, 6, cost="parameters")
    work(spec)
    study = open_study(spec.memory)
    trials = [t for t in finished(study) if t.values]
    assert all(len(t.values) == 2 for t in trials) and candidates(study, 9)
    write_report(spec, study, finalists(spec, candidates(study, 2), 1, 1))
    assert (spec.out / "pictures" / "cost.png").is_file()
    with pytest.raises(SettingsError, match="another --cost"):
        open_study(spec_of(space, tmp_path, 6).memory)


def test_the_front_by_hand() -> None:
    points = [(0.9, 100), (0.9, 100), (0.95, 200), (0.8, 50), (0.8, 60), (0.94, 300), (0.7, 50)]
    trials: Any = [SimpleNamespace(values=list(p)) for p in points]
    assert [tuple(t.values) for t in front_of(trials)] == [(0.9, 100), (0.9, 100), (0.95, 200), (0.8, 50)]


def test_a_worker_without_its_command_ends(space: Path, tmp_path: Path) -> None:
    spec = Work(**{**spec_of(space, tmp_path, 3).__dict__, "parent": 1 << 30})
    assert Judge(None, spec, ()).wants_stop()  # type: ignore[arg-type]
    with pytest.raises(Stopped):
        work(spec)


def test_a_search_that_goes_on_must_be_the_same(space: Path, tmp_path: Path) -> None:
    spec = spec_of(space, tmp_path, 3)
    study = open_study(spec.memory)
    begin_or_check(study, spec.space, "f00d")
    begin_or_check(study, load_space(space), "f00d")
    with pytest.raises(SettingsError, match="other data"):
        begin_or_check(study, spec.space, "beef")
    space.write_text(SPACE.replace("[4, 8]", "[4, 8, 16]"))
    with pytest.raises(SettingsError, match="another search space"):
        begin_or_check(study, load_space(space), "f00d")


def test_what_is_suggested_lies_in_the_space(space: Path) -> None:
    space.write_text(
        'config = "conv_gru"\n[model]\nchannels = [[8, 16], [16, 32]]\nlayers = {low = 1, high = 2}\n'
        "[training]\nweight_decay = {low = 0.0, high = 0.1, step = 0.05}\n"
    )
    found = load_space(space)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    seen = [found.config_of(found.changes(study.ask())) for _ in range(30)]
    assert {c.model.channels for c in seen} == {(8, 16), (16, 32)}  # type: ignore[union-attr]
    assert {c.model.layers for c in seen} == {1, 2}  # type: ignore[union-attr]
    assert {c.training.weight_decay for c in seen} == {0.0, 0.05, 0.1}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[model]\nhidden = 8", "hidden is 8; wanted a list of choices"),
        ("[model]\nhiden = [8]", "model.hiden is not a setting"),
        ("[model]\nhidden = [8, -1]", "model.hidden is -1"),
        ("[model]\nhidden = {low = 9, high = 3}", "low below high"),
        ("[model]\nhidden = {low = 1, high = 3, steps = 1}", "wanted a list"),
        ("[training]\nlearning_rate = {low = 0, high = 1, log = true}", "low above 0"),
        ('config = "tiny"', "names nothing to search"),
        ('config = "none"\n[model]\nhidden = [8]', "There is no config"),
        ("set = 3", "wanted config"),
        ("[model", "not valid TOML"),
    ],
)
def test_mistakes_in_a_space_are_told_before_any_time_is_spent(text: str, words: str, space: Path) -> None:
    space.write_text(text)
    with pytest.raises(SettingsError, match=words):
        load_space(space)


def test_mistakes_of_the_command(space: Path, tones: Pack, tmp_path: Path, auricle_here: Run) -> None:
    for arguments, words in (
        ((tmp_path / "none.toml", "--data", tones.path), "cannot be read"),
        ((space, "--data", tmp_path / "none"), "does not exist"),
        ((space, "--data", tones.path, "--storage", "nonsense://x"), "cannot be opened"),
    ):
        done = auricle_here("search", *arguments, "--out", tmp_path / "out", check=False)
        assert done.returncode == 1 and words in done.stderr and "Traceback" not in done.stderr
