"""The runs of a study: trained and evaluated through the command line, as a user would, and never twice."""

from __future__ import annotations

import csv
import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
import numpy as np

import auricle_shared
from auricle_shared.errors import SettingsError

from .own_gpu import own_gpu

T = TypeVar("T")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Training:
    """One run and everything that decides what becomes of it."""

    run: Path
    config: str
    data: Path
    seed: int
    changes: tuple[str, ...]
    checkpoint: str = "best.pt"
    background: Path | None = None

    @property
    def model(self) -> Path:
        return self.run / "checkpoints" / self.checkpoint


_job = threading.local()
"""number: which of the jobs side by side this thread is"""


def side_by_side(work: Callable[[T], Result], items: Iterable[T], jobs: int) -> list[Result]:
    """`work` of every item, `jobs` at a time; the commands it calls have a GPU of their own if there are several."""
    numbers = itertools.count()
    with ThreadPoolExecutor(jobs, initializer=lambda: setattr(_job, "number", next(numbers))) as pool:
        return list(pool.map(work, items))


def train(training: Training) -> float:
    """Train where it was not done yet, go on where it was stopped; returns the seconds that took.

    Raises:
        SettingsError: the run is there, but with other settings.
    """
    state, begun = state_of(training), time.monotonic()
    if state != "finished":
        settings = [part for change in training.changes for part in ("--set", change)]
        arguments = ["--data", training.data, "--run", training.run, "--seed", training.seed, "--threads", 1, *settings]
        if training.background is not None:
            arguments += ["--background", training.background]
        auricle("train", training.config, *arguments, *(["--resume"] if state == "begun" else []))
    return time.monotonic() - begun


def state_of(training: Training) -> str:
    """'absent', 'begun' or 'finished'."""
    from .checkpoint import LAST
    from .config import Config, load_config
    from .tracking import read_metrics

    wanted, written = load_config(training.config, training.changes), training.run / "config.json"
    if not (written.is_file() and (training.run / "checkpoints" / LAST).is_file()):
        return "absent"
    try:
        same = Config.from_dict(json.loads(written.read_text(encoding="utf-8")), wanted.name).hash == wanted.hash
    except SettingsError:  # written by another version
        same = False
    if not same:
        raise SettingsError(
            f"{training.run} was trained with other settings than {training.config} {' '.join(training.changes)}. "
            "Choose another folder with --out, or remove that run."
        )
    epochs = [line["epoch"] for line in read_metrics(training.run) if "epoch" in line]
    return "finished" if max(epochs, default=0) >= wanted.training.epochs else "begun"


def evaluate(training: Training, name: str, *arguments: object) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What `auricle evaluate` finds, and of every clip the columns right, right_after_background and right_carried.

    Args:
        name: the results are kept as NAME.json and NAME.csv in the run, and used again while they are newer than the
            checkpoint and the code that decides; it must tell apart whatever `arguments` say.
    """
    result, clips = training.run / f"{name}.json", training.run / f"{name}.csv"
    code = Path(auricle_shared.__file__).parent.glob("*.py")
    if not all(_newer((result, clips), than) for than in (training.model, *code)):
        outputs = ("--json", result, "--clips", clips)
        auricle("evaluate", training.model, "--data", training.data, *arguments, *outputs)
    with open(clips, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    columns = {key: np.array([float(row[key]) for row in rows]) for key in rows[0] if key.startswith("right")}
    return json.loads(result.read_text(encoding="utf-8")), columns


def _newer(files: Sequence[Path], than: Path) -> bool:
    return all(file.is_file() and file.stat().st_mtime > than.stat().st_mtime for file in files)


def auricle(*arguments: object) -> None:
    command = [sys.executable, "-m", "auricle_shared.command", *map(str, arguments)]
    environment = {**os.environ, **own_gpu(getattr(_job, "number", 0))}
    done = subprocess.run(command, stdout=subprocess.DEVNULL, env=environment)
    if done.returncode:
        raise click.ClickException(f"'auricle {' '.join(map(str, arguments))}' ended with code {done.returncode}.")
