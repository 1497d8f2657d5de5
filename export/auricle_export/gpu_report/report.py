"""All sections of the report, each on its own: one that fails says why, and the rest goes on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from auricle_shared.pack import is_pack
from auricle_trainer.alarms import write_alarm_pack
from auricle_trainer.config import ShiftSettings
from auricle_trainer.throughput.rows import CPU_BATCHES, GPU_BATCHES
from auricle_trainer.throughput.setup import Setup
from auricle_trainer.throughput.table import first_line, run_table

from . import data_parallel, floor, gru, precision, providers

WANTED_AUDIO_SECONDS, AIMED_AUDIO_SECONDS, WANTED_RATIO = 100_000, 200_000, 100
"""Of audio a second with all augmentation on one GPU of the H100's class; and over the naive row of the same run."""


@dataclass(frozen=True)
class Sizes:
    """How large everything is measured."""

    batches: Sequence[int]
    hidden: Sequence[int]
    workers: int
    seconds: float
    rounds: int
    matmul: int

    @classmethod
    def of(cls, device: torch.device, quick: bool) -> Sizes:
        if quick:
            return cls((4, 8), (8, 16), 0, 0.1, 1, 128)
        if device.type == "cuda":
            return cls(GPU_BATCHES, (64, 96, 128, 160, 192, 256), 8, 10.0, 9, 8192)
        return cls(CPU_BATCHES, (64, 128, 256), 1, 4.0, 9, 1024)


def measure(setup: Setup, sizes: Sizes, keep: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """The whole report as plain values.

    Args:
        keep: called after every section with what there is so far.
    """
    device, config = setup.device, setup.config
    frames = config.window_samples // config.spectrogram.hop_samples
    found: dict[str, Any] = {"device": str(device), "config": config.name, "clip_seconds": setup.clip_seconds}
    kinds = ["cpu", "cuda"] if device.type == "cuda" else ["cpu"]
    sections: dict[str, Callable[[], Any]] = {
        "gradient_check": lambda: gru.gradient_checks(device, sizes.hidden, sizes.batches[0], frames),
        "gru_times": lambda: gru.times(device, sizes.hidden, sizes.batches, frames),
        "floor": lambda: floor.floor(config, len(setup.pack.labels), device, sizes.matmul),
        "providers": lambda: providers.compare(config, (1, sizes.batches[0]), frames, kinds),
        "precision": lambda: precision.compare(setup, sizes.batches[-1]),
        "data_parallel": lambda: data_parallel.compare(config, device, sizes.batches[-1]),
        "throughput": lambda: run_table(setup, sizes.batches, sizes.workers, sizes.seconds, sizes.rounds)[0],
    }
    for name, section in sections.items():
        print(f"{name} ...", file=sys.stderr, flush=True)
        try:
            found[name] = section()
        except Exception as error:  # whatever fails on a machine nobody has seen: the other sections are worth having
            found[name] = {"failed": first_line(error)}
        keep(found)
    found["verdict"] = verdict(found, setup)
    keep(found)
    return found


def verdict(found: dict[str, Any], setup: Setup) -> dict[str, Any]:
    """The fastest row of the table against what was wanted; empty where the table failed."""
    rows = [row for row in found["throughput"].get("rows", []) if row["path"] and row["clips_per_second"]]
    if not rows:
        return {}
    best = max(rows, key=lambda row: row["clips_per_second"])
    floor_seconds = found["floor"].get("seconds_a_clip")
    return {
        "row": best["name"],
        "batch": best["batch"],
        "audio_seconds_per_second": best["clips_per_second"] * setup.clip_seconds,
        "wanted_audio_seconds_per_second": WANTED_AUDIO_SECONDS,
        "aimed_audio_seconds_per_second": AIMED_AUDIO_SECONDS,
        "ratio_to_naive": best["ratio_to_naive"],
        "wanted_ratio": WANTED_RATIO,
        "share_of_floor": floor_seconds and floor_seconds * best["clips_per_second"],
    }


def alarm_sounds(path: Path, clips_per_class: int) -> Path:
    """The alarm set, made once."""
    if not is_pack(path):
        write_alarm_pack(path, clips_per_class, seed=0)
    return path


def with_everything(setup: Setup) -> Setup:
    """The reference: GRU-128 over 40 log-mel bands with everything on that training can draw."""
    drawn = {"speed_low": 0.88, "speed_high": 1.12, "room": 0.3, "ambient": 0.3, "mix": 0.2}
    augment = replace(setup.config.augment, **drawn, gain_low_db=-6.0, gain_high_db=6.0)
    return replace(setup, config=replace(setup.config, augment=augment, shift=ShiftSettings(bands=1.0)))
