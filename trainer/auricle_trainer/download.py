"""A downloader for pooch that goes on where it was broken off, and unpacking that stays inside its folder."""

from __future__ import annotations

import lzma
import os
import shutil
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

from auricle_shared.errors import DataError

CHUNK_BYTES = 1 << 16
ATTEMPTS = 5
"""Tries in a row that bring nothing new before giving up"""
TIMEOUT_SECONDS = 30.0
DAMAGED = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, OSError)
"""What the archive readers raise; RuntimeError: a zip's password or compression is not known. OSError: see `unpack`."""


class ResumingDownloader:
    """Downloads into `partial`, and asks for the rest of it (HTTP Range) after a break, in this call or a later one.

    The server's ETag (or date) is kept beside it, so that the rest of another version is never appended. A server
    that cannot resume sends the whole file again, and the download starts anew.
    """

    def __init__(
        self,
        partial: Path,
        progress: Callable[[int, int], object] = lambda done, total: None,
        wait_seconds: float = 1.0,
    ) -> None:
        self._partial, self._progress, self._wait_seconds = partial, progress, wait_seconds
        self._validator = partial.with_name(partial.name + ".etag")

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        """pooch's interface: bring `url` into `output_file`.

        Raises:
            DataError: the server refuses, or the connection broke too often; what came is kept for the next time.
        """
        import requests

        failures = 0
        while True:
            before = self._size()
            try:
                if self._attempt(url):
                    break
                reason = "the connection ended early"
            except requests.HTTPError as error:
                raise DataError(f"{url} cannot be fetched: {error}. --url names another place.") from error
            except requests.RequestException as error:
                reason = str(error)
            failures = 0 if self._size() > before else failures + 1
            if failures >= ATTEMPTS:
                raise DataError(
                    f"{url} broke off {failures} times in a row, {self._size() / 1e6:.1f} MB are here ({reason}). "
                    "Type the same command again: it goes on from there."
                )
            time.sleep(self._wait_seconds * failures)
        os.replace(self._partial, output_file)
        self._validator.unlink(missing_ok=True)

    def _size(self) -> int:
        return self._partial.stat().st_size if self._partial.exists() else 0

    def _attempt(self, url: str) -> bool:
        """One connection; True when the file is complete."""
        import requests

        have = self._size()
        headers = {"Accept-Encoding": "identity"}  # lengths and ranges count the bytes of the file itself
        if have:
            headers["Range"] = f"bytes={have}-"
            if self._validator.exists():
                headers["If-Range"] = self._validator.read_text()
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS) as answer:
            if answer.status_code == 416:  # nothing is left to send, or the file there is another one
                if answer.headers.get("Content-Range", "").rpartition("/")[2] == str(have):
                    return True
                self._partial.unlink()
                return False
            answer.raise_for_status()
            resumed = answer.headers.get("Content-Range", "").startswith(f"bytes {have}-") and answer.status_code == 206
            start = have if resumed else 0
            length = int(answer.headers.get("Content-Length") or 0)
            self._remember(answer.headers)
            with open(self._partial, "ab" if resumed else "wb") as file:
                for chunk in answer.iter_content(CHUNK_BYTES):
                    file.write(chunk)
                    self._progress(file.tell(), start + length)
            return not length or self._size() == start + length

    def _remember(self, headers: Any) -> None:
        validator = headers.get("ETag") or headers.get("Last-Modified") or ""
        if validator and not validator.startswith("W/"):  # a weak tag does not promise the same bytes
            self._validator.write_text(validator)
        else:
            self._validator.unlink(missing_ok=True)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip or tar archive into the new `folder`; a single folder inside it is taken as the whole.

    Raises:
        DataError: no such archive, one that is damaged, or one with a path or link that leaves the folder.
    """
    folder.mkdir(parents=True)
    try:
        for name, source in _members(archive):
            target = folder / _inside(name, archive)
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(target, "wb") as file:
                shutil.copyfileobj(source, file)
    except DAMAGED as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's: gzip's and bzip2's own carry no number
        raise DataError(f"{archive} is damaged or no archive ({error}); it was removed.") from error
    inner = list(folder.iterdir())
    if len(inner) == 1 and inner[0].is_dir():
        lifted = folder.with_name(folder.name + ".inner")
        inner[0].rename(lifted)
        folder.rmdir()
        lifted.rename(folder)


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Name and content of every file; folders are made as needed."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            for info in opened.infolist():
                if info.is_dir():
                    continue
                with opened.open(info) as source:
                    yield info.filename, source
        return
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isdir():
                continue
            content = tar.extractfile(member) if member.isreg() else None
            if content is None:
                raise DataError(f"{archive} holds {member.name!r}, which is a link or a device. It was not unpacked.")
            yield member.name, content
        while tar.fileobj is not None and tar.fileobj.read(CHUNK_BYTES):
            pass  # a compressed file's checksum stands at its end, behind what tar reads


def _inside(name: str, archive: Path) -> Path:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        raise DataError(f"{archive} holds the path {name!r}, which leaves its folder. It was not unpacked.")
    return Path(path)
