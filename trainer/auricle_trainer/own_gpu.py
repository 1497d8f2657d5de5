"""Trainings side by side on a machine with several GPUs: each has one of its own, in turn."""

from __future__ import annotations

import os


def own_gpu(job: int) -> dict[str, str]:
    """What the environment of job 0, 1, ... must say before it uses CUDA; nothing where there is no choice."""
    import torch

    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = [str(k) for k in range(torch.cuda.device_count())] if given is None else given.split(",")
    return {"CUDA_VISIBLE_DEVICES": names[job % len(names)].strip()} if len(names) > 1 else {}
