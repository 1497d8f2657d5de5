"""The studies run, in their quick form, on the real recordings."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from auricle_trainer.study import STUDIES, plan, table


@pytest.mark.parametrize("name", sorted(STUDIES))
def test_a_study_runs_and_counts_the_held_out_clips(
    name: str, auricle_data: Path, run_auricle: Callable[..., CompletedProcess[str]], tmp_path: Path
) -> None:
    arguments = ["study", name, "--data", auricle_data, "--out", tmp_path, "--config", "tiny", "--quick"]
    done = run_auricle(*map(str, arguments), "--json", str(tmp_path / "figures.json"))
    assert done.returncode == 0, done.stderr
    (row,) = json.loads((tmp_path / "figures.json").read_text())["rows"]
    # Facts of the published sets: 300 test digits, 500 of each speaker, 80 clips a fold, 846 clips of the val speakers.
    assert row["n"] == {"fsdd": 300, "fsdd-speakers": 500, "esc10": 80, "speech-commands": 846}[name]
    assert f"{row['correct']} of {row['n']}" in done.stdout


def test_every_value_is_held_out_once_and_seeds_differ() -> None:
    folds = [job.evaluate[1] for job in plan(STUDIES["esc10"], seeds=3)]
    assert folds == [f"fold={k}" for k in range(1, 6)]
    assert [job.train[1] for job in plan(STUDIES["fsdd"], seeds=3)] == ["0", "1", "2"]


def test_the_table_pools_clips_and_spreads_runs() -> None:
    rows = [
        {"run": r, "n": 100, "correct": c, "accuracy": c / 100, "stream_accuracy": c / 100, "interval_95": [0, 1]}
        | {"seconds": 1}
        for r, c in (("a", 90), ("b", 94))
    ]
    last = table(rows).splitlines()[-1]
    assert "184 of 200" in last and "92.00 ± 2.83" in last
