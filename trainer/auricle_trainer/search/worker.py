"""One worker of a search: asks for settings, trains them, tells what came of it, until there are enough trials."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auricle_shared.errors import DataError, ModelError, SettingsError

from ..tracking import Observer, read_metrics
from .space import Space
from .storage import REFUSED, Memory, finished, folder_number, open_study, running, try_again

if TYPE_CHECKING:
    from optuna import Trial

AIM = "validation/accuracy"
"""The metric of every epoch that trials are compared by; the best epoch's counts, as it is the one that is kept"""
WAIT_SECONDS = 1.0


@dataclass(frozen=True)
class Work:
    """Everything a worker process needs."""

    memory: Memory
    space: Space
    data: Path
    background: Path | None
    out: Path
    trials: int
    device: str
    mlflow: bool
    worker: int = 0
    """number among the workers of this command"""
    parent: int = 0
    """process without which a worker is to end; 0: none"""

    @property
    def orphaned(self) -> bool:
        return bool(self.parent) and os.getppid() != self.parent


class Stopped(Exception):
    """Ctrl-C, SIGTERM, or the command that started the worker is gone: the trial is tried again later."""

    def __init__(self, trial: int = -1) -> None:
        super().__init__(trial)
        self.trial = trial


class Judge(Observer):
    """Reports every epoch to the study, and ends a trial that is behind the others."""

    def __init__(self, trial: Trial, spec: Work, told: Collection[int]) -> None:
        """told: epochs that the study knows from a first try."""
        self._trial, self._spec, self._told = trial, spec, told
        self.pruned = False

    def log(self, step: int, values: dict[str, Any]) -> None:
        if self._spec.memory.cost == "none" and AIM in values:
            if values["epoch"] not in self._told:
                self._trial.report(values[AIM], int(values["epoch"]))
            self.pruned = self._trial.should_prune()

    def wants_stop(self) -> bool:
        return self.pruned or self._spec.orphaned


def work(spec: Work) -> None:
    """Try settings until the study has `spec.trials` trials that need not be tried again.

    Raises:
        Stopped: asked to end; the trial under way is tried again later.
    """
    study = open_study(spec.memory, spec.worker)
    while (done := len(finished(study))) < spec.trials:
        if spec.orphaned:
            raise Stopped
        if done + len(running(study)) >= spec.trials:
            time.sleep(WAIT_SECONDS)  # others are at the last ones; should they be killed, their trials are ours
            continue
        try:
            study.optimize(lambda trial: _try(trial, spec), n_trials=1, catch=(SettingsError, ModelError))
        except Stopped as stop:
            try_again(study, study.get_trials(deepcopy=False)[stop.trial])
            raise


def _try(trial: Trial, spec: Work) -> Any:
    """Train what the trial suggests; its value, or value and cost."""
    from optuna import TrialPruned

    known = trial.study.get_trials(deepcopy=False)[trial.number]
    folder = spec.out / "trials" / f"{folder_number(known):04d}"
    changes = spec.space.changes(trial)
    trial.set_user_attr("folder", str(folder))
    trial.set_user_attr("changes", list(changes))
    judge = Judge(trial, spec, tuple(known.intermediate_values))
    try:
        ended = train_once(spec, changes, spec.memory.seed, folder, [judge])
    except (SettingsError, ModelError) as error:
        trial.set_user_attr(REFUSED, str(error))
        raise
    except KeyboardInterrupt as error:
        raise Stopped(trial.number) from error
    if judge.pruned and not ended:
        raise TrialPruned
    if not ended:
        raise Stopped(trial.number)
    value = aim_of(folder)
    return value if spec.memory.cost == "none" else (value, cost_of(folder, spec.memory.cost))


def train_once(spec: Work, changes: tuple[str, ...], seed: int, folder: Path, observers: list[Observer]) -> bool:
    """Train, or go on where a worker was stopped, unless it is done; False: it was stopped early."""
    from auricle_shared.pack import open_data

    from ..checkpoint import LAST
    from ..device import choose_device
    from ..mlflow_tracking.follower import following
    from ..train import train

    config = spec.space.config_of(changes)
    rate_hz = config.spectrogram.rate_hz
    noise = open_data(spec.background, rate_hz) if spec.background else None
    begun = (folder / "checkpoints" / LAST).is_file()
    if folder.exists() and not begun:
        shutil.rmtree(folder)  # killed before its first checkpoint
    pack = open_data(spec.data, rate_hz)
    with following(folder, spec.mlflow) as others:
        told = [*observers, *others]
        return train(config, pack, noise, folder, choose_device(spec.device), seed, begun, told).finished


def aim_of(folder: Path) -> float:
    """The best epoch's figure."""
    found = [float(line[AIM]) for line in read_metrics(folder) if AIM in line]
    if not found:
        raise DataError(f"{folder} has no epoch in its metrics.")
    return max(found)


def cost_of(folder: Path, kind: str) -> float:
    """What a run's model costs: parameters, or milliseconds of CPU a second of audio as the device would spend them.

    Raises:
        AuricleError: the export or the runtime is not installed.
    """
    from ..checkpoint import checkpoint_path, load_checkpoint, restore
    from ..study_runs import auricle

    if kind == "parameters":
        model = restore(load_checkpoint(checkpoint_path(folder)))[0]
        return float(sum(p.numel() for p in model.parameters()))
    auricle("export", folder, folder / "model.onnx")
    auricle("bench", folder / "model.onnx", "--quick", "--json", folder / "bench.json")
    return float(json.loads((folder / "bench.json").read_text(encoding="utf-8"))["process_cpu_slope_ms_per_second"])
