"""What one pushed thing consists of: files, and the pieces of each in order."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

from ..errors import DataError

FORMAT = 1
PIECE_BYTES = 8 << 20
"""Longest piece: what an interrupted transfer sends again, and what is held in memory"""
KEY = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Piece:
    key: str
    """SHA-256, 64 hex digits"""
    size_bytes: int

    def __post_init__(self) -> None:
        if not KEY.fullmatch(self.key) or not 0 < self.size_bytes <= PIECE_BYTES:
            raise DataError(f"a piece {self.key[:80]!r} of {self.size_bytes} bytes")


@dataclass(frozen=True)
class StoredFile:
    path: str
    """below the folder, with slashes; empty where the thing is one file"""
    pieces: tuple[Piece, ...]

    def __post_init__(self) -> None:
        parts = PurePosixPath(self.path).parts
        if self.path and (
            str(PurePosixPath(*parts)) != self.path or {"..", "/"} & {*parts} or set(self.path) & {*"\\:\0"}
        ):
            raise DataError(f"the path {self.path!r}, which may lead out of the folder")

    @property
    def size_bytes(self) -> int:
        return sum(piece.size_bytes for piece in self.pieces)


@dataclass(frozen=True)
class Manifest:
    files: tuple[StoredFile, ...]

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    @property
    def one_file(self) -> bool:
        return [file.path for file in self.files] == [""]

    @property
    def key(self) -> str:
        return sha256(self.to_bytes())

    def to_bytes(self) -> bytes:
        """Canonical JSON: the same files give the same bytes, and so the same address."""
        values = {"format": FORMAT, "files": [asdict(file) for file in sorted(self.files, key=lambda f: f.path)]}
        return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    @classmethod
    def from_bytes(cls, data: bytes, where: str) -> Manifest:
        """Raises DataError: another format, damaged, or paths that lead out of the folder."""
        try:
            values = json.loads(data)
            if values["format"] != FORMAT:
                raise DataError(f"format {values['format']}, and this version of Auricle reads {FORMAT}")
            return cls(tuple(_file(table) for table in values["files"]))
        except (DataError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"The manifest {where} is refused: it has {error}. Push the thing again.") from error


def _file(table: dict[str, Any]) -> StoredFile:
    return StoredFile(str(table["path"]), tuple(Piece(str(p["key"]), int(p["size_bytes"])) for p in table["pieces"]))


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
