"""The transfer agent: git-lfs asks in lines of JSON on standard input and is answered on standard output.

The protocol is git-lfs's own, docs/custom-transfers.md in its repository.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ..errors import DataError
from .bucket import Bucket

OID = re.compile(r"[0-9a-f]{64}")
Answer = Callable[[dict[str, Any]], None]


def serve(lines: Iterable[str], answer: Answer, bucket: Bucket, incomplete: Path) -> None:
    """Answer git-lfs until it says terminate.

    Args:
        incomplete: folder for downloads on their way, on the file system of git-lfs's own objects.
    """
    for line in lines:
        asked = json.loads(line)
        if asked["event"] == "terminate":
            return
        if asked["event"] == "init":
            answer({})
        else:
            answer(_transfer(asked, answer, bucket, incomplete))


def _transfer(asked: dict[str, Any], answer: Answer, bucket: Bucket, incomplete: Path) -> dict[str, Any]:
    """The closing answer to one upload or download; a failed one is told to git-lfs, which goes on with the next."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    oid, done = str(asked["oid"]), 0

    def told(since: int) -> None:
        nonlocal done
        done += since
        answer({"event": "progress", "oid": oid, "bytesSoFar": done, "bytesSinceLast": since})

    complete = {"event": "complete", "oid": oid}
    try:
        if not OID.fullmatch(oid):
            raise DataError(f"{oid[:80]!r} is no SHA-256.")
        if asked["event"] == "upload":
            bucket.upload(oid, Path(asked["path"]), told)
            return complete
        incomplete.mkdir(parents=True, exist_ok=True)
        file = incomplete / f"{oid}.auricle"
        bucket.download(oid, file, told)
        return {**complete, "path": str(file.absolute())}
    except (DataError, OSError, BotoCoreError, ClientError, Boto3Error) as error:
        return {**complete, "error": {"code": 1, "message": str(error)}}
