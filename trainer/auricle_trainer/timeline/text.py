"""The timeline for a terminal: a line an entry."""

from __future__ import annotations

from .entry import KINDS, Entry

TOLD = 6
"""facts a line"""
WIDE = max(map(len, KINDS))


def as_line(entry: Entry) -> str:
    """For instance '2026-11-02 14:05  run         first  state finished, validation 97.32 %'; in local time."""
    time = entry.time.astimezone().strftime("%Y-%m-%d %H:%M")
    facts = ", ".join(f"{name} {_plain(value)}" for name, value in list(entry.facts.items())[:TOLD])
    title = f"{entry.run}: {entry.title}" if entry.kind == "note" else entry.title
    return f"{time}  {entry.kind:{WIDE}}  {_plain(title)}" + (f"  ({facts})" if facts else "")


def _plain(text: str) -> str:
    """One line, and nothing in it that a terminal obeys."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
