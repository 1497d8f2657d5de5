"""Events as JSON, a line each, for programs. So are gaps in what was heard, and a source that is away.

{"phase": "on", "label": "doorbell", "onset_seconds": 12.34, "score": 0.97, "onset_utc": "2026-11-23T08:14:08.123Z"}
{"phase": "off", "label": "doorbell", ..., "offset_seconds": 13.1, ..., "offset_utc": "2026-11-23T08:14:08.883Z"}
{"phase": "lost", "reason": "The microphone USB is gone ...", "utc": "2026-11-23T08:15:00.000Z"}
{"phase": "gap", "reason": "the microphone was away", "at_seconds": 70.2, "lost_seconds": 5.31}
"""

from __future__ import annotations

import json
import time
from typing import Any

from ..sources import Gap
from . import HeardEvent, Sink, iso_utc
from .writer import Writer


class JsonLines(Sink):
    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def event(self, event: HeardEvent) -> None:
        self._write(event.to_dict())

    def lost(self, reason: str) -> None:
        self._write({"phase": "lost", "reason": reason, "utc": iso_utc(time.time())})

    def gap(self, gap: Gap, at_seconds: float) -> None:
        lost = round(gap.lost_seconds, 3)
        self._write({"phase": "gap", "reason": gap.reason, "at_seconds": round(at_seconds, 3), "lost_seconds": lost})

    def close(self) -> None:
        self._writer.close()

    def _write(self, values: dict[str, Any]) -> None:
        self._writer.write(json.dumps(values) + "\n")
