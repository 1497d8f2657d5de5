"""What all rows of the table share: one config, one pack, one device, one number of threads."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from auricle_shared.pack import Pack
from auricle_trainer.batches.workers import WindowPlan
from auricle_trainer.config import Config
from auricle_trainer.loop import TrainingState
from auricle_trainer.selection import Selection
from auricle_trainer.train import new_state, window_plan

NAIVE_BATCH = 64
MANY_STEPS = 100_000
"""More windows than any row takes."""


@dataclass(frozen=True)
class Setup:
    config: Config
    pack: Pack
    background: Pack
    selection: Selection
    device: torch.device
    seed: int = 0

    def with_training(self, **changes: object) -> Setup:
        """The same with other settings of [training]."""
        return replace(self, config=replace(self.config, training=replace(self.config.training, **changes)))  # type: ignore[arg-type]

    def plan(self) -> WindowPlan:
        return window_plan(self.config, self.pack, self.selection, self.background, self.seed)

    def state(self, plan: WindowPlan) -> TrainingState:
        return new_state(self.config, plan, self.device, self.seed)

    @property
    def clip_seconds(self) -> float:
        """What a row counts as one clip: the audio of one window of one stream, whichever way it is made."""
        return self.config.window_samples / self.config.spectrogram.rate_hz

    def epoch_clips(self, scenes: bool) -> float:
        """Clips an epoch: the training clips, or the windows of running streams in which as many events begin."""
        events = len(self.selection.train)
        if not scenes:
            return float(events)
        return events * self.plan().scene_streams().mean_period_seconds / self.clip_seconds
