"""What kind of source a path is, and the recordings it lists."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from auricle_shared.errors import DataError
from auricle_shared.pack import is_pack

from . import esc, folder, fsdd, manifest, pickled, speech_commands
from .recording import Recording, subfolders

KINDS = ("folder", "csv", "pickle", "speech-commands", "esc", "fsdd")
DETECT = {
    "csv": manifest.recognises,
    "esc": esc.recognises,
    "fsdd": fsdd.recognises,
    "speech-commands": speech_commands.recognises,
    "pickle": pickled.recognises,
    "folder": folder.recognises,
}
"""In the order in which they are asked: a manifest says most, plain class folders least"""
OFFICIAL = ("esc", "fsdd", "speech-commands")
WANTED = "Wanted: a folder of class folders, a folder with manifest.csv, a .csv manifest or a .pkl file."
ARCHIVES = (".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".7z", ".rar")


@dataclass(frozen=True)
class Source:
    """A source that was looked through."""

    path: Path
    kind: str
    recordings: list[Recording] = field(repr=False)
    licence: str = ""


def detect(path: Path) -> tuple[Path, str]:
    """The kind of a source, and where it begins: an unpacked archive often is one folder in a folder.

    Raises:
        DataError: nothing there, a pack, or nothing that any importer knows.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist. {WANTED}")
    if is_pack(path):
        raise DataError(f"{path} is a pack already: give it to --data as it is.")
    if path.is_file() and path.suffix.lower() in ARCHIVES:
        raise DataError(f"{path} is an archive: unpack it and import the folder.")
    if path.is_dir() and not any(path.iterdir()):
        raise DataError(f"{path} is empty. {WANTED}")
    inner = [p for p in path.iterdir() if not p.name.startswith(".")] if path.is_dir() else []
    if len(inner) == 1 and inner[0].is_dir() and not DETECT["csv"](path):
        for kind in ("csv", *OFFICIAL):
            if DETECT[kind](inner[0]):
                return inner[0], kind
    for kind, recognises in DETECT.items():
        if recognises(path):
            return path, kind
    raise DataError(f"{path} holds nothing to import: {_seen(path)}. {WANTED}")


def open_source(path: Path, kind: str = "auto", pickle_rate_hz: int | None = None, only_esc10: bool = False) -> Source:
    """List the recordings of a source.

    Args:
        kind: one of KINDS, or 'auto'.
        pickle_rate_hz: sample rate of a pickle that says none.
        only_esc10: of ESC-50 only the clips of ESC-10.

    Raises:
        DataError: nothing there, or not the layout of that kind.
    """
    path, found = detect(path) if kind == "auto" else (path, kind)
    if not path.exists():
        raise DataError(f"{path} does not exist. {WANTED}")
    try:
        recordings, licence = _list(path, found, pickle_rate_hz, only_esc10)
    except (NotADirectoryError, FileNotFoundError) as error:
        raise DataError(f"{path} is not of the kind {found}: {error}.") from error
    if not recordings:
        raise DataError(f"{path}, taken as {found}, holds no recordings: {_seen(path)}. {WANTED}")
    return Source(path, found, recordings, licence)


def _list(path: Path, kind: str, pickle_rate_hz: int | None, only_esc10: bool) -> tuple[list[Recording], str]:
    if kind == "folder":
        return folder.recordings(path), ""
    if kind == "csv":
        return manifest.recordings(path), ""
    if kind == "pickle":
        return pickled.recordings(path, pickle_rate_hz), ""
    if kind == "esc":
        return esc.recordings(path, only_esc10), esc.licence(path, only_esc10)
    if kind == "fsdd":
        return fsdd.recordings(path), fsdd.LICENCE
    return speech_commands.recordings(path), speech_commands.LICENCE


def _seen(path: Path) -> str:
    if path.is_file():
        return f"a file with the ending '{path.suffix}'"
    files = [p for p in path.iterdir() if p.is_file()]
    folders = subfolders(path)
    return f"{len(files)} files and {len(folders)} folders" + (", none of which holds recordings" if folders else "")
