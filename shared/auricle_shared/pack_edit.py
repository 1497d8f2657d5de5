"""The same audio under another index: a pack with clips left out or labelled otherwise, without a second copy of sound.

audio.i16 of the new pack is a hard link to the old one's where the disk allows it, else a copy. Neither is ever written
to again: packs are replaced, not changed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from .errors import DataError
from .files import aside
from .pack import Pack
from .pack_clip import write_index
from .pack_writer import check_free, describe, put_in_place, write_info


def write_edited(
    pack: Pack,
    path: Path,
    drop: Collection[int],
    relabel: Mapping[int, tuple[str, ...]],
    overwrite: bool = False,
    files: Mapping[str, str] | None = None,
    **info: Any,
) -> Pack:
    """Write the pack without the clips in `drop` and with other labels for those in `relabel`.

    Args:
        files: name -> text of further files in the pack.
        info: further entries for dataset.json.

    Raises:
        DataError: nothing left, the place is taken, or it cannot be written.
    """
    if path.resolve() == pack.path.resolve():
        raise DataError(f"{path} is the pack itself. Give another place, so that before and after can be compared.")
    check_free(path, overwrite)
    clips = [replace(c, labels=relabel.get(i, c.labels)) for i, c in enumerate(pack.clips) if i not in drop]
    if not clips:
        raise DataError(f"All {len(pack)} clips of {pack.path} would be dropped. Nothing was written.")
    folder = aside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir()
        _same_audio(pack.path / "audio.i16", folder / "audio.i16")
        write_index(folder / "index.csv", clips)
        for name, text in (files or {}).items():
            (folder / name).write_text(text, encoding="utf-8")
        kept = {key: value for key, value in pack.info.items() if key not in ("cache_key", "fingerprint")}
        write_info(folder, {**kept, **describe(clips, pack.rate_hz), **info})
        put_in_place(folder, path)
    except OSError as error:
        raise DataError(f"{path} could not be written: {error.strerror or error}. Nothing was changed.") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Pack.open(path)


def _same_audio(source: Path, target: Path) -> None:
    try:
        os.link(source.resolve(), target)
    except OSError:  # another disk, or one without links
        shutil.copyfile(source, target)
        with open(target, "rb") as file:
            os.fsync(file.fileno())
