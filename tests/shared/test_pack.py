"""Packs: what goes in comes out, the fingerprint says what was heard, and a full disk costs nothing."""

import errno
import json
import os
import pickle
import resource

import numpy as np
import pytest

from auricle_shared import pack as pack_module
from auricle_shared.errors import DataError
from auricle_shared.pack import Pack, PackWriter, active_rms, open_data, to_float, to_int16

RATE_HZ = 16000


def noise(seed, samples=1600):
    return np.random.default_rng(seed).integers(-20000, 20000, samples).astype(np.int16)


def write(path, clips, **options):
    with PackWriter(path, RATE_HZ, **options) as writer:
        for seed, labels, columns in clips:
            writer.add(noise(seed, 1000 + seed), labels, **columns)
    return Pack.open(path)


CLIPS = [
    (1, ["dog"], {"split": "train", "speaker": "a", "source": "dog/1.wav"}),
    (2, ["cat"], {"split": "val", "fold": "3", "group": "g;2", "source": 'Tür, "offen".wav'}),
    (3, ["background"], {"split": "test", "source": "日本.wav"}),
]


def test_what_goes_in_comes_out(tmp_path):
    pack = write(tmp_path / "p", CLIPS, licence="CC0")
    assert (pack.rate_hz, pack.labels, pack.multi_label) == (RATE_HZ, ("background", "cat", "dog"), False)
    assert pack.info["licence"] == "CC0"
    assert len(pack) == 3
    for i, (seed, labels, columns) in enumerate(CLIPS):
        np.testing.assert_array_equal(pack.audio(i), noise(seed, 1000 + seed))
        assert pack.clips[i].labels == tuple(labels)
        assert {name: getattr(pack.clips[i], name) for name in columns} == columns
    assert pack.select(split="val") == [1]
    assert pack.select(not_fold="3") == [0, 2]
    assert pack.counts([0, 1]) == {"dog": 1, "cat": 1}
    assert pack.seconds == pytest.approx((3000 + 6) / RATE_HZ)


def test_several_labels_a_clip(tmp_path):
    pack = write(tmp_path / "p", [(1, ["rain", "wind"], {}), (2, ["rain"], {})])
    assert pack.multi_label
    assert pack.clips[0].labels == ("rain", "wind")
    assert pack.counts() == {"rain": 2, "wind": 1}


def test_a_pack_travels_to_other_processes_without_its_audio(tmp_path):
    pack = write(tmp_path / "p", CLIPS)
    pack.audio(0)
    sent = pickle.dumps(pack)
    assert len(sent) < 5000
    np.testing.assert_array_equal(pickle.loads(sent).audio(2), pack.audio(2))


def test_the_fingerprint_is_of_what_is_heard_and_said_not_of_where_it_lies(tmp_path):
    first = write(tmp_path / "a", CLIPS).fingerprint
    assert write(tmp_path / "b", CLIPS[::-1]).fingerprint == first
    renamed = [(s, labels, {**columns, "source": f"moved/{s}"}) for s, labels, columns in CLIPS]
    assert write(tmp_path / "c", renamed).fingerprint == first
    for number, change in enumerate(
        [
            [(4, *CLIPS[0][1:]), *CLIPS[1:]],
            [(1, ["wolf"], CLIPS[0][2]), *CLIPS[1:]],
            [(1, ["dog"], {**CLIPS[0][2], "split": "val"}), *CLIPS[1:]],
            [(1, ["dog"], {**CLIPS[0][2], "group": "x"}), *CLIPS[1:]],
            CLIPS[1:],
        ]
    ):
        assert write(tmp_path / f"d{number}", change).fingerprint != first, number


def test_sixteen_bits_are_kept_exactly_and_floats_are_limited():
    every = np.arange(-32768, 32768, dtype=np.int64).astype(np.int16)
    np.testing.assert_array_equal(to_int16(to_float(every)), every)
    np.testing.assert_array_equal(to_int16(np.array([-7.0, -1.0, 0.9999999, 1.0, 7.0])), [-32768] * 2 + [32767] * 3)


def test_the_level_is_that_of_the_sound_not_of_the_silence_around_it():
    tone = 0.3 * np.sin(2 * np.pi * 500 * np.arange(RATE_HZ) / RATE_HZ)
    assert active_rms(tone, RATE_HZ) == pytest.approx(0.3 / np.sqrt(2), rel=1e-3)
    in_silence = np.concatenate([np.zeros(RATE_HZ), tone, 1e-3 * np.ones(RATE_HZ)])
    assert active_rms(in_silence, RATE_HZ) == pytest.approx(active_rms(tone, RATE_HZ), rel=1e-3)
    assert active_rms(2 * tone, RATE_HZ) == pytest.approx(2 * active_rms(tone, RATE_HZ), rel=1e-6)
    assert active_rms(np.zeros(100), RATE_HZ) == 0
    assert active_rms(np.full(5, 0.5), RATE_HZ) == pytest.approx(0.5)


