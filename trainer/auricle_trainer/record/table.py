"""Runs as a table: filtered, sorted, as wide as it must be."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

from auricle_shared.errors import SettingsError

from .figures import as_cell

COLUMNS = ("run", "began", "state", "config", "data", "seed", "epochs", "parameters", "validation", "test", "commit")
CONDITION = re.compile(r"\s*([\w.]+)\s*(<=|>=|!=|=|<|>|~)\s*(.*?)\s*")
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}

Row = dict[str, Any]


def filtered(rows: Sequence[Row], conditions: Sequence[str]) -> list[Row]:
    """The rows that fulfil all conditions: 'config=gru', 'validation>0.9', 'run~digits' (contains).

    A row that does not know the value fulfils none. Settings of the config go by their full name, 'training.epochs>20'.

    Raises:
        SettingsError: no condition, or a name that no row has.
    """
    kept = list(rows)
    for condition in conditions:
        found = CONDITION.fullmatch(condition)
        if found is None:
            raise SettingsError(f"--where {condition}: wanted NAME=VALUE, or with !=, <, >, <=, >= or ~ (contains).")
        name, sign, wanted = found.groups()
        _check(name, rows)
        kept = [row for row in kept if _fulfils(row.get(name), sign, wanted)]
    return kept


def ordered(rows: Sequence[Row], key: str) -> list[Row]:
    """By one column, '-column' the other way round; rows without the value come last.

    Raises SettingsError for a name that no row has.
    """
    name = key.lstrip("-")
    _check(name, rows)
    known = [row for row in rows if row.get(name) is not None]
    mixed = len({isinstance(row[name], int | float) for row in known}) > 1
    known.sort(key=lambda row: str(row[name]) if mixed else row[name], reverse=key.startswith("-"))
    return known + [row for row in rows if row.get(name) is None]


def as_text(rows: Sequence[Row], columns: Sequence[str]) -> str:
    """Raises SettingsError for a column that no row has."""
    for name in columns:
        _check(name, rows)
    cells = [list(columns), *([as_cell(name, row.get(name)) for name in columns] for row in rows)]
    wide = [max(len(line[k]) for line in cells) for k in range(len(columns))]
    right = [any(isinstance(row.get(name), int | float) for row in rows) for name in columns]
    return "\n".join(
        "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(line, wide, right, strict=True)).rstrip()
        for line in cells
    )


def _check(name: str, rows: Sequence[Row]) -> None:
    known = sorted({key for row in rows for key in row})
    if rows and name not in known:
        plain = [key for key in known if "." not in key]
        raise SettingsError(f"Runs have no {name!r}. Known: {', '.join(plain)}, and settings such as training.epochs.")


def _fulfils(value: Any, sign: str, wanted: str) -> bool:
    if value is None:
        return False
    if sign == "~":
        return wanted.lower() in str(value).lower()
    if isinstance(value, bool):
        return COMPARE[sign](str(value).lower(), wanted.lower())
    if isinstance(value, int | float):
        try:
            return COMPARE[sign](value, float(wanted))
        except ValueError:
            return COMPARE[sign](str(value), wanted)
    return COMPARE[sign](str(value), wanted)
