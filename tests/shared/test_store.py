"""Stores: what comes back is what went in, transfers go on, and nothing damaged or hostile is taken."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

from auricle_shared.errors import DataError
from auricle_shared.pack import Pack, PackWriter
from auricle_shared.store import transfer
from auricle_shared.store.manifest import PIECE_BYTES, Manifest, Piece, StoredFile
from auricle_shared.store.objects import ObjectStore
from auricle_shared.store.transfer import described, pull, push

RATE = 16000


@pytest.fixture
def pack(tmp_path: Path, rng: np.random.Generator) -> Pack:
    """20 MB of audio: three pieces."""
    with PackWriter(tmp_path / "pack", RATE) as writer:
        for i in range(4):
            writer.add(rng.integers(-3000, 3000, 2_500_000).astype(np.int16), [f"label{i}"])
    return Pack.open(tmp_path / "pack")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_pack_comes_back_byte_for_byte_and_costs_its_bytes_once(pack: Pack, tmp_path: Path) -> None:
    first = push(pack.path, f"{tmp_path}/store")
    assert first.sent_bytes == first.all_bytes == sum(map(len, contents(pack.path).values()))
    assert push(pack.path, f"file://{tmp_path}/store").sent_bytes == 0
    pull(first.address, tmp_path / "back")
    assert contents(tmp_path / "back") == contents(pack.path)
    assert Pack.open(tmp_path / "back").fingerprint == pack.fingerprint
    pull(first.address, tmp_path / "back")  # the same once more: nothing to do


def test_the_address_is_the_content_not_its_place(tiny_model: Path, tmp_path: Path) -> None:
    shutil.copy(tiny_model, tmp_path / "other-name.onnx")
    keys = {described(p).key for p in (tiny_model, tmp_path / "other-name.onnx")}
    assert len(keys) == 1
    (tmp_path / "other-name.onnx").write_bytes(tiny_model.read_bytes() + b"\0")
    assert described(tmp_path / "other-name.onnx").key not in keys


def test_an_interrupted_push_and_pull_go_on(pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopped(Exception):
        pass

    def stops_at_second_piece(done: int, total: int) -> None:
        if done > PIECE_BYTES:
            raise Stopped

    store = f"{tmp_path}/store"
    with pytest.raises(Stopped):
        push(pack.path, store, told=stops_at_second_piece)
    assert not (tmp_path / "store" / "manifests").exists()  # nothing names half a thing
    rest = push(pack.path, store)
    assert rest.all_bytes - rest.sent_bytes == 2 * PIECE_BYTES
    with pytest.raises(Stopped):
        pull(rest.address, tmp_path / "back", told=stops_at_second_piece)
    assert not (tmp_path / "back").exists()
    fetched: list[int] = []
    read = ObjectStore.read
    monkeypatch.setattr(ObjectStore, "read", lambda *a: fetched.append(len(data := read(*a))) or data)
    pull(rest.address, tmp_path / "back")
    assert contents(tmp_path / "back") == contents(pack.path)
    assert sum(fetched[1:]) == rest.all_bytes - 2 * PIECE_BYTES  # the first one is the manifest
    assert not list(tmp_path.glob(".*partial"))


def test_a_corrupted_object_is_refused_and_mended(pack: Pack, tmp_path: Path) -> None:
    address = push(pack.path, f"{tmp_path}/store").address
    victim = max((tmp_path / "store" / "objects").rglob("*"), key=lambda p: p.stat().st_size)
    data = bytearray(victim.read_bytes())
    data[1234] ^= 1
    victim.write_bytes(data)
    with pytest.raises(DataError, match=f"{victim.name} is corrupted.*--verify"):
        pull(address, tmp_path / "back")
    assert not (tmp_path / "back").exists()
    assert push(pack.path, f"{tmp_path}/store", verify=True).sent_bytes == len(data)
    pull(address, tmp_path / "back")
    assert contents(tmp_path / "back") == contents(pack.path)


def test_a_corrupted_manifest_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    address = push(tiny_model, f"{tmp_path}/store").address
    (manifest,) = (p for p in (tmp_path / "store" / "manifests").rglob("*") if p.is_file())
    manifest.write_bytes(manifest.read_bytes().replace(b'"path":""', b'"path":"x"'))
    with pytest.raises(DataError, match="corrupted"):
        pull(address, tmp_path / "back.onnx")


@pytest.mark.parametrize("path", ["../../evil", "/etc/passwd", "a/../../b", "a//b", "C:\\x", "./a", "..", "a\0b"])
def test_paths_that_lead_out_are_refused(path: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="lead out"):
        StoredFile(path, ())
    hostile = json.dumps({"format": 1, "files": [{"path": path, "pieces": []}]}).encode()
    store = ObjectStore(f"{tmp_path}/store")
    key = transfer.sha256(hostile)
    store.write(transfer.MANIFESTS, key, hostile)
    with pytest.raises(DataError, match="refused.*lead out"):
        pull(f"{tmp_path}/store/{key}", tmp_path / "x" / "back")
    assert not (tmp_path / "x").exists()


def test_manifests_are_read_back_as_written_and_others_refused() -> None:
    manifest = Manifest((StoredFile("b", (Piece("0" * 64, 3),)), StoredFile("a/ä", ())))
    again = Manifest.from_bytes(manifest.to_bytes(), "here")
    assert again.key == manifest.key and {f.path for f in again.files} == {"b", "a/ä"}
    for damaged in (b"", b"[]", b'{"format": 2, "files": []}', b'{"format": 1}', b'{"format": 1, "files": [3]}'):
        with pytest.raises(DataError, match="here is refused"):
            Manifest.from_bytes(damaged, "here")
    with pytest.raises(DataError):
        Piece("0" * 64, PIECE_BYTES + 1)


def test_mistakes_are_told_in_words(
    tiny_model: Path, tmp_path: Path, auricle_here: Callable[..., CompletedProcess[str]]
) -> None:
    store = tmp_path / "store"
    done = auricle_here("push", tiny_model, store, "--json")
    address = json.loads(done.stdout)["address"]
    auricle_here("pull", address, tmp_path / "back.onnx")
    assert (tmp_path / "back.onnx").read_bytes() == tiny_model.read_bytes()
    (tmp_path / "link").symlink_to(tiny_model)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "link").symlink_to(tiny_model)
    (tmp_path / "other").write_text("mine")
    for arguments, words in (
        (("push", tmp_path / "none", store), "does not exist"),
        (("push", tmp_path / "folder", store), "only plain files"),
        (("push", tiny_model, "nonsense://x"), "nonsense"),
        (("pull", f"{store}", tmp_path / "x"), "64 hex digits"),
        (("pull", f"{store}/{'0' * 64}", tmp_path / "x"), "is not there"),
        (("pull", address, tmp_path / "other"), "already there, with other content"),
    ):
        done = auricle_here(*arguments, check=False)
        assert done.returncode == 1 and words in done.stderr, done.stderr
    assert (tmp_path / "other").read_text() == "mine"
