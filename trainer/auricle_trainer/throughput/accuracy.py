"""Seconds to an accuracy: the batch with the most clips a second is not always the first to get there."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from auricle_trainer.tracking import Observer
from auricle_trainer.train import train

from .propose import scaled_rate
from .setup import Setup


class Until(Observer):
    """Ends training at the first epoch whose validation reaches `accuracy`."""

    def __init__(self, accuracy: float) -> None:
        self._accuracy, self._begun = accuracy, time.perf_counter()
        self.best = 0.0
        self.epoch = 0
        self.seconds: float | None = None

    def log(self, step: int, values: dict[str, Any]) -> None:
        self.epoch = int(values["epoch"])
        self.best = max(self.best, values["validation/accuracy"])
        if self.seconds is None and self.best >= self._accuracy:
            self.seconds = time.perf_counter() - self._begun

    def wants_stop(self) -> bool:
        return self.seconds is not None


def seconds_to(setup: Setup, accuracy: float, batches: Sequence[int]) -> list[dict[str, Any]]:
    """Train with every batch, its learning rate scaled, until `accuracy` (a share) or the config's last epoch."""
    found = []
    for batch in batches:
        settings = setup.config.training
        rate = scaled_rate(settings, batch)
        training = replace(settings, streams=batch, learning_rate=rate, learning_rate_batch=0)
        calibration = replace(setup.config.calibration, minutes=0.0)
        config = replace(setup.config, training=training, calibration=calibration)
        until = Until(accuracy)
        with tempfile.TemporaryDirectory() as folder:
            run = Path(folder) / "run"
            train(config, setup.pack, setup.background, run, setup.device, setup.seed, observers=[until])
        found.append(
            {
                "batch": batch,
                "learning_rate": training.learning_rate,
                "seconds": until.seconds,
                "epochs": until.epoch,
                "best_accuracy": until.best,
            }
        )
    return found


def as_text(found: Sequence[dict[str, Any]], accuracy: float) -> str:
    """A line a batch."""
    lines = [f"Seconds to {100 * accuracy:g} % of the validation clips (with validation after every epoch):"]
    for row in found:
        told = f"{row['seconds']:.1f} s" if row["seconds"] is not None else f"best {100 * row['best_accuracy']:.1f} %"
        lines.append(
            f"  batch {row['batch']:5d}, learning rate {row['learning_rate']:g}: {told}, {row['epochs']} epochs"
        )
    return "\n".join(lines)
