"""Everything that `auricle verify` looks at, in the order in which it came about."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from auricle_shared.errors import AuricleError, DataError, ModelError
from auricle_shared.pack import Pack, is_pack, open_data
from auricle_trainer.record.check_code import check_commit, check_kept_code, check_sources, kept_sources
from auricle_trainer.record.check_data import check_background, check_data
from auricle_trainer.record.check_run import check_checkpoints, check_config, check_rows
from auricle_trainer.record.checks import Check, differs, unknown
from auricle_trainer.record.code import this_code
from auricle_trainer.record.data_rows import DataRow
from auricle_trainer.record.run_folder import RunFolder, run_around

from .check_model import check_file, check_model, models_of, read_metadata

BAR_CLIPS = 2000
"""Fewer are read before anybody wonders"""


def verify_run(run: RunFolder, data: Path | None, models: Sequence[Path] | None = None) -> list[Check]:
    """Config, code, data, checkpoints and models of a run.

    Args:
        data: where the clips are; None: where the run found them.
        models: None: all that lie in the run's folder.

    Raises:
        DataError: `data` cannot be opened.
    """
    here = this_code()
    return [
        check_config(run),
        check_commit(run.record, here),
        check_sources(run.record, here, kept_sources(run)),
        check_kept_code(run),
        check_rows(run),
        *_data_of_run(run, data),
        _background(run),
        *check_checkpoints(run),
        *(check_model(run, model) for model in (models_of(run) if models is None else models)),
    ]


def verify_model(path: Path, run: RunFolder | None, data: Path | None) -> list[Check]:
    """A model with its run, given or around it; a model alone against what it carries.

    Raises:
        ModelError: no model of Auricle's.
        DataError: `data` cannot be opened.
    """
    if not path.is_file():
        raise ModelError(f"{path} does not exist. Wanted: a run's folder, or a file that 'auricle export' wrote.")
    metadata = read_metadata(path)
    run = run or run_around(path)
    if run is not None:
        return [check_file(path), *verify_run(run, data, [path])]
    told, here = metadata.provenance, this_code()
    alone = f"of run {told.get('run_id')} ({told.get('config')}), which is not beside it; name it with --run"
    if data is None:
        clips = [unknown("pack", "name the data with --data"), unknown("labels", "name the data with --data")]
    else:
        clips = _check_pack(told, open_data(data, metadata.rate_hz), ())
    return [
        check_file(path),
        unknown("config", alone),
        check_commit(told, here),
        check_sources(told, here),
        *clips,
        unknown("checkpoint", alone),
    ]


def _data_of_run(run: RunFolder, data: Path | None) -> list[Check]:
    if data is not None:
        rate_hz = int(run.config["spectrogram"]["rate_hz"])
        return _check_pack(run.record, open_data(data, rate_hz), _rows(run))
    place = Path(str(run.record.get("data", {}).get("path", "")))
    if not is_pack(place):
        why = f"not at {place} any more; say where with --data"
        return [unknown("pack", why), unknown("labels", why)]
    try:
        return _check_pack(run.record, Pack.open(place), _rows(run))
    except DataError as error:
        return [differs("pack", str(error)), unknown("labels", "the pack cannot be opened")]


def _rows(run: RunFolder) -> Sequence[DataRow]:
    """None of them where data.csv is damaged, which has a check of its own."""
    try:
        return run.data
    except AuricleError:
        return ()


def _check_pack(told: Mapping[str, Any], pack: Pack, rows: Sequence[DataRow]) -> list[Check]:
    if len(pack) < BAR_CLIPS:
        return check_data(told, pack, rows)
    with click.progressbar(length=len(pack), label=f"Reading {pack.path.name}", file=sys.stderr) as bar:
        return check_data(told, pack, rows, bar.update)


def _background(run: RunFolder) -> Check:
    place = Path(str(run.record.get("background", "")))
    if not is_pack(place):
        return unknown("background", f"not at {place} any more")
    try:
        return check_background(run.record, Pack.open(place))
    except DataError as error:
        return differs("background", str(error))
