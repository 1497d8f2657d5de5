"""`auricle calibrate`."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from auricle_shared.pack import Pack


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="The run's data, where they lie elsewhere now.")
@click.option("--negatives", type=click.Path(path_type=Path), help="Long recordings without any of the events.")
@click.option("--background", type=click.Path(path_type=Path), help="Behind the events; the run's own if absent.")
@click.option(
    "--false-alarms-per-hour",
    type=click.FloatRange(0, 3600),
    help="Wanted of all classes together.  [default: the config's, 0.5]",
)
@click.option("--minutes", type=click.FloatRange(0, 24 * 60), help="Most audio of scenes.  [default: the config's, 20]")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def calibrate(
    run: Path,
    data: Path | None,
    negatives: Path | None,
    background: Path | None,
    false_alarms_per_hour: float | None,
    minutes: float | None,
    as_json: bool,
) -> None:
    """Fit temperature and event thresholds of RUN on scenes of its validation clips; 'auricle export' ships them.

    The weights stay as they are. Thresholds need 20 validation clips of a class and ten minutes of negatives; without
    them the defaults stay, and the command says so.

    \b
    Example:
      auricle calibrate runs/first --negatives recordings-of-the-room
      auricle calibrate runs/first --negatives room --false-alarms-per-hour 0.1
    """
    import torch

    from auricle_shared.pack import open_data

    from .calibrate import calibrate_run
    from .calibration_text import as_text
    from .checkpoint import BEST, load_checkpoint, restore
    from .run_record import data_path

    values = load_checkpoint(run / "checkpoints" / BEST)
    config = restore(values)[2]
    rate_hz = config.spectrogram.rate_hz
    given: dict[str, float | None] = {"false_alarms_per_hour": false_alarms_per_hour, "minutes": minutes}
    settings = replace(config.calibration, **{k: v for k, v in given.items() if v is not None})
    pack = open_data(data or data_path(run), rate_hz)
    noise, recorded = _background(run, background, rate_hz)
    quiet = open_data(negatives, rate_hz) if negatives else (noise if recorded else None)
    result = calibrate_run(run, pack, noise, quiet, torch.device("cpu"), settings, _progress)
    click.echo(json.dumps(result, indent=2, ensure_ascii=False) if as_json else as_text(result))


def _background(run: Path, given: Path | None, rate_hz: int) -> tuple[Pack, bool]:
    """What runs on behind the events, and whether it was recorded; a synthetic one says nothing about false alarms."""
    from auricle_shared.pack import Pack, is_pack, open_data

    from .run_record import existing, read_record

    if given is None and is_pack(run / "background"):
        return Pack.open(run / "background"), False
    return open_data(given or existing(read_record(run).get("background"), "--background", run), rate_hz), True


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[Kcalibration {done}/{total}" + ("\n" if done == total else ""))
        sys.stderr.flush()
