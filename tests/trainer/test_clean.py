"""`auricle clean`: planted defects are found and nothing else is; decisions become a pack over the same audio."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
import soundfile

from auricle_shared.errors import DataError
from auricle_shared.pack import Clip, Pack, PackWriter
from auricle_trainer.clean.before_after import untouched_test_clips
from auricle_trainer.clean.copies import best_correlation
from auricle_trainer.clean.doubtful_labels import doubtful
from auricle_trainer.clean.neighbours import FEW, neighbours
from auricle_trainer.clean.out_of_fold import folds_of

RATE = 16000
Auricle = Callable[..., CompletedProcess[str]]


def sound(rng: np.random.Generator, hz: float = 0.0, seconds: float = 0.6) -> np.ndarray:
    """Three tones that glide, with noise in them and quiet around: no two sounds are alike."""
    t = np.arange(round(RATE * seconds)) / RATE
    starts = rng.uniform(300, 3000, 3) if not hz else hz * rng.uniform(0.9, 1.1, 3)
    phases = 2 * np.pi * starts[:, None] * (t + rng.uniform(0.02, 0.2, (3, 1)) * t**2)
    heard = np.sin(phases).mean(axis=0) * np.sin(np.pi * t / seconds) ** 2 + 0.03 * rng.standard_normal(len(t))
    return (0.4 * heard).astype(np.float32)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """60 good clips, and five with something wrong, named after it."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("clean") / "planted"
    with PackWriter(path, RATE) as writer:
        for i in range(60):
            samples = sound(rng)
            split = ("train", "train", "val", "test")[i % 4]
            writer.add(samples, [("a", "b")[i % 2]], split=split, source=f"good/{i}.wav")
            if i == 3:  # in test
                writer.add(samples, ["b"], split="train", source="copy.wav")
            if i == 7:  # in test
                late = np.concatenate([np.zeros(round(0.025 * RATE), np.float32), 0.4 * samples])[: len(samples)]
                noise = rng.standard_normal(len(late)) * np.sqrt(np.mean(late**2)) * 10 ** (-20 / 20)
                writer.add((late + noise).astype(np.float32), ["b"], split="train", source="near-copy.wav")
        writer.add(np.clip(20 * sound(rng), -1, 1), ["a"], split="train", source="clipped.wav")
        writer.add(np.zeros(RATE, np.float32), ["a"], split="train", source="silent.wav")
        writer.add(sound(rng, seconds=0.05), ["a"], split="train", source="short.wav")
    return Pack.open(path)


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def decide(path: Path, label: str = "", **actions: str) -> None:
    """Write an action for each of these reasons into the list, and the label for those that are relabelled."""
    rows = rows_of(path)
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        for row in rows:
            action = actions.get(row["reason"].replace("-", "_"), "")
            table.writerow({**row, "action": action, "proposed_label": label if action == "relabel" else ""})


def test_every_planted_defect_is_found_and_nothing_else(planted: Pack, auricle_here: Auricle, tmp_path: Path) -> None:
    found = auricle_here("clean", planted.path, "--no-training", "--out", tmp_path / "list.csv", "--json")
    rows = rows_of(tmp_path / "list.csv")
    assert [(row["path"], row["reason"]) for row in rows] == [
        (f"{reason}.wav", reason) for reason in ("silent", "short", "clipped", "copy", "near-copy")
    ]
    assert [row["proposal"] for row in rows] == ["drop", "listen", "listen", "drop", "drop"]
    copy, near = rows[3:]
    assert "good/3.wav" in copy["evidence"] and "leak" in copy["evidence"]
    assert "good/7.wav" in near["evidence"] and "leak" in near["evidence"]
    assert json.loads(found.stdout)["counts"]["copy"] == 1
    assert all(row["action"] == "" for row in rows)


def test_the_corrected_pack_is_what_an_import_of_good_clips_would_be(
    planted: Pack, auricle_here: Auricle, tmp_path: Path
) -> None:
    auricle_here("clean", planted.path, "--no-training", "--out", tmp_path / "list.csv")
    decide(tmp_path / "list.csv", label="c", silent="accept", copy="drop", clipped="relabel")
    before = (planted.path / "index.csv").read_bytes()
    said = auricle_here("clean", planted.path, "--apply", tmp_path / "list.csv", "--out", tmp_path / "new").stdout
    assert "2 dropped, 1 relabelled, 2 rows without an action" in said
    new = Pack.open(tmp_path / "new")
    with PackWriter(tmp_path / "again", RATE) as writer:
        for i, clip in enumerate(planted.clips):
            if clip.source not in ("silent.wav", "copy.wav"):
                labels = ["c"] if clip.source == "clipped.wav" else clip.labels
                writer.add(np.asarray(planted.audio(i)), labels, split=clip.split, source=clip.source)
    again = Pack.open(tmp_path / "again")
    assert new.fingerprint == again.fingerprint != planted.fingerprint
    assert {**new.info, "corrected": 0} == {**again.info, "corrected": 0}
    assert [new.audio(i).tobytes() for i in range(len(new))] == [again.audio(i).tobytes() for i in range(len(again))]
    assert (new.path / "audio.i16").stat().st_ino == (planted.path / "audio.i16").stat().st_ino, "audio is not copied"
    assert (planted.path / "index.csv").read_bytes() == before


