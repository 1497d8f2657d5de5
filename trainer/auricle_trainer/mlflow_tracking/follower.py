"""Tells MLflow of a run while it trains; whatever happens to MLflow, training goes on and the folder is complete."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..tracking import Observer
from .place import Place, connect, experiment_id, installed, place_of
from .record import RUN_TAG, dataset, files_of, metric_name, parameters, tags

if TYPE_CHECKING:
    from mlflow import MlflowClient

BATCH = 100
"""parameters in one request: MLflow's own limit"""


class Follower(Observer):
    """A run's folder, told to MLflow as it grows. After the first failure it says so once and stays silent."""

    def __init__(self, place: Place) -> None:
        self.place, self.run_id = place, ""
        self._client: MlflowClient | None = None
        self._told_step = -1
        self.failure = ""

    def begin(self, folder: Path) -> None:
        self._try(lambda: self._begin(folder))

    def log(self, step: int, values: dict[str, Any]) -> None:
        if self._client is not None and step > self._told_step:
            self._try(lambda: self._log(step, values))

    def end(self, folder: Path, finished: bool) -> None:
        if self._client is not None:
            self._try(lambda: self._end(folder, "FINISHED" if finished else "KILLED"))

    def fail(self) -> None:
        """Training ended with an error."""
        if self._client is not None:
            self._try(lambda: self._close("FAILED"))

    def _begin(self, folder: Path) -> None:
        client = connect(self.place)
        record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        experiment = experiment_id(client, self.place)
        known = client.search_runs([experiment], f"tags.`{RUN_TAG}` = '{record['run_id']}'", max_results=1)
        if known:
            self.run_id = known[0].info.run_id
            client.update_run(self.run_id, "RUNNING")
            told = client.get_metric_history(self.run_id, "epoch")
            self._told_step = max((m.step for m in told), default=-1)
        else:
            self.run_id = client.create_run(experiment, run_name=folder.name, tags=tags(record, folder)).info.run_id
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            found = parameters(config, record)
            for begin in range(0, len(found), BATCH):
                client.log_batch(self.run_id, params=found[begin : begin + BATCH])
            client.log_inputs(self.run_id, datasets=[dataset(record)])
        self._client = client

    def _log(self, step: int, values: dict[str, Any]) -> None:
        from mlflow.entities import Metric

        now = round(1000 * time.time())
        numbers = {metric_name(key): float(v) for key, v in values.items() if isinstance(v, int | float)}
        self._connected.log_batch(self.run_id, metrics=[Metric(key, v, now, step) for key, v in numbers.items()])

    def _end(self, folder: Path, status: str) -> None:
        for file in files_of(folder):
            self._connected.log_artifact(self.run_id, str(file), file.parent.relative_to(folder).as_posix().strip("."))
        self._close(status)

    def _close(self, status: str) -> None:
        self._connected.set_terminated(self.run_id, status)

    @property
    def _connected(self) -> MlflowClient:
        assert self._client is not None, "begin() comes first"
        return self._client

    def _try(self, tell: Callable[[], None]) -> None:
        if self.failure:
            return
        try:
            tell()
        except Exception as error:  # whatever a server, a driver or a bucket raises: training is not to end by it
            self.failure = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
            say(f"MLflow at {self.place.uri} is not told further: {self.failure}")
            say("The run's folder is complete without it; once MLflow answers: auricle track RUN")


@contextmanager
def following(folder: Path, wanted: bool | None) -> Iterator[list[Observer]]:
    """The observers of a run that 'auricle train' begins: MLflow where it is installed, or nobody.

    Args:
        wanted: None follows where MLflow is installed; True raises SettingsError where it is not.
    """
    first = os.environ.get("RANK", "0") == "0"  # of several processes that train one network, one tells
    if not first or wanted is False or (wanted is None and not installed()):
        yield []
        return
    follower = Follower(place_of(folder))
    if wanted and not installed():
        connect(follower.place)
    try:
        yield [follower]
    except BaseException:
        follower.fail()
        raise
    if not follower.failure:
        say(f"told to MLflow; to look: {follower.place.page}")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
