"""Where runs are told: a team's server, or a SQLite file beside the runs, so that nothing has to be started."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from auricle_shared.errors import AuricleError, SettingsError

from ..one_at_a_time import one_at_a_time

if TYPE_CHECKING:
    from mlflow import MlflowClient

DATABASE, ARTIFACTS = "mlflow.db", "mlflow-artifacts"
EXPERIMENT = "auricle"
URI_VARIABLE = "MLFLOW_TRACKING_URI"
TRAINING_PAGE = {"mlflow.experimentKind": "custom_model_development"}
"""Without it MLflow's page offers what language models want, and hides curves and runs"""
# Training waits for the server: minutes of tries, which are MLflow's own defaults, would stand still with it.
PATIENCE = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "15", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2"}


@dataclass(frozen=True)
class Place:
    uri: str
    """of the tracking server or database"""
    artifacts: str = ""
    """where a new experiment's files go: a folder or s3://BUCKET/PREFIX; empty: the server decides"""
    experiment: str = EXPERIMENT

    @property
    def database(self) -> Path | None:
        return Path(self.uri.removeprefix("sqlite:///")) if self.uri.startswith("sqlite:///") else None

    @property
    def page(self) -> str:
        """What to do to look at it."""
        return self.uri if self.database is None else f"mlflow ui --backend-store-uri {self.uri}"


def installed() -> bool:
    return all(find_spec(name) for name in ("mlflow", "sqlalchemy", "alembic"))


def place_of(run: Path) -> Place:
    """MLFLOW_TRACKING_URI where it is set; else the nearest mlflow.db in a folder above the run; else one beside it.

    MLFLOW_EXPERIMENT_NAME names the experiment; AURICLE_MLFLOW_ARTIFACTS sends the files of a new one to a bucket.
    """
    experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT)
    artifacts = os.environ.get("AURICLE_MLFLOW_ARTIFACTS", "")
    given = os.environ.get(URI_VARIABLE, "")
    if given:
        return Place(given, artifacts, experiment)
    above = run.absolute().parents
    folder = next((f for f in above if (f / DATABASE).is_file()), above[0])
    return Place(f"sqlite:///{folder / DATABASE}", artifacts or (folder / ARTIFACTS).as_uri(), experiment)


def connect(place: Place) -> MlflowClient:
    """A client whose server or database answers.

    Raises:
        SettingsError: MLflow is not installed.
        Exception: whatever MLflow raises where nothing answers.
    """
    if not installed():
        raise SettingsError("MLflow is not installed: pip install 'auricle-trainer[tracking]'.")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    for name, value in PATIENCE.items():
        os.environ.setdefault(name, value)
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    import mlflow
    from mlflow import MlflowClient

    logging.getLogger("mlflow").setLevel(logging.ERROR)  # its import set another level
    given = os.environ.get(URI_VARIABLE)
    mlflow.set_tracking_uri(place.uri)  # parts of MLflow make clients of their own
    if given is None:  # it is left in the environment, where the next run would take it for the user's
        os.environ.pop(URI_VARIABLE, None)
    with one_at_a_time(place.database):
        client = MlflowClient(place.uri)
        client.search_experiments(max_results=1)
    return client


@contextmanager
def answering(place: Place) -> Iterator[MlflowClient]:
    """`connect` for commands that do nothing else: whatever goes wrong is told in words.

    Raises:
        AuricleError: not installed, nothing answers, or it says no.
    """
    try:
        yield connect(place)
    except AuricleError:
        raise
    except Exception as error:  # a server, a database driver and a bucket raise what they like
        raise AuricleError(f"MLflow at {place.uri} does not answer as wanted: {error}") from error


def experiment_id(client: MlflowClient, place: Place) -> str:
    """The experiment's, which is made where it is missing."""
    with one_at_a_time(place.database):
        found = client.get_experiment_by_name(place.experiment)
        if found is not None:
            return str(found.experiment_id)
        where = place.artifacts or None
        return str(client.create_experiment(place.experiment, artifact_location=where, tags=TRAINING_PAGE))