def test_corrections_hold_for_the_next_import(auricle_here: Auricle, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    first = sound(rng)
    for i in range(8):
        path = tmp_path / "sounds" / ("dog", "cat")[i % 2] / f"{i}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, first if i in (0, 4) else sound(rng), RATE, subtype="PCM_16")
    auricle_here("import", tmp_path / "sounds", tmp_path / "pack", "--split", "100/0/0")
    said = auricle_here("clean", tmp_path / "pack", "--no-training").stdout
    assert "1  copy" in said and str(tmp_path / "pack-findings.csv") in said
    auricle_here("clean", tmp_path / "pack", "--apply", tmp_path / "pack-findings.csv", "--accept", "copy")
    corrections = tmp_path / "pack-cleaned" / "corrections.csv"
    assert rows_of(corrections) == [{"path": "dog/4.wav", "label": ""}]
    again = ("--split", "100/0/0", "--corrections", corrections)
    auricle_here("import", tmp_path / "sounds", tmp_path / "again", *again)
    assert Pack.open(tmp_path / "again").fingerprint == Pack.open(tmp_path / "pack-cleaned").fingerprint


@pytest.mark.parametrize(
    ("actions", "options", "told"),
    [
        ({}, (), "changes nothing"),
        ({"copy": "delete"}, (), "line 5: the action is 'delete'"),
        ({"clipped": "accept"}, (), "nothing is proposed there to accept"),
        ({"clipped": "relabel"}, (), "proposed_label is empty"),
        ({"copy": "drop"}, ("--out", "PACK"), "is the pack itself"),
    ],
)
def test_a_list_that_cannot_be_followed_is_refused(
    actions: dict[str, str], options: tuple[str, ...], told: str, planted: Pack, auricle_here: Auricle, tmp_path: Path
) -> None:
    auricle_here("clean", planted.path, "--no-training", "--out", tmp_path / "list.csv")
    decide(tmp_path / "list.csv", **actions)
    given = [planted.path if part == "PACK" else part for part in options]
    done = auricle_here("clean", planted.path, "--apply", tmp_path / "list.csv", *given, check=False)
    assert done.returncode == 1 and told in done.stderr
    assert not Path(f"{planted.path}-cleaned").exists()


def test_a_list_of_another_pack_and_one_with_decisions_are_left_alone(
    planted: Pack, tones: Pack, auricle_here: Auricle, tmp_path: Path
) -> None:
    auricle_here("clean", planted.path, "--no-training", "--out", tmp_path / "list.csv")
    again = auricle_here("clean", planted.path, "--no-training", "--out", tmp_path / "list.csv", check=False)
    assert again.returncode == 1 and "--force" in again.stderr
    decide(tmp_path / "list.csv", copy="drop")
    other = auricle_here("clean", tones.path, "--apply", tmp_path / "list.csv", check=False)
    assert other.returncode == 1 and "made for another pack" in other.stderr
    none = auricle_here("clean", tmp_path / "nothing", check=False)
    assert none.returncode == 1 and "does not exist" in none.stderr


def test_swapped_labels_are_found(noise: Pack, auricle_here: Auricle, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    swapped = {5, 18, 33, 46}
    with PackWriter(tmp_path / "pack", RATE) as writer:
        for i in range(60):
            low = (i % 2 == 0) != (i in swapped)
            hz = 400 if i % 2 == 0 else 2500
            label, speaker = "low" if low else "high", f"s{i // 6}"
            writer.add(sound(rng, hz), [label], split="train", speaker=speaker, source=f"{i}.wav")
    quick = ("--config", "tiny", "--set", "training.epochs=4", "--folds", 2, "--background", noise.path)
    found = json.loads(auricle_here("clean", tmp_path / "pack", *quick, "--json").stdout)
    assert "confident learning" in found["labels"]
    doubts = [f for f in found["findings"] if f["reason"] == "label"]
    hit = [f for f in doubts if f["clip"] in swapped]
    assert len(hit) / len(swapped) >= 0.75 and len(hit) / len(doubts) >= 0.75, doubts
    for f in hit:
        assert f["proposal"] == "relabel" and f["proposed_label"] == ("low" if f["clip"] % 2 == 0 else "high")


def test_a_speaker_and_copies_stay_in_one_fold(tones: Pack) -> None:
    clips = [replace(c, speaker=f"s{i % 5}") for i, c in enumerate(tones.clips)]
    view = Pack(tones.path, tones.info, clips)
    numbers = folds_of(view, range(len(clips)), 3, [(0, 6), (2, 23)])
    assert numbers[6] == numbers[0] and numbers[23] == numbers[2]
    for speaker in range(5):
        assert len({numbers[i] for i in range(speaker, len(clips), 5) if i not in (6, 23)}) == 1
    lonely = Pack(tones.path, tones.info, [replace(c, speaker="s") for c in tones.clips])
    with pytest.raises(DataError, match="--no-training"):
        folds_of(lonely, range(len(clips)), 3)


def test_confident_learning_accuses_no_label_that_is_only_hard_to_hear() -> None:
    """Ten clips of an easy label, ten of a hard one that the network gives 0.4 at most; an easy one is called hard."""
    probabilities = np.array([[0.95, 0.05]] * 10 + [[0.6, 0.4]] * 10 + [[0.97, 0.03]])
    present = np.array([0] * 10 + [1] * 10 + [1])
    (doubt,) = doubtful(probabilities, present)
    assert (doubt.place, doubt.proposed) == (20, 0) and doubt.margin == pytest.approx(0.94)
    swapped = doubtful(probabilities[:, ::-1], 1 - present)
    assert [(d.place, d.proposed) for d in swapped] == [(20, 1)]


def test_neighbours_are_those_that_comparing_all_with_all_finds(rng: np.random.Generator) -> None:
    vectors = rng.standard_normal((4 * FEW, 80))
    vectors[FEW : FEW + 50] = vectors[:50] + 0.02 * rng.standard_normal((50, 80))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    alike = np.triu(vectors @ vectors.T, 1)
    assert neighbours(vectors, 0.9, 4) == [(int(i), int(j)) for i, j in zip(*np.nonzero(alike >= 0.9), strict=True)]
    assert len(neighbours(vectors, 0.9, 4)) == 50


def test_correlation_is_that_of_the_best_shift_whatever_the_gain(rng: np.random.Generator) -> None:
    one = rng.standard_normal(500)
    late = -0.3 * np.concatenate([np.zeros(37), one])
    assert best_correlation(one, late) == pytest.approx(1.0, abs=0.01)
    other = rng.standard_normal(400)
    slow = max(abs(np.correlate(one - one.mean(), other - other.mean(), "full")))
    assert best_correlation(one, other) == pytest.approx(slow / np.std(one) / np.std(other) / np.sqrt(500 * 400))
    assert best_correlation(one, np.full(300, 0.2)) == 0.0


def test_before_and_after_are_judged_on_clips_that_nobody_touched(planted: Pack) -> None:
    def changed(i: int, c: Clip) -> Clip:
        return replace(c, labels=("a",)) if c.source == "good/3.wav" else c

    after = Pack(planted.path, planted.info, [changed(i, c) for i, c in enumerate(planted.clips)][4:])
    judged = {after.clips[i].source for i in untouched_test_clips(planted, after)}
    assert judged == {f"good/{i}.wav" for i in range(7, 60, 4)}


def test_the_comparison_is_one_command(tones: Pack, noise: Pack, auricle_here: Auricle, tmp_path: Path) -> None:
    auricle_here("clean", tones.path, "--no-training", "--shortest-seconds", 0.5, "--out", tmp_path / "list.csv")
    decide(tmp_path / "list.csv", short="drop")
    auricle_here("clean", tones.path, "--apply", tmp_path / "list.csv", "--out", tmp_path / "after")
    quick = [p for s in ("training.epochs=1", "training.workers=0", "calibration.minutes=0") for p in ("--set", s)]
    runs = ("--config", "tiny", "--background", noise.path, "--runs", tmp_path / "runs", *quick)
    done = auricle_here("clean", tones.path, "--against", tmp_path / "after", *runs)
    assert "McNemar" in done.stdout and str(tmp_path / "after") in done.stdout
    records = [json.loads((tmp_path / "runs" / name / "run.json").read_text()) for name in ("before", "after")]
    assert records[0]["data_fingerprint"] == tones.fingerprint != records[1]["data_fingerprint"]
    assert records[0]["config_hash"] == records[1]["config_hash"] and records[0]["seed"] == records[1]["seed"]
