"""The layouts of FSDD, ESC and Speech Commands, on small copies and, where there is data, on the real sets."""

import csv
from collections import Counter, defaultdict

import numpy as np
import pytest
import soundfile

from auricle_shared.errors import DataError
from auricle_trainer.importers.importing import import_source
from auricle_trainer.importers.source import open_source
from auricle_trainer.importers.speech_commands import hash_split


def put(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(seed).uniform(-0.5, 0.5, 800), 8000)


def test_fsdd(tmp_path):
    for digit in range(2):
        for speaker in ("george", "lucas"):
            for take in range(12):
                put(tmp_path / "recordings" / f"{digit}_{speaker}_{take}.wav", seed=take)
    put(tmp_path / "recordings" / "notes.wav")
    (tmp_path / "metadata.py").write_text("# not audio")
    source = open_source(tmp_path)
    assert source.kind == "fsdd"
    assert "CC BY-SA" in source.licence
    by_name = {r.source.split("/")[-1]: r for r in source.recordings}
    assert [by_name[f"1_lucas_{take}.wav"].split for take in (0, 4, 5, 11)] == ["test", "test", "train", "train"]
    assert (by_name["1_lucas_3.wav"].labels, by_name["1_lucas_3.wav"].speaker) == (("1",), "lucas")
    result = import_source(source, tmp_path / "p", 16000)
    assert Counter(c.split for c in result.pack.clips) == {"test": 20, "train": 26, "val": 2}
    assert {c.speaker for c in result.pack.clips if c.split == "val"} <= {"george", "lucas"}
    assert [path for path, _ in result.broken] == ["recordings/notes.wav"]


def esc_50(root):
    rows = [("1-1-A-0", 1, "dog", True, 1), ("1-1-B-0", 1, "dog", True, 1), ("2-2-A-0", 2, "dog", True, 2),
            ("1-3-A-36", 1, "vacuum_cleaner", False, 3), ("2-4-A-36", 2, "vacuum_cleaner", False, 4)]  # fmt: skip
    (root / "meta").mkdir(parents=True)
    with open(root / "meta" / "esc50.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["filename", "fold", "target", "category", "esc10", "src_file", "take"])
        for name, fold, category, esc10, source in rows:
            table.writerow([f"{name}.wav", fold, 0, category, esc10, source, "A"])
            put(root / "audio" / f"{name}.wav", seed=hash(name) % 1000)


def test_esc_50_and_the_part_that_is_esc_10(tmp_path):
    esc_50(tmp_path / "in" / "ESC-50-master")  # as unpacked: one folder in a folder
    source = open_source(tmp_path / "in")
    assert (source.kind, len(source.recordings)) == ("esc", 5)
    assert "BY-NC" in source.licence
    pack = import_source(source, tmp_path / "p", 16000).pack
    assert [(c.fold, c.group, c.split) for c in pack.clips[:3]] == [("1", "1", ""), ("1", "1", ""), ("2", "2", "")]
    only_10 = open_source(tmp_path / "in", only_esc10=True)
    assert {r.labels for r in only_10.recordings} == {("dog",)}
    assert "NC" not in only_10.licence


def test_esc_10_as_first_published(tmp_path):
    for fold in range(1, 6):
        put(tmp_path / "001 - Dog bark" / f"{fold}-{fold}00-A.ogg")
        put(tmp_path / "010 - Fire crackling" / f"{fold}-{fold}01-B.ogg")
    source = open_source(tmp_path)
    assert source.kind == "esc"
    found = {(r.labels, r.fold, r.group) for r in source.recordings}
    assert (("dog_bark",), "3", "300") in found
    assert (("fire_crackling",), "5", "501") in found
    assert len(found) == 10


SPEAKERS = [f"{i:08x}" for i in range(40)]


def speech_commands(root, lists=True):
    for word in ("yes", "no"):
        for speaker in SPEAKERS:
            for i in range(2):
                put(root / word / f"{speaker}_nohash_{i}.wav")
    for name in ("doing_the_dishes", "pink_noise", "white_noise"):
        put(root / "_background_noise_" / f"{name}.wav")
    (root / "_background_noise_" / "README.md").write_text("about the noise")
    if lists:
        (root / "validation_list.txt").write_text(f"yes/{SPEAKERS[0]}_nohash_0.wav\nno/{SPEAKERS[0]}_nohash_1.wav\n")
        (root / "testing_list.txt").write_text(f"yes/{SPEAKERS[1]}_nohash_0.wav\n")


def test_speech_commands_by_its_lists(tmp_path):
    speech_commands(tmp_path)
    source = open_source(tmp_path)
    assert source.kind == "speech-commands"
    split = {r.source: r.split for r in source.recordings}
    assert {k: v for k, v in split.items() if v not in ("", "train")} == {
        f"yes/{SPEAKERS[0]}_nohash_0.wav": "val",
        f"no/{SPEAKERS[0]}_nohash_1.wav": "val",
        f"yes/{SPEAKERS[1]}_nohash_0.wav": "test",
    }
    pack = import_source(source, tmp_path / "p", 16000).pack
    noise = [c for c in pack.clips if c.labels == ("background",)]
    assert len(noise) == 3
    assert {c.split for c in noise} == {"train", "val", "test"}


def test_speech_commands_by_hash_keeps_every_speaker_on_one_side(tmp_path):
    speech_commands(tmp_path, lists=False)
    sides = defaultdict(set)
    for recording in open_source(tmp_path).recordings:
        if recording.speaker:
            sides[recording.speaker].add(recording.split)
    assert all(where == {hash_split(speaker)} for speaker, where in sides.items())
    assert {side for where in sides.values() for side in where} == {"train", "val", "test"}


def test_the_hash_puts_a_tenth_into_val_and_a_tenth_into_test():
    counts = Counter(hash_split(f"{i:08x}") for i in range(20000))
    assert counts["val"] / 20000 == pytest.approx(0.1, abs=0.01)
    assert counts["test"] / 20000 == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize("kind", ["fsdd", "esc", "speech-commands", "csv", "pickle"])
def test_a_kind_that_does_not_fit_says_what_it_wanted(tmp_path, kind):
    put(tmp_path / "dog" / "a.wav")
    with pytest.raises(DataError, match=str(tmp_path)):
        open_source(tmp_path, kind)


def test_real_speech_commands_files_are_where_the_official_lists_put_them(auricle_data):
    """The manifest was made from the archive's own validation list: an independent witness of the hash."""
    with open(auricle_data / "more_words" / "manifest.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 900
    wrong = [row["path"] for row in rows if hash_split(row["path"].split("/")[-1].split("_nohash_")[0]) != row["split"]]
    assert wrong == []


@pytest.mark.parametrize(
    ("name", "clips", "labels", "splits"),
    [
        ("fsdd", 3000, 10, {"train": 2430, "val": 270, "test": 300}),
        ("esc10", 400, 10, {"": 400}),
        ("more_words", 996, 30, {"train": 860, "val": 136}),
    ],
)
def test_real_sets_import_whole(auricle_data, tmp_path, name, clips, labels, splits):
    result = import_source(open_source(auricle_data / name), tmp_path / "p", 16000)
    assert result.broken == []
    assert (len(result.pack), len(result.pack.labels)) == (clips, labels)
    assert Counter(c.split for c in result.pack.clips) == splits
    with open(auricle_data / name / "manifest.csv", newline="") as file:
        seconds = sum(float(row["seconds"]) for row in csv.DictReader(file))
    assert result.pack.seconds == pytest.approx(seconds, rel=1e-3)
