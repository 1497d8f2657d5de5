"""One line of `auricle verify`: what was checked, what came out, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Result = Literal["ok", "differs", "unknown"]
TOLD: dict[Result, str] = {"ok": "ok", "differs": "DIFFERS", "unknown": "cannot be checked"}


@dataclass(frozen=True)
class Check:
    name: str
    """'config', 'commit', 'labels', 'best.pt', ..."""
    result: Result
    words: str = ""
    """what was found and what was wanted, or why nothing can be said"""


def ok(name: str, words: str = "") -> Check:
    return Check(name, "ok", words)


def differs(name: str, words: str) -> Check:
    return Check(name, "differs", words)


def unknown(name: str, words: str) -> Check:
    return Check(name, "unknown", words)


def judged(name: str, faults: Sequence[str], good: str = "") -> Check:
    """`differs` with the first of the faults, which explains the others; `ok` without any."""
    return differs(name, faults[0]) if faults else ok(name, good)


def as_text(checks: Sequence[Check]) -> str:
    name, result = (max(len(text) for text in texts) for texts in ([c.name for c in checks], TOLD.values()))
    lines = [f"{c.name:{name}}  {TOLD[c.result]:{result}}  {c.words}".rstrip() for c in checks]
    bad = [c.name for c in checks if c.result == "differs"]
    open_ = sum(c.result == "unknown" for c in checks)
    verdict = f"DIFFERENT: {', '.join(bad)}" if bad else "VERIFIED"
    return "\n".join([*lines, verdict + (f" ({open_} cannot be checked)" if open_ else "")])
