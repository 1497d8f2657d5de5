"""Events as JSON, a line each, for programs.

{"phase": "on", "label": "doorbell", "onset_seconds": 12.34, "score": 0.97}
{"phase": "off", "label": "doorbell", "onset_seconds": 12.34, "score": 0.99, "offset_seconds": 13.1}
"""

from __future__ import annotations

import json
from typing import TextIO

from auricle_shared.events import Event

from . import Sink


class JsonLines(Sink):
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def event(self, event: Event) -> None:
        self._stream.write(json.dumps(event.to_dict()) + "\n")
        self._stream.flush()
