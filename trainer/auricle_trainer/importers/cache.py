"""A plain folder given as --data: packed once, kept beside it, made again when anything in it changes."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from pathlib import Path

import click

from auricle_shared.pack import Pack, is_pack

from .importing import import_source
from .key import cache_key
from .source import open_source


def open_folder(path: Path, rate_hz: int) -> Pack:
    """The pack of a plain folder, CSV manifest or pickle at `rate_hz`, from the cache where nothing has changed.

    Beside `path` it is called `.auricle-NAME-RATE`; where that place cannot be written, it goes to the user's cache.

    Raises:
        DataError: nothing to import there.
    """
    path = path.resolve()
    source = open_source(path)
    key = cache_key(source, rate_hz)
    place = _place(path, rate_hz)
    if is_pack(place) and (pack := Pack.open(place)).info.get("cache_key") == key:
        return pack
    click.echo(f"{path} is a plain folder ({source.kind}): packing it once into {place}.", err=True)
    with click.progressbar(length=len(source.recordings), label="Importing", file=sys.stderr) as bar:
        result = import_source(
            source, place, rate_hz, overwrite=True, progress=lambda done: bar.update(done - bar.pos), cache_key=key
        )
    for note in result.notes:
        click.echo(f"Note: {note}", err=True)
    if result.broken:
        click.echo(f"{len(result.broken)} recordings could not be used: see {place / 'broken.csv'}.", err=True)
    return result.pack


def _place(path: Path, rate_hz: int) -> Path:
    name = f".auricle-{path.name}-{rate_hz}"
    if _is_writable(path.parent):
        return path.parent / name
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "auricle" / f"{path.name}-{rate_hz}-{hashlib.sha256(os.fsencode(path)).hexdigest()[:8]}"


def _is_writable(folder: Path) -> bool:
    """Whether files may be made here. A folder without any write permission counts as not, even for root."""
    mode = folder.stat().st_mode
    return bool(mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH)) and os.access(folder, os.W_OK)
