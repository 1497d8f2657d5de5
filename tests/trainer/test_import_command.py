"""`auricle import` as it is typed."""

import json

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from auricle_shared.errors import DataError, SettingsError
from auricle_shared.pack import Pack
from auricle_trainer.importers.command import import_


@pytest.fixture
def sounds(tmp_path):
    for label in ("dog", "cat", "_silence_"):
        for i in range(10):
            path = tmp_path / "sounds" / label / f"{i}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, np.random.default_rng(i).uniform(-0.5, 0.5, 8000), 8000)
    return tmp_path / "sounds"


def run(*arguments):
    return CliRunner().invoke(import_, [str(a) for a in arguments])


def test_the_table_names_labels_splits_broken_files_and_the_fingerprint(sounds, tmp_path):
    (sounds / "dog" / "bad.wav").write_text("no audio")
    result = run(sounds, tmp_path / "p")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["label", "train", "val", "test"]
    assert [line.split() for line in lines[1:4]] == [[name, "8", "1", "1"] for name in ("background", "cat", "dog")]
    assert "  dog/bad.wav: " in result.stdout
    pack = Pack.open(tmp_path / "p")
    assert pack.fingerprint in result.stdout
    assert "30.0 s at 16000 Hz" in result.stdout
    assert "taken as folder, 31 recordings" in result.stderr


def test_json_alone_is_on_standard_output(sounds, tmp_path):
    result = run(sounds, tmp_path / "p", "--json", "--rate", 8000, "--split", "60/20/20", "--licence", "CC0 – mine")
    summary = json.loads(result.stdout)
    pack = Pack.open(tmp_path / "p")
    assert (summary["rate_hz"], summary["clips"], summary["kind"]) == (8000, 30, "folder")
    assert summary["counts"]["dog"] == {"train": 6, "val": 2, "test": 2}
    assert summary["fingerprint"] == pack.fingerprint
    assert pack.info["licence"] == "CC0 – mine"


def test_the_seed_decides_the_split_and_nothing_else(sounds, tmp_path):
    prints = []
    for name, seed in [("a", 1), ("b", 1), ("c", 2)]:
        prints.append(json.loads(run(sounds, tmp_path / name, "--seed", seed, "--json").stdout)["fingerprint"])
    assert prints[0] == prints[1] != prints[2]


def test_corrections_change_the_fingerprint_and_are_told(sounds, tmp_path):
    (tmp_path / "c.csv").write_text("path,label\ndog/0.wav,cat\ndog/1.wav,\n")
    plain = json.loads(run(sounds, tmp_path / "a", "--json").stdout)
    corrected = json.loads(run(sounds, tmp_path / "b", "--json", "--corrections", tmp_path / "c.csv").stdout)
    assert sum(corrected["counts"]["dog"].values()) == 8
    assert sum(corrected["counts"]["cat"].values()) == 11
    assert corrected["notes"][0] == "c.csv: 1 clips relabelled, 1 dropped."
    assert corrected["fingerprint"] != plain["fingerprint"]


def test_an_existing_pack_needs_force(sounds, tmp_path):
    assert run(sounds, tmp_path / "p").exit_code == 0
    again = run(sounds, tmp_path / "p")
    assert isinstance(again.exception, DataError)
    assert "--force" in str(again.exception)
    assert run(sounds, tmp_path / "p", "--force").exit_code == 0


def test_a_wrong_split_is_refused_before_anything_is_read(tmp_path):
    assert isinstance(run(tmp_path / "none", tmp_path / "p", "--split", "80/20").exception, SettingsError)


def test_help_shows_an_example_and_the_names_of_background():
    text = run("--help").stdout
    for wanted in ("auricle import recordings/ sounds.pack", "_background_noise_", "80/10/10"):
        assert wanted in text
