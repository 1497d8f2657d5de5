"""Reviewing saved clips: an answer is written at once, nothing outside the folder is touched, an import takes it."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auricle_runtime.review import ReviewFolder
from auricle_runtime.web.review_app import create_review_app
from auricle_shared.audio import write_wav
from auricle_shared.errors import DataError

BELL, DOG, OTHER = "20261123T081408.123Z_doorbell_0.97.wav", "20261124T101500.000Z_dog_0.61.wav", "of my own.wav"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    heard = tmp_path / "heard"
    heard.mkdir()
    for name in (BELL, DOG, OTHER):
        write_wav(heard / name, np.full(1600, 0.1, np.float32), 16000)
    (heard / "notes.txt").write_text("secret")
    (tmp_path / "outside.wav").write_bytes((heard / BELL).read_bytes())
    return heard


def rows(folder: Path) -> list[dict[str, str]]:
    with open(folder / "manifest.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_answers_are_written_at_once_and_can_be_taken_back(folder: Path) -> None:
    review = ReviewFolder(folder)
    assert [clip.heard for clip in review.clips()] == ["", "dog", "doorbell"]
    review.set_label(BELL, "background")
    review.set_label(DOG, " wolf ")
    assert [(r["path"], r["label"]) for r in rows(folder)] == [(BELL, "background"), (DOG, "wolf")]
    assert len({r["group"] for r in rows(folder)}) == 2, "clips of other hours may lie on other sides of a split"
    assert ReviewFolder(folder).labels == {BELL: "background", DOG: "wolf"}
    review.set_label(BELL, "")
    assert [r["path"] for r in rows(folder)] == [DOG]


@pytest.mark.parametrize("name", ["../outside.wav", "notes.txt", "", "manifest.csv", "/etc/passwd", "no.wav"])
def test_nothing_but_its_own_clips_can_be_asked_for(folder: Path, name: str) -> None:
    with pytest.raises(DataError, match="has no clip"):
        ReviewFolder(folder).file(name)
    with pytest.raises(DataError, match="has no clip"):
        ReviewFolder(folder).set_label(name, "dog")
    assert not (folder / "manifest.csv").exists()


@pytest.mark.parametrize("label", ["a;b", "a,b", "a\nb", "x" * 101])
def test_labels_that_a_manifest_cannot_hold(folder: Path, label: str) -> None:
    with pytest.raises(DataError, match="is no label"):
        ReviewFolder(folder).set_label(BELL, label)


def test_the_command_lists_and_answers(folder: Path, auricle_here: Callable[..., Any]) -> None:
    told = auricle_here("review", folder, "--set", f"{BELL}=doorbell", "--set", f"{DOG}=background", "--list").stdout
    assert f"{BELL}  heard doorbell 0.97  right" in told
    assert f"{DOG}  heard dog 0.61  false: nothing" in told
    assert "not reviewed" in told and "2 of 3 clips reviewed; next: auricle import" in told
    for arguments, words in (
        ([folder, "--set", "nothing"], "wanted CLIP=LABEL"),
        ([folder, "--set", "no.wav=dog"], "has no clip"),
        ([folder / BELL], "is not a folder"),
        ([folder / "missing"], "is not a folder"),
    ):
        done = auricle_here("review", *arguments, check=False)
        assert done.returncode and words in done.stderr


def test_a_damaged_manifest_is_told(folder: Path) -> None:
    (folder / "manifest.csv").write_bytes(b"file,label\na.wav,dog\n")
    with pytest.raises(DataError, match="Wanted: path,label,group"):
        ReviewFolder(folder)


def test_the_page_plays_and_takes_answers(folder: Path) -> None:
    client = create_review_app(ReviewFolder(folder)).test_client()
    assert b"review.js" in client.get("/").data
    for file in ("/static/js/review.js", "/static/review.css", "/static/style.css"):
        assert client.get(file).status_code == 200
    found = client.get("/api/clips").json
    assert found["labels"] == ["dog", "doorbell", "background"]
    assert [(c["name"], c["label"]) for c in found["clips"]] == [(OTHER, ""), (DOG, ""), (BELL, "")]
    sound = client.get(f"/api/clips/{OTHER}")
    assert sound.data == (folder / OTHER).read_bytes() and sound.mimetype == "audio/wav"
    assert client.get(f"/api/clips/{BELL}", headers={"Range": "bytes=0-3"}).data == b"RIFF"
    assert "media-src 'self'" in sound.headers["Content-Security-Policy"]
    after = client.put(f"/api/clips/{BELL}/label", json={"label": "background"}).json
    assert {c["name"]: c["label"] for c in after["clips"]} == {OTHER: "", DOG: "", BELL: "background"}
    assert [(r["path"], r["label"]) for r in rows(folder)] == [(BELL, "background")]


def test_the_page_refuses_what_is_not_its_own(folder: Path) -> None:
    client = create_review_app(ReviewFolder(folder)).test_client()
    put = f"/api/clips/{BELL}/label"
    cases: list[tuple[Any, int]] = [
        (client.get("/api/clips/..%2Foutside.wav"), 404),
        (client.get("/api/clips/%2e%2e%2foutside.wav"), 404),
        (client.get("/api/clips/notes.txt"), 404),
        (client.put("/api/clips/no.wav/label", json={"label": "dog"}), 404),
        (client.put(put, json={"label": 3}), 400),
        (client.put(put, json={"label": "a;b"}), 400),
        (client.put(put, data=b"no json"), 400),
        (client.put(put, data=b"x" * 10_000), 413),
        (client.put(put, json={"label": "dog"}, headers={"Origin": "https://elsewhere.example"}), 403),
        (client.put(put, json={"label": "dog"}, headers={"Host": "elsewhere.example"}), 400),
    ]
    assert [response.status_code for response, _ in cases] == [code for _, code in cases]
    assert all(response.json["error"] for response, _ in cases)
    assert not (folder / "manifest.csv").exists()
