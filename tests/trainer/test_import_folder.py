"""Class folders and whole imports: formats, odd names, broken files, full disks."""

import csv
import errno
import os
import resource
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from auricle_shared.errors import DataError
from auricle_shared.pack import Pack, open_data, to_float
from auricle_trainer.importers.importing import import_source
from auricle_trainer.importers.recording import parse_labels
from auricle_trainer.importers.source import open_source


def tone(rate_hz, seconds=0.5, tone_hz=440.0, level=0.5):
    return level * np.sin(2 * np.pi * tone_hz * np.arange(round(rate_hz * seconds)) / rate_hz)


def put(path, samples=None, rate_hz=16000, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, tone(rate_hz) if samples is None else samples, rate_hz, **options)


def fill(root, classes=("dog", "cat"), clips=4):
    for number, name in enumerate(classes):
        for i in range(clips):
            put(root / name / f"{i}.wav", tone(16000, tone_hz=200 + 50 * number + i))


def imported(root, pack, rate_hz=16000, **options):
    return import_source(open_source(root), pack, rate_hz, **options)


def test_folders_are_labels_and_subfolders_belong_to_them(tmp_path):
    fill(tmp_path / "in")
    put(tmp_path / "in" / "dog" / "monday" / "loud" / "a.wav")
    put(tmp_path / "in" / "_background_noise_" / "hum.wav")
    pack = imported(tmp_path / "in", tmp_path / "p").pack
    assert pack.labels == ("background", "cat", "dog")
    assert pack.counts() == {"dog": 5, "cat": 4, "background": 1}
    assert {c.source: c.labels for c in pack.clips}["dog/monday/loud/a.wav"] == ("dog",)


@pytest.mark.parametrize("name", ["background", "_background_", "_background_noise_", "_silence_", "Silence"])
def test_all_names_of_background_are_one_label(name):
    assert parse_labels(name) == ("background",)


def test_folders_named_like_splits_are_splits(tmp_path):
    for split in ("train", "validation", "test"):
        fill(tmp_path / "in" / split)
    pack = imported(tmp_path / "in", tmp_path / "p").pack
    assert pack.labels == ("cat", "dog")
    assert {c.source.split("/")[0]: c.split for c in pack.clips} == {
        "train": "train",
        "validation": "val",
        "test": "test",
    }


FORMATS = [
    (8000, "WAV", "PCM_U8", 1, 2e-2),
    (11025, "WAV", "PCM_16", 2, 1e-3),
    (16000, "WAV", "PCM_24", 1, 1e-4),
    (22050, "FLAC", "PCM_24", 2, 1e-3),
    (44100, "WAV", "FLOAT", 1, 1e-3),
    (48000, "WAV", "DOUBLE", 2, 1e-3),
    (48000, "OGG", "VORBIS", 1, 3e-2),
    (96000, "AIFF", "PCM_16", 1, 1e-3),
    (192000, "CAF", "PCM_32", 2, 1e-3),
]


@pytest.mark.parametrize(("rate_hz", "kind", "subtype", "channels", "bound"), FORMATS)
def test_every_format_rate_and_channel_count_gives_the_same_tone(tmp_path, rate_hz, kind, subtype, channels, bound):
    samples = tone(rate_hz, seconds=1.0)
    stereo = np.stack([1.5 * samples, 0.5 * samples], axis=1)
    for i in range(2):
        path = tmp_path / "in" / "tone" / f"{i}.{kind.lower()}"
        put(path, stereo if channels == 2 else samples, rate_hz, format=kind, subtype=subtype)
    pack = imported(tmp_path / "in", tmp_path / "p").pack
    heard = to_float(pack.audio(0))
    assert abs(len(heard) - 16000) <= 1
    assert np.abs(heard[4000:12000] - tone(16000, seconds=1.0)[4000:12000]).max() < bound


def test_mp3_keeps_pitch_and_level(tmp_path):
    for i in range(2):
        put(tmp_path / "in" / "tone" / f"{i}.mp3", tone(44100, seconds=2.0), 44100, format="MP3")
    heard = to_float(imported(tmp_path / "in", tmp_path / "p").pack.audio(0))[8000:24000]
    assert np.argmax(np.abs(np.fft.rfft(heard))) == 440
    assert np.sqrt(2 * np.mean(heard**2)) == pytest.approx(0.5, rel=0.05)


def test_names_of_all_kinds(tmp_path):
    names = ["a b.wav", "ü'\"$(x);.wav", "日本語.wav", "-rf.wav", "%s.wav", "line\nbreak.wav", "no_ending", "a.b.c.WAV"]
    for name in names:
        put(tmp_path / "in" / "Gr\u006f\u0308ße 50%" / name, format="WAV")
    with open(os.path.join(os.fsencode(tmp_path / "in" / "Gr\u006f\u0308ße 50%"), b"\xff\xfe.wav"), "wb") as file:
        soundfile.write(file, tone(16000), 16000, format="WAV")
    pack = imported(tmp_path / "in", tmp_path / "p").pack
    assert pack.labels == ("Größe 50%",)  # composed, as other systems type it
    assert {c.source.split("/", 1)[1] for c in pack.clips} == {*names, "\\udcff\\udcfe.wav"}
    again = Pack.open(tmp_path / "p")
    assert again.clips == pack.clips


