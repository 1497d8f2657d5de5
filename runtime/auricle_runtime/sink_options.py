"""Which sinks the command line asks for."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class SinkOptions(NamedTuple):
    as_json: bool = False
    explain: bool = False
    scores: str | None = None
    """file for every frame's scores; '-' is standard output"""
    mqtt: tuple[str, ...] = ()
    mqtt_ca: Path | None = None
    webhook: tuple[str, ...] = ()
    exec_: tuple[str, ...] = ()
    save_clips: Path | None = None
    most_clips: int = 200
    most_megabytes: float = 200.0
    near_misses: float = 0.6
    """share of a threshold that is near; 0: none are saved"""

    @property
    def others(self) -> bool:
        """Somebody gets the events besides standard output."""
        return bool(self.mqtt or self.webhook or self.exec_ or self.save_clips)
