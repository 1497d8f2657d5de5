"""Files of JSON lines: what was written is read, and a crash costs one line at most."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from auricle_shared.json_lines import append_line, now, read_lines

VALUES = st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text()))


@given(st.lists(VALUES, max_size=5))
def test_what_is_written_is_read(tmp_path_factory, lines) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path_factory.mktemp("lines") / "deep" / "notes.jsonl"
    for values in lines:
        append_line(path, values)
    assert read_lines(path) == lines


def test_a_line_that_a_crash_cut_short_is_left_out_and_swallows_nothing(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    append_line(path, {"a": 1})
    with open(path, "ab") as file:
        file.write(b'{"b": 2, "c')
    append_line(path, {"d": 3})
    assert read_lines(path) == [{"a": 1}, {"d": 3}]


def test_times_are_in_utc_and_read_back(tmp_path: Path) -> None:
    assert abs((datetime.now(UTC) - datetime.fromisoformat(now())).total_seconds()) < 60
    assert read_lines(tmp_path / "none.jsonl") == []