def test_an_existing_pack_is_replaced_only_when_asked(tmp_path):
    old = write(tmp_path / "p", CLIPS)
    with pytest.raises(DataError, match="--force"):
        write(tmp_path / "p", CLIPS[:1])
    assert Pack.open(tmp_path / "p").fingerprint == old.fingerprint
    assert len(write(tmp_path / "p", CLIPS[:1], overwrite=True)) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["p"]


def test_what_is_not_a_pack_is_never_overwritten(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    (tmp_path / "file").write_text("x")
    for name in ("mine", "file"):
        with pytest.raises(DataError, match="Nothing was written"):
            write(tmp_path / name, CLIPS, overwrite=True)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_an_error_while_adding_leaves_nothing_behind(tmp_path):
    with pytest.raises(TypeError):
        write(tmp_path / "p", [*CLIPS, (4, None, {})])
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small_disk():
    """The system refuses files over 256 KiB, for real; buffered bytes cannot be flushed either, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 18, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_fills_leaves_the_old_pack_whole_and_no_rest(tmp_path, small_disk):
    old = write(tmp_path / "p", CLIPS)
    with pytest.raises(OSError) as caught:
        write(tmp_path / "p", [(i, ["dog"], {}) for i in range(300)], overwrite=True)
    assert caught.value.errno == errno.EFBIG
    assert_untouched(tmp_path, old)


def test_a_disk_that_is_full_when_the_index_is_written_leaves_the_old_pack_whole(tmp_path, monkeypatch):
    old = write(tmp_path / "p", CLIPS)
    calls = []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) == 2:  # audio.i16 is written, index.csv is not
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path / "p", CLIPS[:1], overwrite=True)
    assert_untouched(tmp_path, old)


def assert_untouched(folder, old):
    assert [p.name for p in folder.iterdir()] == ["p"]
    now = Pack.open(folder / "p")
    assert now.clips == old.clips
    for i in range(len(old)):
        np.testing.assert_array_equal(now.audio(i), noise(CLIPS[i][0], 1000 + CLIPS[i][0]))


def damage_format(path):
    info = json.loads((path / "dataset.json").read_text())
    (path / "dataset.json").write_text(json.dumps({**info, "format": 99}))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda p: (p / "dataset.json").unlink(), "not a pack"),
        (lambda p: (p / "dataset.json").write_text("{"), "damaged"),
        (damage_format, "format 99; wanted 1"),
        (lambda p: (p / "index.csv").unlink(), "damaged"),
        (lambda p: (p / "index.csv").write_text("offset_samples,labels\nx,dog\n"), "damaged"),
        (lambda p: (p / "audio.i16").write_bytes(b"\0" * 100), "100 bytes, its index needs 6012"),
    ],
)
def test_a_damaged_pack_says_what_is_wrong(tmp_path, damage, said):
    write(tmp_path / "p", CLIPS)
    damage(tmp_path / "p")
    with pytest.raises(DataError, match=said):
        Pack.open(tmp_path / "p")


def test_data_of_another_rate_is_refused_with_both_numbers(tmp_path):
    pack = write(tmp_path / "p", CLIPS)
    assert open_data(tmp_path / "p", RATE_HZ).fingerprint == pack.fingerprint
    with pytest.raises(DataError, match="16000 Hz; wanted 8000 Hz"):
        open_data(tmp_path / "p", 8000)


def test_a_plain_folder_without_the_trainer_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(pack_module, "entry_points", lambda group: [])
    with pytest.raises(DataError, match="auricle-trainer"):
        open_data(tmp_path, RATE_HZ)
    with pytest.raises(DataError, match="does not exist"):
        open_data(tmp_path / "none", RATE_HZ)


def test_a_plain_folder_goes_to_the_function_of_the_entry_point(tmp_path, monkeypatch):
    class Point:
        def load(self):
            return lambda path, rate_hz: (path, rate_hz)

    monkeypatch.setattr(pack_module, "entry_points", lambda group: [Point()] if group == "auricle.folders" else [])
    assert open_data(tmp_path, 8000) == (tmp_path, 8000)
