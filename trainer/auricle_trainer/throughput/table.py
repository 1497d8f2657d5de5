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
from auricle_shared.errors import AuricleError, DataError
from auricle_shared.pack import Pack, open_data
from auricle_trainer.config import load_config
from auricle_trainer.selection import select_clips
from auricle_trainer.train import synthetic_background_pack

from .data_path import ratios
from .measure import Measured, Row, measure
from .naive import librosa_on_torch_threads
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
    settings = load_config(config, changes)
    rate_hz = settings.spectrogram.rate_hz
    pack = open_data(data, rate_hz)
    selection = select_clips(pack, settings.data, seed)
    if any(not pack.clips[i].labels for i in selection.train):
        raise DataError(f"{data} has clips without a label; the rows that train on clips want one each.")
    with tempfile.TemporaryDirectory() as folder, librosa_on_torch_threads():
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
        rows += strategy_rows(setup, middle, workers if setup.device.type == "cuda" else 0)
        for number, (place, row) in enumerate(list(enumerate(rows)) * passes, 1):
            tell(f"{number}/{passes * len(rows)} {row.name} (batch {row.batch}, {row.workers} workers)")
            now = measured_or_failed(row, setup, seconds)
            found[place] = max(now, found.get(place, now), key=lambda m: m.clips_per_second)
    measured = with_ratios(list(found.values()))
    tell(f"data path and step against network, {rounds} turns")
    try:
        path = ratios(setup, middle, rounds)
    except (AuricleError, RuntimeError, MemoryError) as error:
        path = {"ratios_failed": first_line(error)}
        tell(f"failed: {path['ratios_failed']}")
    return result(setup, measured, path), measured


def measured_or_failed(row: Row, setup: Setup, seconds: float) -> Measured:
    """A row that this machine cannot (too large a batch, for instance) says so, and the table goes on."""
    try:
        return measure(row, setup.device, seconds, setup.epoch_clips(row.scenes))
    except (AuricleError, RuntimeError, MemoryError) as error:
        if setup.device.type == "cuda":
            torch.cuda.empty_cache()
        note = f"failed: {first_line(error)}"
        tell(note)
        return Measured(row.name, row.batch, row.workers, 0.0, 0.0, {}, note=note, strategy=row.strategy)


def first_line(error: Exception) -> str:
    """What an error says, and of what kind it is."""
    return f"{type(error).__name__}: {str(error).strip() or 'no words'}".splitlines()[0]


def with_ratios(rows: Sequence[Measured]) -> list[Measured]:
    """Every row over the first; a strategy's over one process that draws the same windows with as many workers."""
    found = []
    for row in rows:
        alone = [r for r in rows if (r.path, r.batch, r.workers) == ("workers", row.batch, row.workers)]
        single = over(row, alone[0]) if row.strategy and alone else 0.0
        found.append(replace(row, ratio_to_naive=over(row, rows[0]), ratio_to_single=single))
    return found


def over(row: Measured, other: Measured) -> float:
    """0 where either failed."""
    return row.clips_per_second / other.clips_per_second if other.clips_per_second else 0.0


def write_files(pack: Pack, clips: Sequence[int], folder: Path) -> list[Path]:
    """Some clips as WAV files."""
    paths = []
    for number, clip in enumerate(clips[:DECODED_FILES]):
        paths.append(folder / f"{number}.wav")
        write_wav(paths[-1], pack.audio(clip), pack.rate_hz)
    return paths


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
