"""Fetching from a server on this machine that breaks off, resumes, or lies."""

import hashlib
import io
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from click.testing import CliRunner

from auricle_shared.errors import DataError, SettingsError
from auricle_trainer import fetch as fetch_module
from auricle_trainer.download import ResumingDownloader, unpack
from auricle_trainer.fetch import fetch


def make_zip(files, root="free-spoken-digit-dataset-1.0.10/"):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in files.items():
            archive.writestr(root + name, content)
    return data.getvalue()


def make_tar(members):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return data.getvalue()


BREAK = 3 << 16
NOISE = np.random.default_rng(0).bytes(600_000)
ARCHIVE = make_zip({"recordings/0_george_0.wav": NOISE, "README.md": b"read me"})


class Server:
    """Serves `content`; the first `breaks` answers end after BREAK bytes."""

    def __init__(self):
        self.content, self.breaks, self.ranges, self.etag, self.accepts_ranges = ARCHIVE, 0, [], '"one"', True
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.answer(self)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/archive.zip"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def answer(self, handler):
        if handler.path != "/archive.zip":
            handler.send_error(404)
            return
        wanted = handler.headers.get("Range")
        self.ranges.append(wanted)
        start = 0
        if wanted and self.accepts_ranges and handler.headers.get("If-Range", self.etag) == self.etag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(self.content):
                handler.send_response(416)
                handler.send_header("Content-Range", f"bytes */{len(self.content)}")
                handler.send_header("Content-Length", "0")
                handler.end_headers()
                return
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        else:
            handler.send_response(200)
        handler.send_header("ETag", self.etag)
        handler.send_header("Content-Length", str(len(self.content) - start))
        handler.end_headers()
        body = self.content[start:]
        if self.breaks:
            self.breaks -= 1
            body = body[:BREAK]
        handler.wfile.write(body)
        handler.close_connection = True


@pytest.fixture
def server():
    running = Server()
    yield running
    running.http.shutdown()
    running.http.server_close()


def run(*arguments):
    return CliRunner().invoke(fetch, [str(a) for a in arguments])


def download(server, path, **options):
    ResumingDownloader(path.with_name("partial"), wait_seconds=0, **options)(server.url, str(path), None)
    return path.read_bytes()


def test_a_broken_connection_is_taken_up_where_it_ended(server, tmp_path):
    server.breaks = 2
    assert download(server, tmp_path / "a") == ARCHIVE
    assert server.ranges == [None, "bytes=196608-", "bytes=393216-"]
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_an_interrupted_download_goes_on_in_the_next_call(server, tmp_path):
    def stop(done, total):
        if done > 300_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(server, tmp_path / "a", progress=stop)
    have = (tmp_path / "partial").stat().st_size
    assert 300_000 < have < len(ARCHIVE)
    assert download(server, tmp_path / "a") == ARCHIVE
    assert server.ranges == [None, f"bytes={have}-"]


def test_a_file_that_changed_on_the_server_is_never_mixed_with_the_old_one(server, tmp_path):
    server.breaks = 1
    (tmp_path / "partial").write_bytes(ARCHIVE[:BREAK])
    (tmp_path / "partial.etag").write_text('"one"')
    server.content, server.etag, server.breaks = make_zip({"x": NOISE[::-1]}), '"two"', 0
    assert download(server, tmp_path / "a") == server.content


def test_a_server_that_cannot_resume_is_asked_again_from_the_start(server, tmp_path):
    server.breaks, server.accepts_ranges = 1, False
    assert download(server, tmp_path / "a") == ARCHIVE
    assert server.ranges == [None, "bytes=196608-"]


def test_a_partial_file_that_is_complete_already_is_taken(server, tmp_path):
    (tmp_path / "partial").write_bytes(ARCHIVE)
    assert download(server, tmp_path / "a") == ARCHIVE
    assert server.ranges == [f"bytes={len(ARCHIVE)}-"]


def test_a_partial_file_longer_than_the_real_one_is_thrown_away(server, tmp_path):
    (tmp_path / "partial").write_bytes(ARCHIVE + b"more")
    assert download(server, tmp_path / "a") == ARCHIVE


def test_a_connection_that_never_holds_gives_up_and_keeps_what_came(server, tmp_path):
    server.breaks, server.accepts_ranges = 1000, False
    with pytest.raises(DataError, match=r"broke off 5 times in a row, 0\.2 MB are here"):
        download(server, tmp_path / "a")
    assert (tmp_path / "partial").stat().st_size == BREAK
    server.http.server_close()
    server.http.shutdown()
    with pytest.raises(DataError, match="Type the same command again"):
        download(server, tmp_path / "b")


def test_fetch_brings_unpacks_and_says_what_comes_next(server, tmp_path):
    server.breaks = 1
    result = run("fsdd", tmp_path / "data", "--url", server.url)
    assert result.exit_code == 0, result.output
    folder = tmp_path / "data" / "fsdd"
    assert (folder / "recordings" / "0_george_0.wav").read_bytes() == NOISE
    found = hashlib.sha256(ARCHIVE).hexdigest()
    assert f"SHA-256 {found}: no checksum is published" in result.stderr
    assert (tmp_path / "data" / "fsdd.sha256").read_text().startswith(found)
    assert f"auricle import {folder}" in result.stdout
    assert sorted(p.name for p in (tmp_path / "data").iterdir()) == ["fsdd", "fsdd.sha256"]
    requests = len(server.ranges)
    assert "already there" in run("fsdd", tmp_path / "data", "--url", server.url).stdout
    assert len(server.ranges) == requests