def test_broken_files_are_listed_with_their_reason_and_the_rest_goes_on(tmp_path):
    fill(tmp_path / "in")
    dog = tmp_path / "in" / "dog"
    put(dog / "empty.wav", np.zeros(0))
    put(dog / "nan.wav", np.array([0.1, np.nan, 0.2]), subtype="FLOAT")
    put(dog / "infinite.wav", np.array([0.1, np.inf, 0.2]), subtype="FLOAT")
    put(dog / "silent.wav", np.zeros(1600))
    put(dog / "unscaled.wav", 20000 * tone(16000), subtype="FLOAT")
    (dog / "zero_bytes.wav").write_bytes(b"")
    (dog / "text.wav").write_text("this is not audio")
    (dog / "phone.m4a").write_bytes(b"\0\0\0\x20ftypM4A ")
    (dog / "notes.txt").write_text("passed over")
    (dog / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    put(tmp_path / "in" / "loose.wav")
    result = imported(tmp_path / "in", tmp_path / "p")
    reasons = {path.split("/")[-1]: reason for path, reason in result.broken}
    assert len(result.pack) == 8
    assert set(reasons) == {
        "empty.wav", "nan.wav", "infinite.wav", "silent.wav", "unscaled.wav", "zero_bytes.wav", "text.wav", "phone.m4a",
        "gone.wav", "loose.wav",
    }  # fmt: skip
    for name, said in [
        ("empty.wav", "0 samples"), ("nan.wav", "not numbers"), ("infinite.wav", "not numbers"),
        ("silent.wav", "silent"), ("unscaled.wav", "-1 to 1"), ("gone.wav", "does not exist"),
        ("loose.wav", "no class folder"),
    ]:  # fmt: skip
        assert said in reasons[name]
    with open(tmp_path / "p" / "broken.csv", newline="", encoding="utf-8") as file:
        assert [(row["path"], row["reason"]) for row in csv.DictReader(file)] == result.broken
    clean = tmp_path / "clean"
    fill(clean)
    assert imported(clean, tmp_path / "q").pack.fingerprint == result.pack.fingerprint


def test_when_nothing_is_left_it_says_why_and_writes_nothing(tmp_path):
    put(tmp_path / "in" / "dog" / "a.wav", np.zeros(0))
    with pytest.raises(DataError, match=r"None of the 1 recordings.*dog/a.wav.*0 samples"):
        imported(tmp_path / "in", tmp_path / "p")
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda p: None, "does not exist"),
        (lambda p: p.mkdir(), "is empty"),
        (lambda p: (p / "dog").mkdir(parents=True), "0 files and 1 folders"),
        (lambda p: p.write_text("x"), "a file with the ending"),
    ],
)
def test_nothing_to_import_is_said_clearly(tmp_path, make, said):
    make(tmp_path / "in")
    with pytest.raises(DataError, match=said):
        open_source(tmp_path / "in")


def test_a_pack_or_an_archive_is_no_source(tmp_path):
    fill(tmp_path / "in")
    imported(tmp_path / "in", tmp_path / "p")
    (tmp_path / "a.zip").write_bytes(b"PK")
    with pytest.raises(DataError, match="a pack already"):
        open_source(tmp_path / "p")
    with pytest.raises(DataError, match="unpack it"):
        open_source(tmp_path / "a.zip")


def test_a_folder_that_links_to_itself_is_walked_once(tmp_path):
    fill(tmp_path / "in")
    (tmp_path / "in" / "dog" / "loop").symlink_to(tmp_path / "in" / "dog")
    put(tmp_path / "elsewhere" / "x.wav")
    (tmp_path / "in" / "linked").symlink_to(tmp_path / "elsewhere")
    sources = [r.source for r in open_source(tmp_path / "in").recordings]
    assert sorted(sources) == sorted(set(sources))
    assert len(sources) == 9
    assert "linked/x.wav" in sources


@pytest.mark.parametrize("limit_bytes", [1 << 10, 1 << 16])
def test_a_disk_that_fills_leaves_the_old_pack_whole(tmp_path, limit_bytes):
    fill(tmp_path / "in", clips=2)
    old = imported(tmp_path / "in", tmp_path / "p").pack
    fill(tmp_path / "in", clips=30)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        with pytest.raises(DataError, match=f"{os.strerror(errno.EFBIG)}.*still whole"):
            imported(tmp_path / "in", tmp_path / "p", overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    now = open_data(tmp_path / "p", 16000)
    assert (now.fingerprint, now.clips) == (old.fingerprint, old.clips)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "p"]


def test_the_whole_command_ends_a_mistake_with_words_and_exit_code_1(tmp_path):
    command = [sys.executable, "-m", "auricle_shared.command", "import", str(tmp_path / "none"), str(tmp_path / "p")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("auricle: ")
    assert "does not exist" in done.stderr
    assert "Traceback" not in done.stderr
