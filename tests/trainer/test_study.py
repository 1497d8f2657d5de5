"""The studies run, in their quick form, on the real recordings; their tables are what the runs say."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

from auricle_shared.pack import Pack
from auricle_trainer.checkpoint import load_checkpoint, restore, weights_hash
from auricle_trainer.study import STUDIES, plan, table
from auricle_trainer.study_enrolment import shots_and_rest
from auricle_trainer.study_ingredients import rows_of

Run = Callable[..., CompletedProcess[str]]


@pytest.mark.parametrize("name", sorted(STUDIES))
def test_a_study_runs_and_counts_the_held_out_clips(
    name: str, auricle_data: Path, run_auricle: Run, tmp_path: Path
) -> None:
    arguments = ["study", name, "--data", auricle_data, "--out", tmp_path, "--config", "tiny", "--quick"]
    done = run_auricle(*map(str, arguments), "--json", str(tmp_path / "figures.json"))
    assert done.returncode == 0, done.stderr
    (block,) = json.loads((tmp_path / "figures.json").read_text())["configs"]
    (row,) = block["rows"]
    # Facts of the published sets: 300 test digits, 500 of each speaker, 80 clips a fold, 846 clips of the val speakers.
    assert row["n"] == {"fsdd": 300, "fsdd-speakers": 500, "esc10": 80, "speech-commands": 846}[name]
    assert f"{row['correct']} of {row['n']}" in done.stdout


def test_every_value_is_held_out_once_and_seeds_differ() -> None:
    jobs = plan(STUDIES["esc10"], seeds=3)
    assert [job.clips for job in jobs] == [("--where", f"fold={k}") for k in range(1, 6)]
    assert [job.changes[1] for job in jobs] == [f'data.held_out_value="{k}"' for k in range(1, 6)]
    assert [job.seed for job in plan(STUDIES["fsdd"], seeds=3)] == [0, 1, 2]


def test_the_table_pools_clips_and_spreads_runs() -> None:
    shares = ("accuracy", "after_background_accuracy", "stream_accuracy")
    rows = [
        {"run": r, "n": 100, "correct": c, "interval_95": [0, 1], "seconds": 1} | dict.fromkeys(shares, c / 100)
        for r, c in (("a", 90), ("b", 94))
    ]
    last = table(rows).splitlines()[-1]
    assert "184 of 200" in last and last.count("92.00 ± 2.83") == 3


QUICK = ("--config", "tiny", "--set", "training.epochs=1", "--jobs", 1)


def test_streaming_trains_both_ways_and_counts_every_clip_in_every_way(
    made_data: Path, auricle_here: Run, tmp_path: Path
) -> None:
    arguments = ("study", "streaming", "--on", "fsdd", "--data", made_data, "--out", tmp_path / "runs", *QUICK)
    options = ("--seeds", 1, "--orders", 2, "--json", tmp_path / "figures.json")
    done = auricle_here(*arguments, *options)
    scenes, lonely = json.loads((tmp_path / "figures.json").read_text())["rows"]
    assert (scenes["trained_on"], lonely["trained_on"]) == ("scenes", "lonely") and scenes["clips"] == 8
    for row, folder in ((scenes, "fsdd-tiny"), (lonely, "fsdd-tiny-lonely")):
        for key, file, place in (
            ("alone", "stream-1s-2-orders", lambda f: f),
            ("after_background", "stream-1s-2-orders", lambda f: f["after_background"]),
            ("between", "stream-1s-2-orders", lambda f: f["stream"]),
            ("back_to_back", "stream-0s-2-orders", lambda f: f["stream"]),
        ):
            result = json.loads((tmp_path / "runs" / folder / "seed-0" / f"{file}.json").read_text())
            assert row[key] == [pytest.approx(place(result)["accuracy"])]
        change = row["back_to_back_against_after_background"]
        wanted = np.mean(row["back_to_back"]) - np.mean(row["after_background"])
        assert change["difference"] == pytest.approx(wanted)
        assert f"{100 * change['difference']:+.2f} (" in done.stdout
    settings = json.loads((tmp_path / "runs" / "fsdd-tiny-lonely" / "seed-0" / "config.json").read_text())
    assert settings["scenes"]["reset"] == settings["scenes"]["starts_at_once"] == 1.0


def test_a_finished_run_is_not_trained_again_and_another_one_is_not_taken_for_it(
    made_data: Path, auricle_here: Run, tmp_path: Path
) -> None:
    arguments = ("study", "fsdd", "--data", made_data, "--out", tmp_path, "--seeds", 1, *QUICK)
    first = auricle_here(*arguments)
    checkpoint = tmp_path / "fsdd-tiny" / "seed-0" / "checkpoints" / "best.pt"
    before = checkpoint.stat().st_mtime_ns
    again = auricle_here(*arguments)
    assert checkpoint.stat().st_mtime_ns == before
    assert again.stdout.split(" | ")[:-1] == first.stdout.split(" | ")[:-1], "all but the seconds"
    other = auricle_here(*arguments, "--set", "training.epochs=2", check=False)
    assert other.returncode == 1 and "was trained with other settings" in other.stderr
    assert checkpoint.stat().st_mtime_ns == before


def test_a_run_that_was_stopped_goes_on(made_data: Path, auricle_here: Run, tmp_path: Path) -> None:
    """As a run is after two of three epochs: it is resumed and ends with the weights of a run that never stopped."""
    changes = ("--set", "training.epochs=3", "--set", "training.keep_every=1")
    arguments = ("study", "fsdd", "--data", made_data, "--out", tmp_path, "--seeds", 1, "--config", "tiny", *changes)
    auricle_here(*arguments)
    run = tmp_path / "fsdd-tiny" / "seed-0"

    def weights() -> str:
        return weights_hash(restore(load_checkpoint(run / "checkpoints" / "last.pt"))[0])

    whole, lines = weights(), (run / "metrics.jsonl").read_text().splitlines()
    shutil.copy(run / "checkpoints" / "epoch-0002.pt", run / "checkpoints" / "last.pt")
    (run / "metrics.jsonl").write_text("\n".join(lines[:2]) + "\n")
    assert len(lines) == 3 and weights() != whole
    auricle_here(*arguments)
    assert weights() == whole


def test_ingredients_are_judged_on_folds_of_the_training_speakers(
    made_data: Path, auricle_here: Run, tmp_path: Path
) -> None:
    arguments = ("study", "ingredients", "--data", made_data, "--out", tmp_path / "runs", *QUICK)
    options = ("--only", "label smoothing", "--seeds", 1, "--folds", 2, "--json", tmp_path / "figures.json")
    done = auricle_here(*arguments, *options)
    (block,) = json.loads((tmp_path / "figures.json").read_text())["configs"]
    base, smooth = block["rows"]
    assert [row["ingredient"] for row in block["rows"]] == ["base", "label smoothing"]
    pack, seen = Pack.open(made_data / "speech_commands"), []
    for fold in range(2):
        folder = tmp_path / "runs" / "ingredients-speech-commands-tiny"
        runs = [folder / name / f"seed-0-fold-{fold}" for name in ("base", "label-smoothing")]
        settings = [json.loads((run / "config.json").read_text()) for run in runs]
        assert [s["loss"]["label_smoothing"] for s in settings] == [0.0, 0.1]
        assert [s["data"]["fold_number"] for s in settings] == [fold, fold]
        found = [json.loads((run / "fold.json").read_text())["clip"] for run in runs]
        assert found[0] == found[1]
        seen += found[0]
    assert len(set(seen)) == len(seen) == base["clips"] and not set(seen) & set(pack.select("val"))
    for key in ("alone", "carried"):
        change = smooth["against_base"][key]
        assert change["difference"] == pytest.approx(np.mean(smooth[key]) - np.mean(base[key]))
        assert f"{100 * change['difference']:+.2f} (" in done.stdout


def test_ingredients_of_environmental_sounds_never_touch_the_held_out_fold(
    auricle_data: Path, run_auricle: Run, tmp_path: Path
) -> None:
    arguments = ["study", "ingredients", "--on", "esc10", "--data", auricle_data, "--out", tmp_path, "--config", "tiny"]
    options = ["--quick", "--only", "label smoothing", "--json", tmp_path / "figures.json"]
    done = run_auricle(*map(str, arguments), *map(str, options))
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "figures.json").read_text())
    run = tmp_path / "ingredients-esc10-tiny" / "base" / "seed-0-fold-0"
    with open(run / "data.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    held_out = [row for row in rows if row["fold"] == "1"]
    # Facts of the published set: 80 clips a fold, 320 in the other four, which are dealt into five.
    assert len(held_out) == 80 and not {row["used"] for row in held_out} & {"train", "validation"}
    (block,) = told["configs"]
    assert told["data_set"] == "esc10" and 56 <= block["rows"][0]["clips"] <= 72


def test_ingredients_are_paired_by_seed_and_clip() -> None:
    """Two seeds of two folds: an ingredient that mends the same clip of every net, and one that changes nothing."""
    rng = np.random.default_rng(0)
    base = [{key: (rng.random(n) < 0.8).astype(float) for key in ("alone", "carried")} for n in (30, 34, 30, 34)]
    mended = [{key: np.maximum(values, np.arange(len(values)) < 10) for key, values in run.items()} for run in base]
    rows = rows_of(["base", "mends", "nothing"], [*base, *mended, *base], seeds=2, folds=2)
    assert [row["clips"] for row in rows] == [64] * 3 and len(rows[0]["alone"]) == 2
    wrong = np.mean([1 - run["alone"][:10].mean() for run in base]) * 20 / 64
    assert rows[1]["against_base"]["alone"]["difference"] == pytest.approx(wrong) and wrong > 0
    low, high = rows[2]["against_base"]["alone"]["interval_95"]
    assert low == pytest.approx(-high) and high < 0.05


def test_an_ingredient_that_is_none_is_told(made_data: Path, auricle_here: Run, tmp_path: Path) -> None:
    for text in ("dropout", "dropout:", "dropout:model.dropout", ":model.dropout=0.3", "base:model.dropout=0.3"):
        done = auricle_here("study", "ingredients", "--data", made_data, "--also", text, check=False)
        assert done.returncode == 2 and "wanted NAME:A.B=VALUE" in done.stderr


def test_enrolment_hears_a_class_that_no_training_clip_belongs_to(
    auricle_data: Path, run_auricle: Run, tmp_path: Path
) -> None:
    arguments = ["study", "enrolment", "--data", auricle_data, "--out", tmp_path, "--class", "dog", "--quick"]
    done = run_auricle(*map(str, arguments), "--json", str(tmp_path / "figures.json"))
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "figures.json").read_text())["rows"]
    assert [row["scene"] for row in rows] == ["alone", "among others"]
    for row in rows:
        assert 0 <= row["found"] <= row["events"] and row["again"] >= 0 and row["false"] >= 0
        assert row["sure"]["clips"] == 5 and row["sure"]["negative_seconds"] > 60
    assert rows[0]["events"] > 0 and "dog | alone" in done.stdout
    folder = tmp_path / "enrolment"
    with open(folder / "dog" / "run" / "data.csv", newline="", encoding="utf-8") as file:
        heard = {row["labels"] for row in csv.DictReader(file) if row["used"] == "train"}
    assert "dog" not in heard and {"rain", "word yes", "alarm siren"} < heard
    wide = Pack.open(next(folder.glob("with-*")))
    assert {clip.fold for clip in wide.clips if clip.labels[0].startswith(("word", "alarm"))} <= set("1234")
    shots, rest = shots_and_rest(Pack.open(folder / "dog" / "alone" / "pack"), "dog")
    assert len(shots) == 5 and not set(shots) & set(rest)


def test_few_shot_trains_on_words_and_tells_others_apart(auricle_data: Path, run_auricle: Run, tmp_path: Path) -> None:
    arguments = ["study", "few-shot", "--data", auricle_data, "--out", tmp_path, "--seeds", "1", "--quick"]
    done = run_auricle(*map(str, arguments), "--json", str(tmp_path / "figures.json"))
    assert done.returncode == 0, done.stderr
    (row,) = json.loads((tmp_path / "figures.json").read_text())["runs"]
    shots = {found["shots"]: found for found in row["few_shot"]}
    assert set(shots) == {1, 5, 10} and all(found["episodes"] == 20 for found in shots.values())
    assert 0.2 < shots[5]["accuracy"] <= 1.0 and set(shots[5]["open_accuracy"]) == {"0.01", "0.05"}
    packs = [Pack.open(tmp_path / "few-shot-embedding" / side) for side in ("train", "test")]
    words = [{clip.labels for clip in pack.clips} for pack in packs]
    speakers = [{clip.speaker for clip in pack.clips} for pack in packs]
    assert not words[0] & words[1] and not speakers[0] & speakers[1]
