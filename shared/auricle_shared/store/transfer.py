"""Pushing a file or folder into a store, and pulling it by its address; both go on where they were stopped."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ..errors import DataError
from ..files import sync_folder
from .manifest import KEY, PIECE_BYTES, Manifest, Piece, StoredFile, sha256
from .objects import ObjectStore

LONGEST_MANIFEST_BYTES = 64 << 20
OBJECTS, MANIFESTS = "objects", "manifests"
Told = Callable[[int, int], None]
"""bytes done, bytes of all"""


@dataclass(frozen=True)
class Pushed:
    address: str
    sent_bytes: int
    all_bytes: int


def push(path: Path, url: str, verify: bool = False, told: Told = lambda done, total: None) -> Pushed:
    """Copy a file or folder into the store; the pieces that are there already are not sent again.

    Args:
        verify: read those back, and send them again where they are damaged.

    Raises:
        DataError: nothing there, a link or a device among the files, or a store that does not answer.
    """
    files, store = plain_files(path), ObjectStore(url)
    total = sum(file.stat().st_size for file in files.values())
    done = sent = 0
    stored = []
    for name, file in files.items():
        pieces = []
        for data in pieces_of(file):
            piece = Piece(sha256(data), len(data))
            if not _there(store, piece, verify):
                store.write(OBJECTS, piece.key, data)
                sent += len(data)
            pieces.append(piece)
            done += len(data)
            told(done, total)
        stored.append(StoredFile(name, tuple(pieces)))
    manifest = Manifest(tuple(stored))
    store.write(MANIFESTS, manifest.key, manifest.to_bytes())
    return Pushed(f"{store.url}/{manifest.key}", sent, manifest.size_bytes)


def pull(address: str, path: Path, told: Told = lambda done, total: None) -> Manifest:
    """Fetch what `address` names into `path`, which must not be there yet, or hold the very same.

    Every piece is checked against its hash. What an interrupted pull has brought stays beside `path` and is used again.

    Raises:
        DataError: no such address, a damaged object, other files at `path`.
    """
    url, _, key = address.rstrip("/").rpartition("/")
    if not url or not KEY.fullmatch(key):
        raise DataError(f"{address} is no address: wanted STORE/ and 64 hex digits, as 'auricle push' prints it.")
    store = ObjectStore(url)
    manifest = Manifest.from_bytes(store.read(MANIFESTS, key, LONGEST_MANIFEST_BYTES), address)
    if path.exists():
        if described(path).key != key:
            raise DataError(f"{path} is already there, with other content. Nothing was written.")
        return manifest
    partial = path.with_name(f".{path.name}.{key[:12]}.partial")
    done = 0
    for file in manifest.files:
        target = partial if manifest.one_file else partial / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target, "r+b" if target.is_file() else "w+b") as stream:
            for piece in file.pieces:
                _fill(stream, piece, store)
                done += piece.size_bytes
                told(done, manifest.size_bytes)
            stream.truncate()
            stream.flush()
            os.fsync(stream.fileno())
    os.replace(partial, path)
    sync_folder(path.parent)
    return manifest


def described(path: Path) -> Manifest:
    """The manifest that `path` would be pushed with."""
    return Manifest(
        tuple(
            StoredFile(name, tuple(Piece(sha256(data), len(data)) for data in pieces_of(file)))
            for name, file in plain_files(path).items()
        )
    )


def plain_files(path: Path) -> dict[str, Path]:
    """The files of a folder by their path in it, in order; a single file under the empty name."""
    if path.is_file():
        return {"": path}
    if not path.is_dir():
        raise DataError(f"{path} does not exist. Wanted: a pack, a model.onnx or another file or folder.")
    found = sorted(p for p in path.rglob("*") if not p.is_dir() and not p.name.endswith(".partial"))
    for file in found:
        if file.is_symlink() or not file.is_file():
            raise DataError(f"{file} is a link or no plain file; only plain files are pushed. Copy its content there.")
    if not found:
        raise DataError(f"{path} holds no files.")
    return {file.relative_to(path).as_posix(): file for file in found}


def pieces_of(file: Path) -> Iterator[bytes]:
    with open(file, "rb") as stream:
        while data := stream.read(PIECE_BYTES):
            yield data


def _there(store: ObjectStore, piece: Piece, verify: bool) -> bool:
    if not store.holds(OBJECTS, piece.key, piece.size_bytes):
        return False
    try:
        if verify:
            store.read(OBJECTS, piece.key, piece.size_bytes)
    except DataError:
        return False
    return True


def _fill(stream: IO[bytes], piece: Piece, store: ObjectStore) -> None:
    """Make the next piece right in a file that an interrupted pull may have left."""
    begin = stream.tell()
    if sha256(stream.read(piece.size_bytes)) != piece.key:
        stream.seek(begin)
        stream.write(store.read(OBJECTS, piece.key, piece.size_bytes))
