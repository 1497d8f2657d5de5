"""Finding an installed part of Auricle by its entry point, at the price of reading one small file.

`importlib.metadata` does the same for every package there is and loads an e-mail parser and zip files for it: 50 of the
200 ms that a listening device takes from start to first score. It is asked only about what our own parts do not have.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

OWN_PARTS = "auricle_*.dist-info/entry_points.txt"


def load_entry_point(group: str, name: str) -> Any | None:
    """The object behind entry point `name` of `group`, imported now, or None where nobody offers it."""
    for folder in sys.path:
        for file in Path(folder or ".").glob(OWN_PARTS):
            target = _targets(file.read_text(encoding="utf-8"), group).get(name)
            if target is not None:
                module, _, attribute = target.partition(":")
                return getattr(import_module(module.strip()), attribute.strip())
    from importlib.metadata import entry_points

    for point in entry_points(group=group, name=name):
        return point.load()
    return None


def _targets(text: str, group: str) -> dict[str, str]:
    """`name = module:attribute` lines below `[group]`."""
    found: dict[str, str] = {}
    section = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            section = line.strip("[]")
        elif section == group and "=" in line:
            name, _, target = line.partition("=")
            found[name.strip()] = target.strip()
    return found
