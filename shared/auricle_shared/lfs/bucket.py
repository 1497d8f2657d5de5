"""LFS objects in a bucket: s3://BUCKET/PREFIX/OID, where the OID is the SHA-256 of the content."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from ..errors import DataError, SettingsError

CHUNK_BYTES = 1 << 20
CONNECT_SECONDS, READ_SECONDS, ATTEMPTS = 10, 60, 3
Told = Callable[[int], None]
"""bytes of the object since the last call"""


class Bucket:
    def __init__(self, url: str) -> None:
        """Raises SettingsError: not s3://BUCKET/PREFIX, or boto3 is not installed."""
        place = urlsplit(url)
        if place.scheme != "s3" or not place.netloc:
            raise SettingsError(f"{url} is no bucket; wanted s3://BUCKET/PREFIX.")
        try:
            import boto3
            from botocore.config import Config
        except ImportError as error:
            raise SettingsError(f"S3 needs boto3 ({error}): pip install 'auricle-shared[lfs]'.") from error
        retries = {"max_attempts": ATTEMPTS, "mode": "standard"}
        config = Config(connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, retries=retries)
        self._client = boto3.client("s3", config=config)
        self._bucket, self._prefix = place.netloc, place.path.strip("/")

    def upload(self, oid: str, file: Path, told: Told) -> None:
        """Send the file; one that is there already, in its full length, is not sent again.

        Raises:
            DataError: the file is not what its OID says.
        """
        if sha256_of(file) != oid:
            raise DataError(f"{file} is corrupted: it is not what its hash {oid} says. Nothing was sent.")
        if self._size(oid) == file.stat().st_size:
            told(file.stat().st_size)
            return
        self._client.upload_file(str(file), self._bucket, self._key(oid), Callback=told)

    def download(self, oid: str, file: Path, told: Told) -> None:
        """Fetch into `file`, going on where an interrupted download left it.

        Raises:
            DataError: what is in the bucket is not what its name says; `file` is then removed.
        """
        have = file.stat().st_size if file.is_file() else 0
        size = self._size(oid)
        if size is None:
            raise DataError(f"s3://{self._bucket}/{self._key(oid)} is not there.")
        told(min(have, size))
        if have < size:
            part = self._client.get_object(Bucket=self._bucket, Key=self._key(oid), Range=f"bytes={have}-")
            with open(file, "ab") as stream:
                for data in part["Body"].iter_chunks(CHUNK_BYTES):
                    stream.write(data)
                    told(len(data))
        if sha256_of(file) != oid:
            file.unlink()
            raise DataError(
                f"s3://{self._bucket}/{self._key(oid)} is corrupted: its content has another hash than its name. "
                "Delete the object and push again from a clone that has it."
            )

    def _key(self, oid: str) -> str:
        return f"{self._prefix}/{oid}" if self._prefix else oid

    def _size(self, oid: str) -> int | None:
        from botocore.exceptions import ClientError

        try:
            return int(self._client.head_object(Bucket=self._bucket, Key=self._key(oid))["ContentLength"])
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
                return None
            raise


def sha256_of(file: Path) -> str:
    if not file.is_file():
        return ""
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
