"""Plain folders given as data: packed once, packed again when something changed."""

import os

import numpy as np
import pytest
import soundfile

from auricle_shared.errors import DataError
from auricle_shared.pack import open_data
from auricle_trainer.importers import cache


def put(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(seed).uniform(-0.5, 0.5, 800), 8000)


@pytest.fixture
def sounds(tmp_path):
    for label in ("dog", "cat"):
        for i in range(5):
            put(tmp_path / "sounds" / label / f"{i}.wav", seed=i)
    return tmp_path / "sounds"


def written(pack):
    return (pack.path / "dataset.json").stat().st_mtime_ns


def test_it_is_packed_once_beside_the_folder_for_every_rate(sounds, tmp_path):
    first = open_data(sounds, 16000)
    assert first.path == tmp_path / ".auricle-sounds-16000"
    before = written(first)
    again = open_data(sounds, 16000)
    assert (written(again), again.fingerprint) == (before, first.fingerprint)
    assert open_data(sounds, 8000).rate_hz == 8000
    assert written(open_data(sounds, 16000)) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda p: put(p / "dog" / "new.wav"),
        lambda p: put(p / "dog" / "0.wav", seed=99),
        lambda p: (p / "dog" / "0.wav").unlink(),
        lambda p: (p / "dog").rename(p / "wolf"),
        lambda p: (p / "manifest.csv").write_text(
            "path,label\n" + "".join(f"dog/{i}.wav,a\ncat/{i}.wav,b\n" for i in range(5))
        ),
    ],
)
def test_it_is_packed_again_when_something_changed(sounds, change):
    before = open_data(sounds, 16000)
    change(sounds)
    assert open_data(sounds, 16000).fingerprint != before.fingerprint


def test_a_file_that_is_touched_in_place_is_seen_by_its_time(sounds):
    before = written(open_data(sounds, 16000))
    os.utime(sounds / "dog" / "0.wav", ns=(1, 1))
    assert written(open_data(sounds, 16000)) != before


def test_a_place_that_cannot_be_written_goes_to_the_users_cache(sounds, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    tmp_path.chmod(0o555)
    try:
        place = cache._place(sounds, 16000)
        assert place.parent == tmp_path / "cache" / "auricle"
        assert place != cache._place(sounds, 8000)
        assert place.name != cache._place(sounds / "sounds", 16000).name
    finally:
        tmp_path.chmod(0o755)
    monkeypatch.setattr(cache, "_is_writable", lambda folder: False)
    assert open_data(sounds, 16000).path == place
    assert str(place) in capsys.readouterr().err
    assert not any(p.name.startswith(".auricle") for p in tmp_path.iterdir())


def test_a_manifest_is_data_too(sounds):
    (sounds / "list.csv").write_text("path,label\n" + "".join(f"dog/{i}.wav,a\ncat/{i}.wav,b\n" for i in range(5)))
    pack = open_data(sounds / "list.csv", 16000)
    assert pack.labels == ("a", "b")
    assert pack.path == sounds / ".auricle-list.csv-16000"


def test_a_folder_without_recordings_is_an_error_and_leaves_nothing(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="is empty"):
        open_data(tmp_path / "empty", 16000)
    assert [p.name for p in tmp_path.iterdir()] == ["empty"]
