"""What happened once, in plain types."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

KINDS = ("commit", "data", "run", "evaluation", "export", "note")


@dataclass(frozen=True)
class Picture:
    name: str
    data_url: str
    """the image itself, 'data:image/png;base64,...'"""


@dataclass(frozen=True)
class Entry:
    """One line of the timeline."""

    time: datetime
    """with its zone"""
    kind: str
    """one of KINDS"""
    title: str
    facts: dict[str, str] = field(default_factory=dict)
    """name -> value as a person reads it, in the order to be shown"""
    details: dict[str, str] = field(default_factory=dict)
    """heading -> text that is opened on demand: differences, what a commit changed"""
    pictures: tuple[Picture, ...] = ()
    run: str = ""
    """the run it belongs to, below the folder of runs"""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind {self.kind!r}")

    def to_dict(self) -> dict[str, Any]:
        """Without pictures and details."""
        time = self.time.isoformat(timespec="seconds")
        return {"time": time, "kind": self.kind, "title": self.title, "run": self.run, **self.facts}


def in_order(entries: list[Entry]) -> list[Entry]:
    """The oldest first; of one second, in the order of KINDS."""
    return sorted(entries, key=lambda e: (e.time, KINDS.index(e.kind)))
