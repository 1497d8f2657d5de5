"""The timeline as one page that asks nothing of any host and runs no script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from importlib.resources import files
from itertools import groupby

from .entry import KINDS, Entry
from .gather import Timeline

MANY_COMMITS = 4
"""so many in a row are folded into one line"""

Group = list[Entry]


def as_page(found: Timeline, name: str, made: datetime) -> str:
    """
    Args:
        name: of the project.
        made: when, in the zone in which all times are shown.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["local"] = lambda time, form: time.astimezone(made.tzinfo).strftime(form)
    template = environment.from_string((files(__package__) / "page.html").read_text(encoding="utf-8"))
    days = [(day, list(groups(list(of_day)))) for day, of_day in groupby(found.entries, key=lambda e: _day(e, made))]
    present = [kind for kind in KINDS if any(e.kind == kind for e in found.entries)]
    return template.render(days=days, left_out=found.left_out, name=name, made=made, kinds=present)


def groups(entries: Sequence[Entry]) -> Iterator[Group]:
    """Each entry alone, but many commits in a row together."""
    for kind, in_a_row in groupby(entries, key=lambda e: e.kind):
        row = list(in_a_row)
        if kind == "commit" and len(row) >= MANY_COMMITS:
            yield row
        else:
            yield from ([entry] for entry in row)


def _day(entry: Entry, made: datetime) -> str:
    return entry.time.astimezone(made.tzinfo).strftime("%A, %d %B %Y")