@pytest.mark.parametrize("name", ["esc50", "speech-commands"])
def test_a_wrong_checksum_is_refused_and_the_file_removed(server, tmp_path, name):
    result = run(name, tmp_path / "data", "--url", server.url)
    assert isinstance(result.exception, DataError)
    assert fetch_module.ARCHIVES[name].sha256 in str(result.exception)
    assert hashlib.sha256(ARCHIVE).hexdigest() in str(result.exception)
    assert list((tmp_path / "data").iterdir()) == []


def test_a_checksum_can_be_given_or_waived(server, tmp_path):
    right = hashlib.sha256(ARCHIVE).hexdigest()
    assert "as expected" in run("esc50", tmp_path / "a", "--url", server.url, "--sha256", right).stderr
    assert run("esc50", tmp_path / "b", "--url", server.url, "--sha256", "any").exit_code == 0
    assert isinstance(run("fsdd", tmp_path / "c", "--url", server.url, "--sha256", "0" * 64).exception, DataError)


def test_an_address_that_is_not_there_or_not_http(server, tmp_path):
    missing = run("fsdd", tmp_path, "--url", server.url + "x")
    assert isinstance(missing.exception, DataError)
    assert "404" in str(missing.exception)
    assert isinstance(run("fsdd", tmp_path, "--url", "file:///etc/passwd").exception, SettingsError)


def test_a_damaged_archive_is_refused_and_removed(server, tmp_path):
    server.content = b"<html>Please log in</html>" * 1000
    result = run("fsdd", tmp_path / "data", "--url", server.url)
    assert isinstance(result.exception, DataError)
    assert "no archive" in str(result.exception)
    assert [p.name for p in (tmp_path / "data").iterdir()] == ["fsdd.sha256"]


def make_packed(kind):
    """One incompressible file in a zip or a compressed tar."""
    data, content = io.BytesIO(), NOISE[:60_000].hex().encode()
    if kind == "zip":
        with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a/b.txt", content)
    else:
        with tarfile.open(fileobj=data, mode=f"w:{kind}") as archive:
            info = tarfile.TarInfo("a/b.txt")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return data.getvalue()


@pytest.mark.parametrize("kind", ["zip", "gz", "bz2", "xz"])
def test_no_two_wrong_bytes_are_taken_for_content(tmp_path, kind):
    """Each reader notices in its own way, gzip only at the very end, behind what tar reads."""
    whole = make_packed(kind)
    for place in range(200, len(whole) - 200, len(whole) // 25):
        (tmp_path / "archive").write_bytes(
            whole[:place] + bytes(255 - b for b in whole[place : place + 2]) + whole[place + 2 :]
        )
        with pytest.raises(DataError, match="damaged"):
            unpack(tmp_path / "archive", tmp_path / f"out-{place}")


def link(name, target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


HOSTILE = {
    "zip, up": make_zip({"../../evil": b"x"}, root=""),
    "zip, absolute": make_zip({"/tmp/evil": b"x"}, root=""),
    "zip, backslashes": make_zip({"..\\..\\evil": b"x"}, root=""),
    "zip, drive": make_zip({"C:/evil": b"x"}, root=""),
    "tar, up": make_tar([(tarfile.TarInfo("a/../../evil"), b"x")]),
    "tar, absolute": make_tar([(tarfile.TarInfo("/tmp/evil"), b"x")]),
    "tar, link": make_tar([(link("out", "/tmp"), b""), (tarfile.TarInfo("out/evil"), b"x")]),
    "tar, hard link": make_tar([(link("out", "/etc/passwd", tarfile.LNKTYPE), b"")]),
    "tar, device": make_tar([(link("out", "", tarfile.CHRTYPE), b"")]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_is_unpacked_outside_the_folder(tmp_path, name):
    (tmp_path / "archive").write_bytes(HOSTILE[name])
    with pytest.raises(DataError, match="not unpacked"):
        unpack(tmp_path / "archive", tmp_path / "deep" / "in")
    assert [p for p in tmp_path.rglob("*") if p.name == "evil"] == []


def test_tar_archives_are_unpacked_as_they_are(tmp_path):
    members = [(tarfile.TarInfo(name), name.encode()) for name in ("./yes/a.wav", "./no/b.wav", "./README.md")]
    (tmp_path / "archive").write_bytes(make_tar(members))
    unpack(tmp_path / "archive", tmp_path / "out")
    found = {p.relative_to(tmp_path / "out").as_posix(): p.read_bytes() for p in (tmp_path / "out").rglob("*.*")}
    assert found == {"yes/a.wav": b"./yes/a.wav", "no/b.wav": b"./no/b.wav", "README.md": b"./README.md"}
