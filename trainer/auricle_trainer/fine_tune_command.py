"""`auricle train --from RUN --add PACK`: what the command does before and after training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from auricle_shared.pack import Pack

    from .fine_tune import Beginning


def prepared(
    run: Path,
    added: Path,
    data: Path | None,
    folder: Path,
    own_share: float,
    changes: Sequence[str],
    resume: bool,
) -> tuple[Beginning, Pack]:
    """The beginning, and the combined pack, which lies beside the new run as RUN-data."""
    from auricle_shared.errors import SettingsError
    from auricle_shared.pack import Pack, is_pack, open_data

    from .fine_tune import begin_from, combined_pack
    from .run_record import data_path

    beginning = begin_from(run, changes)
    place = folder.with_name(folder.name + "-data")
    if resume and is_pack(place):
        return beginning, Pack.open(place)
    if place.exists():
        raise SettingsError(f"{place} is there already, from another run? Remove it, or choose another --run.")
    rate_hz = beginning.config.spectrogram.rate_hz
    old = open_data(data or data_path(run), rate_hz)
    pack = combined_pack(place, run, old, open_data(added, rate_hz), own_share)
    splits = pack.info["splits"]
    click.echo(
        f"{place}: {splits['train']} training events an epoch, {splits['val']} clips to choose by, "
        f"{splits['test']} held out",
        err=True,
    )
    return beginning, pack


def old_background(run: Path) -> Path | None:
    """The recordings that ran on behind the old run's events; None where they were synthetic."""
    from .run_record import existing, read_record

    path = read_record(run).get("background")
    synthetic = path is None or Path(path) == run / "background"
    return None if synthetic else existing(path, "--background", run)


def judged(run: Path, folder: Path, pack: Pack) -> bool:
    """Compare, tell, write it down; whether the new model may take the old one's place."""
    from .fine_tune import as_text, before_and_after, keep_verdict

    found = before_and_after(run, folder, pack)
    keep_verdict(folder, found)
    click.echo(as_text(found))
    return bool(found["accepted"])
