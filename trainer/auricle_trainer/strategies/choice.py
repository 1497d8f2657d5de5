"""Which strategy a command line means."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from auricle_shared.errors import SettingsError

if TYPE_CHECKING:
    import torch

    from .single import Single

NAMES = ("auto", "single", "data-parallel", "ddp", "hogwild")


def wants_launch(name: str, processes: int) -> bool:
    """Whether this process only starts the ones that train."""
    return name in ("auto", "ddp") and processes > 1 and "RANK" not in os.environ


def choose_strategy(name: str, processes: int, device: torch.device) -> Single:
    """
    Args:
        name: one of NAMES; 'auto' is ddp where torchrun or `--processes` says so, else single.
        processes: as asked for on the command line; torchrun has its own count.

    Raises:
        SettingsError: what was asked for contradicts itself, or cannot be had on this device.
    """
    launched, cuda = "RANK" in os.environ, device.type == "cuda"
    if launched and name not in ("auto", "ddp"):
        raise SettingsError(f"--strategy {name} is one process; torchrun starts several. Use --strategy ddp there.")
    if launched:
        from .ddp import DDP

        return DDP(os.environ, cuda)
    if name == "hogwild":
        if cuda:
            raise SettingsError("--strategy hogwild shares weights between processes on a CPU: add --device cpu.")
        from .hogwild import Hogwild

        return Hogwild(max(2, processes))
    if processes > 1:
        raise SettingsError(f"--strategy {name} is one process, not {processes}. Use --strategy ddp or hogwild.")
    if name == "ddp":
        raise SettingsError("--strategy ddp needs several processes: add --processes 2, or start it with torchrun.")
    if name == "data-parallel":
        from .data_parallel import DataParallel

        return DataParallel()
    from .single import Single

    return Single()
