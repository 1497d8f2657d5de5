"""Files are whole or as they were, whatever happens while they are written."""

import errno
import os
import resource

import pytest

from auricle_shared.files import write_text, write_whole


@pytest.fixture
def small_disk():
    """The system refuses files over 64 KiB, for real: a write in the middle of a larger one fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_new_content_replaces_the_old_and_folders_are_made(tmp_path):
    path = tmp_path / "a" / "b" / "run.json"
    write_text(path, "first, long enough to leave a rest")
    write_text(path, "zweite – ü")
    assert path.read_text(encoding="utf-8") == "zweite – ü"
    assert [p.name for p in path.parent.iterdir()] == ["run.json"]


def test_a_write_that_fails_midway_leaves_the_old_file(tmp_path, small_disk):
    path = tmp_path / "model.bin"
    write_text(path, "old")
    with pytest.raises(OSError) as caught:
        write_whole(path, lambda file: [file.write(b"x" * 10000) for _ in range(20)])
    assert caught.value.errno == errno.EFBIG
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["model.bin"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_disk_that_is_full_at_the_last_step_leaves_the_old_file(tmp_path, monkeypatch, step):
    path = tmp_path / "model.bin"
    write_text(path, "old")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, step, full)
    with pytest.raises(OSError, match="No space left"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["model.bin"]


def test_an_error_of_the_writer_itself_leaves_the_old_file(tmp_path):
    path = tmp_path / "model.bin"
    write_text(path, "old")
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, lambda file: (_ for _ in ()).throw(KeyboardInterrupt))
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["model.bin"]
