"""What a training step takes: one window of every stream, and what the loss asks of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .mix import Mixer, Sounds
from .targets import Targets


@dataclass
class Batch:
    number: int
    audio: Tensor
    """float32 [B, samples]"""
    reset: Tensor
    """bool [B]: streams that begin anew"""
    targets: Targets

    def tensors(self) -> list[Tensor]:
        return [self.audio, self.reset, *self.targets.tensors().values()]

    def to(self, device: torch.device) -> Batch:
        audio, reset = (x.to(device, non_blocking=True) for x in (self.audio, self.reset))
        return Batch(self.number, audio, reset, self.targets.to(device))


@dataclass
class Unmixed:
    """A batch whose audio is still to be mixed, on the device that trains."""

    number: int
    sounds: Sounds
    reset: Tensor
    targets: Targets

    def pin_memory(self) -> Unmixed:
        return replace(
            self,
            sounds=self.sounds.pin_memory(),
            reset=self.reset.pin_memory(),
            targets=self.targets.pin_memory(),
        )

    def mixed(self, mixer: Mixer, window_samples: int, device: torch.device) -> Batch:
        audio = mixer.mix(self.sounds.to(device), len(self.reset), window_samples)
        return Batch(self.number, audio, self.reset.to(device, non_blocking=True), self.targets.to(device))
