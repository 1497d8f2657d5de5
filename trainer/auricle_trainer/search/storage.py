"""The search's memory: an Optuna study in SQLite, or in any database that many machines reach."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from auricle_shared.errors import SettingsError

from ..one_at_a_time import one_at_a_time
from .space import Space

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

BEAT_SECONDS, LOST_SECONDS = 5, 20
"""A worker says so often that it lives; one that was silent so long is gone, and its trial is tried again"""
SQLITE_SECONDS = 60.0
"""Wait for another worker that writes"""
REFUSED = "refused"
"""Attribute of a trial whose settings contradict each other: why"""
BEGUN_WITH = "begun_with"
"""Attribute of the study: what may not change when it goes on"""


@dataclass(frozen=True)
class Memory:
    """Where the study lies and how it chooses; the same for every worker."""

    url: str
    name: str
    pruner: str
    """'median', 'hyperband' or 'none'"""
    cost: str
    """'none', 'parameters' or 'cpu-ms'"""
    epochs: int
    seed: int

    @property
    def directions(self) -> list[Literal["maximize", "minimize"]]:
        return ["maximize"] if self.cost == "none" else ["maximize", "minimize"]


def open_study(memory: Memory, worker: int = 0) -> Study:
    """Open the study, or begin it; every worker, and every time it goes on, draws other settings.

    Raises:
        SettingsError: Optuna is not installed, the database cannot be opened, or the study has another aim.
    """
    try:
        import optuna
    except ImportError as error:
        raise SettingsError(f"A search needs Optuna ({error}): pip install 'auricle-trainer[search]'.") from error
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    with one_at_a_time(_sqlite_file(memory.url)):
        try:
            study = optuna.create_study(
                storage=_storage(memory.url),
                study_name=memory.name,
                pruner=_pruner(memory),
                directions=memory.directions,
                load_if_exists=True,
            )
        except (SQLAlchemyError, ImportError, optuna.exceptions.StorageInternalError) as error:
            raise SettingsError(f"The storage {memory.url} cannot be opened: {str(error).splitlines()[0]}") from error
    drawn = memory.seed + 10_007 * worker + 101 * len(study.get_trials(deepcopy=False))
    study.sampler = optuna.samplers.TPESampler(seed=drawn, multivariate=True, constant_liar=True)
    if [d.name.lower() for d in study.directions] != memory.directions:
        raise SettingsError(f"The search {memory.name} was begun with another --cost. Choose another --out or --name.")
    return study


def begin_or_check(study: Study, space: Space, fingerprint: str) -> None:
    """Raises SettingsError: the study was begun with another space or other data."""
    wanted = json.loads(json.dumps({"space": space.to_dict(), "data_fingerprint": fingerprint}))
    found = study.user_attrs.get(BEGUN_WITH)
    if found is None:
        study.set_user_attr(BEGUN_WITH, wanted)
        return
    for key, what in (("space", "another search space"), ("data_fingerprint", "other data")):
        if found[key] != wanted[key]:
            raise SettingsError(
                f"The search {study.study_name} was begun with {what}. Choose another --out, or another --name in a "
                "shared storage."
            )


def finished(study: Study) -> list[FrozenTrial]:
    """Trials that need not be tried again: complete, pruned, or refused for their settings."""
    from optuna.trial import TrialState

    done = (TrialState.COMPLETE, TrialState.PRUNED)
    return [t for t in study.get_trials(deepcopy=False) if t.state in done or REFUSED in t.user_attrs]


def running(study: Study) -> list[FrozenTrial]:
    """Trials of workers that live, as far as their heartbeats tell."""
    import optuna
    from optuna.trial import TrialState

    optuna.storages.fail_stale_trials(study)
    return study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))


def try_again(study: Study, trial: FrozenTrial) -> None:
    """Put the trial's settings first in the queue; it keeps the folder of the first try."""
    _retry()(study, trial)


def folder_number(trial: FrozenTrial) -> int:
    """Of the first try: what a killed worker left there is gone on with."""
    from optuna.storages import RetryHeartbeatStaleTrialCallback

    first = RetryHeartbeatStaleTrialCallback.retried_trial_number(trial)
    return trial.number if first is None else first


def _retry() -> Any:
    from optuna.storages import RetryHeartbeatStaleTrialCallback

    return RetryHeartbeatStaleTrialCallback(inherit_intermediate_values=True)


def _storage(url: str) -> Any:
    from optuna.storages import RDBStorage

    options = {"connect_args": {"timeout": SQLITE_SECONDS}} if url.startswith("sqlite") else {"pool_pre_ping": True}
    return RDBStorage(
        url,
        engine_kwargs=options,
        heartbeat_interval=BEAT_SECONDS,
        grace_period=LOST_SECONDS,
        heartbeat_stale_trial_callback=_retry(),
    )


def _sqlite_file(url: str) -> Path | None:
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None


def _pruner(memory: Memory) -> Any:
    import optuna

    if memory.cost != "none" or memory.pruner == "none":
        return optuna.pruners.NopPruner()  # Optuna prunes by one aim only
    if memory.pruner == "hyperband":
        return optuna.pruners.HyperbandPruner(min_resource=1, max_resource=memory.epochs, reduction_factor=3)
    return optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=max(1, memory.epochs // 5))
