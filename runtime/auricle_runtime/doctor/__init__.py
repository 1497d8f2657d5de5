"""What is right and wrong with this machine as a listener; each finding says what to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Level = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    topic: str
    level: Level
    found: str
    todo: str = ""
    """empty only where all is well"""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)
