"""Bytes by their SHA-256, in whatever fsspec reaches: a folder, s3://bucket/prefix, memory://."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import DataError
from ..files import write_whole
from .manifest import sha256

INSTALL = "pip install 'auricle-shared[store]' (folders) or 'auricle-shared[s3]' (buckets too)"


class ObjectStore:
    """Objects below one URL. A key is the SHA-256 of what it names, so a read that was not refused is right."""

    def __init__(self, url: str) -> None:
        """Raises DataError: fsspec or the package for this kind of URL is not installed, or no such kind."""
        self.url = url.rstrip("/")
        try:
            from fsspec.core import url_to_fs
            from fsspec.implementations.local import LocalFileSystem

            # Another machine may push meanwhile: what was listed a moment ago says nothing.
            self._fs, self._root = url_to_fs(self.url, use_listings_cache=False)
        except ImportError as error:
            raise DataError(f"{url} cannot be opened ({error}). {INSTALL}.") from error
        except ValueError as error:
            raise DataError(f"{url} is no store: {error}. Wanted: a folder, or s3://BUCKET/PREFIX.") from error
        self._local = isinstance(self._fs, LocalFileSystem)

    def holds(self, kind: str, key: str, size_bytes: int) -> bool:
        """Whether an object of that name and length is there; its content is not looked at."""
        with self._words():
            try:
                return bool(self._fs.size(self._path(kind, key)) == size_bytes)
            except FileNotFoundError:
                return False

    def write(self, kind: str, key: str, data: bytes) -> None:
        """Whole or not at all."""
        with self._words():
            if self._local:
                write_whole(Path(self._path(kind, key)), lambda file: file.write(data))
            else:
                self._fs.pipe_file(self._path(kind, key), data)

    def read(self, kind: str, key: str, longest_bytes: int) -> bytes:
        """Raises DataError: not there, longer than `longest_bytes`, or another content than its name says."""
        with self._words():
            try:
                size_bytes = self._fs.size(self._path(kind, key))
                data: bytes = self._fs.cat_file(self._path(kind, key)) if size_bytes <= longest_bytes else b""
            except FileNotFoundError as error:
                raise DataError(f"{self.url}/{kind}/{key[:2]}/{key} is not there.") from error
        if sha256(data) != key:
            raise DataError(
                f"{self.url}/{kind}/{key[:2]}/{key} is corrupted: its content has another hash than its name. "
                "Nothing of it was used. Mend it with 'auricle push --verify' where the original is."
            )
        return data

    def _path(self, kind: str, key: str) -> str:
        return f"{self._root}/{kind}/{key[:2]}/{key}"

    @contextmanager
    def _words(self) -> Iterator[None]:
        try:
            yield
        except _errors() as error:
            raise DataError(f"{self.url} does not answer as a store: {str(error) or type(error).__name__}") from error


def _errors() -> tuple[type[Exception], ...]:
    """What a file system behind fsspec raises when it cannot be reached or says no."""
    try:
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        return (OSError,)
    return OSError, BotoCoreError, ClientError
