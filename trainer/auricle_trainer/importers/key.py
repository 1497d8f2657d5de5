"""Whether it is still the same recordings: a cached pack is used again, and a cut import goes on, only if it is."""

from __future__ import annotations

import hashlib
import json
import os

from .recording import Recording
from .source import Source

KEY_VERSION = 1
"""Raise it when the same files would be imported differently"""


def cache_key(source: Source, rate_hz: int) -> str:
    """SHA-256 over everything the pack depends on: the listing, each file's size and time, the rate."""
    rows = sorted(json.dumps(_row(r)) for r in source.recordings)
    head = f"{KEY_VERSION} {source.kind} {rate_hz}"
    return hashlib.sha256("\n".join([head, *rows]).encode()).hexdigest()


def _row(recording: Recording) -> list[object]:
    values: list[object] = [
        getattr(recording, name) for name in ("source", "labels", "split", "fold", "speaker", "group")
    ]
    values += [recording.start_seconds, recording.end_seconds, recording.rate_hz]
    if recording.samples is not None:
        return [*values, hashlib.sha256(recording.samples.tobytes()).hexdigest()]
    try:
        status = os.stat(recording.path or "")
    except OSError:
        return [*values, None]
    return [*values, status.st_size, status.st_mtime_ns]
