"""Our short way to an entry point finds what the standard library's long one finds."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import pytest

from auricle_shared.entry_points import load_entry_point


def test_finds_every_command_that_is_installed() -> None:
    points = [p for p in entry_points(group="auricle.commands") if p.name in ("listen", "devices", "inspect", "bench")]
    assert len(points) == 4
    for point in points:
        assert load_entry_point(point.group, point.name) is point.load()


def test_finds_what_is_not_ours() -> None:
    """Another package's entry point, which only the standard library finds."""
    found = load_entry_point("pytest11", "timeout") or load_entry_point("pytest11", "hypothesispytest")
    assert found is not None


def test_first_on_the_path_wins_and_comments_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "auricle_extra-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text(
        "[other.group]\nlisten = os:sep\n\n[auricle.commands]\n# a = os:nothing\nlisten= os.path : join \n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import os

    assert load_entry_point("auricle.commands", "listen") is os.path.join


def test_nothing_is_none() -> None:
    assert load_entry_point("auricle.commands", "no such command") is None
    assert load_entry_point("no.such.group", "listen") is None
