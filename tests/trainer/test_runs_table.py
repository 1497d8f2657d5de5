"""The table of runs: conditions, order, cells."""

from __future__ import annotations

import pytest

from auricle_shared.errors import SettingsError
from auricle_trainer.record.table import as_text, filtered, ordered

ROWS = [
    {"run": "runs/a", "config": "gru", "validation": 0.9, "dirty": True, "training.epochs": 20},
    {"run": "runs/b", "config": "tcn", "validation": None, "dirty": False, "training.epochs": 40},
    {"run": "runs/c", "config": "gru", "validation": 0.95, "dirty": False, "training.epochs": 9},
]


def names(rows: list[dict[str, object]]) -> str:
    return "".join(str(row["run"])[-1] for row in rows)


@pytest.mark.parametrize(
    ("conditions", "kept"),
    [
        ([], "abc"),
        (["config=gru"], "ac"),
        (["config!=gru"], "b"),
        (["validation>0.9"], "c"),
        (["validation >= 0.9", "training.epochs<20"], "c"),
        (["run~RUNS/B"], "b"),
        (["dirty=false"], "bc"),
    ],
)
def test_conditions(conditions: list[str], kept: str) -> None:
    assert names(filtered(ROWS, conditions)) == kept


def test_order_is_of_numbers_and_what_is_unknown_comes_last() -> None:
    assert names(ordered(ROWS, "validation")) == "acb" and names(ordered(ROWS, "-validation")) == "cab"
    assert names(ordered(ROWS, "training.epochs")) == "cab", "9 before 20: as numbers"


def test_mistakes_are_told_in_words() -> None:
    for wrong in ("config", "=gru", "speed=3"):
        with pytest.raises(SettingsError):
            filtered(ROWS, [wrong])
    with pytest.raises(SettingsError, match="no 'speed'"):
        ordered(ROWS, "speed")
    with pytest.raises(SettingsError, match="no 'speed'"):
        as_text(ROWS, ["run", "speed"])


def test_cells() -> None:
    lines = as_text(ROWS, ["run", "validation", "training.epochs"]).splitlines()
    assert lines[0].split() == ["run", "validation", "training.epochs"]
    assert lines[1].split() == ["runs/a", "90.00", "%", "20"] and lines[2].split() == ["runs/b", "-", "40"]
