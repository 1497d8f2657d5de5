"""What MLflow was told is what the run's folder says; and training never depends on MLflow."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import torch

from auricle_shared.errors import SettingsError
from auricle_shared.pack import Pack
from auricle_trainer.config import load_config
from auricle_trainer.mlflow_tracking.follower import following
from auricle_trainer.mlflow_tracking.place import Place, connect, experiment_id, place_of
from auricle_trainer.mlflow_tracking.record import RUN_TAG, flat, metric_name
from auricle_trainer.tracking import Observer, read_metrics
from auricle_trainer.train import train

Run = Callable[..., CompletedProcess[str]]
QUICK = ("training.workers=0", "training.epochs=4", "calibration.minutes=0")


class StopsAfterTwoEpochs(Observer):
    stop = False

    def log(self, step: int, values: dict[str, Any]) -> None:
        self.stop = values["epoch"] == 2

    def wants_stop(self) -> bool:
        return self.stop


@dataclass(frozen=True)
class Told:
    folder: Path
    place: Place


@pytest.fixture(scope="module", autouse=True)
def _no_server_of_mine() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "AURICLE_MLFLOW_ARTIFACTS"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="module")
def told(tones: Pack, noise: Pack, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """A run that was stopped after two epochs, went on, and was told to MLflow while it trained."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    config = load_config("tiny", QUICK)
    for resume, others in ((False, [StopsAfterTwoEpochs()]), (True, [])):
        with following(folder, True) as observers:
            train(config, tones, noise, folder, torch.device("cpu"), 0, resume, [*observers, *others])
    return Told(folder, place_of(folder))


def the_run(told: Told, place: Place | None = None) -> tuple[Any, Any]:
    """Client and the one MLflow run of the folder."""
    client = connect(place or told.place)
    (run,) = client.search_runs([experiment_id(client, place or told.place)])
    return client, run


def test_every_metric_of_every_epoch_is_told_once(told: Told) -> None:
    client, run = the_run(told)
    assert run.info.status == "FINISHED" and run.info.run_name == "first"
    lines = read_metrics(told.folder)
    assert len(lines) == 4
    for key in set().union(*lines) - {"step"}:
        found = [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, metric_name(key))]
        assert found == [(line["step"], pytest.approx(line[key])) for line in lines if key in line], key
    assert "system/host/process_memory_gib" in run.data.metrics


def test_settings_identifiers_and_data_are_the_folders_own(told: Told, tones: Pack) -> None:
    _, run = the_run(told)
    record = json.loads((told.folder / "run.json").read_text())
    config = flat(json.loads((told.folder / "config.json").read_text()))
    assert run.data.params == {**{key: str(v) for key, v in config.items()}, "seed": "0"}
    assert run.data.tags[RUN_TAG] == record["run_id"]
    assert run.data.tags["mlflow.source.git.commit"] == record["code_commit"]
    (used,) = run.inputs.dataset_inputs
    assert used.dataset.digest == tones.fingerprint and used.dataset.name == tones.path.name


def test_pictures_and_reports_arrive_byte_for_byte(told: Told, tmp_path: Path) -> None:
    client, run = the_run(told)
    for name in ("pictures/curves.png", "pictures/confusion.png", "config.json", "metrics.jsonl", "validation.txt"):
        copy = client.download_artifacts(run.info.run_id, name, str(tmp_path))
        assert Path(copy).read_bytes() == (told.folder / name).read_bytes()
    assert not any(a.path == "checkpoints" for a in client.list_artifacts(run.info.run_id))


def test_told_again_nothing_is_told_twice(told: Told, auricle_here: Run) -> None:
    auricle_here("track", told.folder)
    client, run = the_run(told)
    assert len(client.get_metric_history(run.info.run_id, "epoch")) == 4


def test_files_of_an_experiment_go_to_a_bucket(
    s3: Any, told: Told, auricle_here: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "in a bucket")
    monkeypatch.setenv("AURICLE_MLFLOW_ARTIFACTS", "s3://team/mlflow")
    auricle_here("track", told.folder)
    (key,) = (key for key in s3.listed() if key.endswith("pictures/curves.png"))
    body = s3.client().get_object(Bucket="team", Key=key)["Body"].read()
    assert key.startswith("mlflow/") and body == (told.folder / "pictures" / "curves.png").read_bytes()


def test_a_server_that_does_not_answer_stops_nothing(
    tones: Pack,
    noise: Pack,
    tmp_path: Path,
    told: Told,
    auricle_here: Run,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    folder = tmp_path / "run"
    with following(folder, None) as observers:
        assert train(
            load_config("tiny", QUICK), tones, noise, folder, torch.device("cpu"), 0, False, observers
        ).finished
    said = capsys.readouterr().err
    assert said.count("is not told further") == 1 and "auricle track RUN" in said and "to look" not in said
    done = auricle_here("track", folder, check=False)
    assert done.returncode == 1 and "127.0.0.1:9 does not answer" in done.stderr
    monkeypatch.setenv("MLFLOW_TRACKING_URI", told.place.uri)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "later")
    auricle_here("track", folder)
    client, run = the_run(told, place_of(folder))
    assert len(client.get_metric_history(run.info.run_id, "train/loss")) == 4


def test_without_mlflow_the_run_is_the_same(
    tones: Pack, noise: Pack, told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [n for n in sys.modules if n.partition(".")[0] in ("mlflow", "sqlalchemy")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    monkeypatch.setattr("auricle_trainer.mlflow_tracking.place.find_spec", lambda name: None)
    folder = tmp_path / "run"
    with following(folder, None) as observers:
        assert observers == []
        train(load_config("tiny", QUICK), tones, noise, folder, torch.device("cpu"), 0, False, observers)
    assert {p.name for p in folder.iterdir()} == {p.name for p in told.folder.iterdir()}
    assert [m["train/loss"] for m in read_metrics(folder)] == [m["train/loss"] for m in read_metrics(told.folder)]
    with pytest.raises(SettingsError, match=r"auricle-trainer\[tracking\]"), following(folder, True):
        pass


def test_where_runs_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "runs" / "study" / "one"
    assert place_of(run).database == tmp_path / "runs" / "study" / "mlflow.db"
    (tmp_path / "runs" / "study").mkdir(parents=True)
    (tmp_path / "runs" / "mlflow.db").touch()
    assert place_of(run).database == tmp_path / "runs" / "mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://tracking.example")
    assert place_of(run) == Place("https://tracking.example") and place_of(run).database is None


def test_an_error_in_training_is_told_and_raised(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "failing")

    def fails(observer: Observer) -> None:
        observer.begin(told.folder)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), following(told.folder, True) as (follower,):
        fails(follower)
    _, run = the_run(told, place_of(told.folder))
    assert run.info.status == "FAILED" and "MLFLOW_TRACKING_URI" not in os.environ
