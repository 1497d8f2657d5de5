"""torch.nn.DataParallel: one process splits every batch over the GPUs it sees.

On a CPU torch does nothing at all there. Even on several GPUs DDP is the faster of the two: here the weights are copied
to every GPU at every step, and one Python thread a GPU waits for the same interpreter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from auricle_trainer.models.recurrence import flattened

from .single import Single


class DataParallel(Single):
    name = "data-parallel"

    def module(self, model: nn.Module) -> Callable[..., Any]:
        return nn.DataParallel(_Replica(model))


class _Replica(nn.Module):
    """The model as each GPU gets it: its GRU's weights, copied one by one, are brought together again."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, audio: Tensor, state: Tensor, augment: Any) -> Any:
        if audio.is_cuda:
            flattened(self)
        return self.model(audio, state, augment)


def devices() -> int:
    """How many a batch is split over; 0 on a CPU."""
    return torch.cuda.device_count() if torch.cuda.is_available() else 0
