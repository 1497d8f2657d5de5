"""The whole table: opens what is trained on, measures row by row, tells how far it is."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from auricle_shared.audio import write_wav
from auricle_shared.errors import DataError
from auricle_shared.pack import Pack, open_data
from auricle_trainer.config import load_config
from auricle_trainer.selection import select_clips
from auricle_trainer.train import synthetic_background_pack

from .data_path import ratios
from .measure import Measured, measure
from .naive import needs_librosa
from .report import result
from .rows import naive_rows, scene_rows
from .setup import Setup
from .strategy_rows import strategy_rows

DECODED_FILES = 256
"""Clips that are written as WAV files for the row that decodes them."""


@contextmanager
def open_setup(
    config: str, changes: Sequence[str], data: Path, background: Path | None, device: torch.device, seed: int
) -> Iterator[Setup]:
    """Raises SettingsError or DataError: what was found, what was wanted."""
    needs_librosa()
    settings = load_config(config, changes)
    rate_hz = settings.spectrogram.rate_hz
    pack = open_data(data, rate_hz)
    selection = select_clips(pack, settings.data, seed)
    if any(not pack.clips[i].labels for i in selection.train):
        raise DataError(f"{data} has clips without a label; the rows that train on clips want one each.")
    with tempfile.TemporaryDirectory() as folder:
        noise = open_data(background, rate_hz) if background else None
        noise = noise or synthetic_background_pack(Path(folder), rate_hz, seed)
        yield Setup(settings, pack, noise, selection, device, seed)


def run_table(
    setup: Setup, batches: Sequence[int], workers: int, seconds: float, rounds: int, passes: int = 1
) -> tuple[dict[str, Any], list[Measured]]:
    """All rows and the two ratios.

    Args:
        passes: through all rows; of each the fastest counts, which is what this machine can when nobody disturbs it.
    """
    found: dict[int, Measured] = {}
    with tempfile.TemporaryDirectory() as folder:
        files = write_files(setup.pack, setup.selection.train, Path(folder))
        middle = batches[min(1, len(batches) - 1)]
        rows = [*naive_rows(setup, workers, files), *scene_rows(setup, workers, batches)]
        rows += strategy_rows(setup, middle)
        for number, (place, row) in enumerate(list(enumerate(rows)) * passes, 1):
            tell(f"{number}/{passes * len(rows)} {row.name} (batch {row.batch}, {row.workers} workers)")
            now = measure(row, setup.device, seconds, setup.epoch_clips(row.scenes))
            found[place] = max(now, found.get(place, now), key=lambda m: m.clips_per_second)
    measured = with_ratios(list(found.values()))
    tell(f"data path and step against network, {rounds} turns")
    path = ratios(setup, middle, rounds)
    return result(setup, measured, path), measured


def with_ratios(rows: Sequence[Measured]) -> list[Measured]:
    """Every row over the first; a strategy's over one process that draws the same windows without workers."""
    found = []
    for row in rows:
        alone = [r for r in rows if (r.path, r.batch, r.workers) == ("workers", row.batch, 0)]
        single = row.clips_per_second / alone[0].clips_per_second if row.strategy and alone else 0.0
        over_naive = row.clips_per_second / rows[0].clips_per_second
        found.append(replace(row, ratio_to_naive=over_naive, ratio_to_single=single))
    return found


def write_files(pack: Pack, clips: Sequence[int], folder: Path) -> list[Path]:
    """Some clips as WAV files."""
    paths = []
    for number, clip in enumerate(clips[:DECODED_FILES]):
        paths.append(folder / f"{number}.wav")
        write_wav(paths[-1], pack.audio(clip), pack.rate_hz)
    return paths


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
