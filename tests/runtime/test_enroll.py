"""`auricle enroll` as a person uses it: clips in, a file out, `listen` hears the sound; what goes wrong is told."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auricle_runtime.cut_sounds import cut_sounds
from auricle_runtime.hear_clips import audio_files, hear_clip, hear_recording, over
from auricle_runtime.onnx_scorer import OnnxScorer
from auricle_shared.audio import write_wav
from auricle_shared.enrolment import EnrolmentError

RATE = 16000
NEW_HZ = 520
"""No pitch that the model was trained on"""


def tone(hz: float, seconds: float, level: float = 0.3) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def room(seconds: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1e-3, round(seconds * RATE)).astype(np.float32)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy of the tiny model with an embedding: the file of enrolled sounds lies beside it."""
    path = tmp_path / "model.onnx"
    path.write_bytes((Path(__file__).parents[1] / "data" / "tiny_embedding.onnx").read_bytes())
    return path


@pytest.fixture
def clips(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(2)
    paths = [tmp_path / f"whistle{k}.wav" for k in range(4)]
    for k, path in enumerate(paths):
        sound = tone(NEW_HZ * rng.uniform(0.99, 1.01), rng.uniform(0.4, 0.6))
        rate = (16000, 48000)[k % 2] if k < 2 else RATE
        audio = np.concatenate([room(0.2, k), sound, room(0.2, k)])
        write_wav(path, audio if rate == RATE else np.repeat(audio, 3), rate)
    return paths


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A whistle at 2, 8 and 14 s; pitches that the model knows at 5 and 11 s."""
    audio = room(18.0, 9)
    for start, hz in ((2, NEW_HZ), (5, 900), (8, NEW_HZ), (11, 2900), (14, NEW_HZ)):
        audio[start * RATE : start * RATE + RATE // 2] += tone(hz, 0.5)
    write_wav(tmp_path / "scene.wav", audio, RATE)
    return tmp_path / "scene.wav"


def onsets(listened: subprocess.CompletedProcess[str], label: str) -> list[float]:
    events = [json.loads(line) for line in listened.stdout.splitlines()]
    return [e["onset_seconds"] for e in events if (e["label"], e["phase"]) == (label, "on")]


def test_a_sound_that_was_never_trained_is_heard_after_enrolment(
    model: Path, clips: list[Path], scene: Path, auricle_here: Callable[..., Any]
) -> None:
    told = auricle_here("enroll", model, "whistle", *clips)
    assert "whistle: 4 clips, 4 of 4 found from the other clips" in told.stdout
    assert "Warning" not in told.stderr
    file = model.with_name("model.enrolled.json")
    heard = auricle_here("listen", model, "--wav", scene, "--json", "--enrolled", file)
    assert onsets(heard, "whistle") == pytest.approx([2, 8, 14], abs=0.5)
    plain = auricle_here("listen", model, "--wav", scene, "--json")
    for label in ("900 Hz", "2900 Hz"):  # the classes are told as before
        assert onsets(heard, label) == onsets(plain, label)
    in_small_blocks = auricle_here("listen", model, "--wav", scene, "--json", "--enrolled", file, "--block-ms", 7)
    assert onsets(in_small_blocks, "whistle") == onsets(heard, "whistle")


def test_list_rename_remove_and_enrol_again(model: Path, clips: list[Path], auricle_here: Callable[..., Any]) -> None:
    auricle_here("enroll", model, "whistle", clips[0].parent)  # a folder of clips
    assert "is enrolled already" in auricle_here("enroll", model, "whistle", *clips, check=False).stderr
    auricle_here("enroll", model, "whistle", *clips[:3], "--replace")
    listed = json.loads(auricle_here("enroll", model, "--list", "--json").stdout)
    assert [(s["name"], len(s["sources"])) for s in listed] == [("whistle", 3)]
    assert np.diag(listed[0]["similarity"]) == pytest.approx(np.ones(3), abs=1e-3)
    auricle_here("enroll", model, "whistle", "--rename", "kettle")
    assert auricle_here("enroll", model, "--list").stdout.startswith("kettle: 3 clips")
    assert "has no sound 'whistle'. It has: kettle" in auricle_here(
        "enroll", model, "whistle", "--remove", check=False).stderr  # fmt: skip
    auricle_here("enroll", model, "kettle", "--remove")
    assert auricle_here("enroll", model, "--list").stdout == ""


def test_negatives_raise_the_threshold_above_all_of_them(
    model: Path, clips: list[Path], scene: Path, auricle_here: Callable[..., Any]
) -> None:
    before = json.loads(auricle_here("enroll", model, "whistle", *clips, "--json").stdout)[0]
    near = clips[0].parent / "negatives" / "near.wav"
    near.parent.mkdir()
    write_wav(near, np.concatenate([room(1.0), tone(NEW_HZ * 1.06, 1.0), room(1.0)]), RATE)
    told = auricle_here(
        "enroll", model, "whistle", *clips, "--negatives", near.parent, "--replace", "--force", "--json"
    )
    after = json.loads(told.stdout)[0]
    assert after["negative_seconds"] == pytest.approx(3.0, abs=0.02) and before["negative_seconds"] == 0
    assert after["threshold"] > after["highest_of_the_negatives"]
    file = model.with_name("model.enrolled.json")
    heard = auricle_here("listen", model, "--wav", near, "--json", "--enrolled", file)
    assert onsets(heard, "whistle") == []


def test_mistakes_are_told_in_words_and_leave_no_file(
    model: Path, clips: list[Path], tiny_model: Path, tmp_path: Path, auricle_here: Callable[..., Any]
) -> None:
    silent, long = tmp_path / "silent.wav", tmp_path / "long.wav"
    write_wav(silent, np.zeros(RATE, np.float32), RATE)
    write_wav(long, room(31.0), RATE)
    (tmp_path / "empty").mkdir()
    unlike = [tmp_path / f"unlike{k}.wav" for k in range(4)]
    for k, path in enumerate(unlike):
        write_wav(path, tone((300, 3600, 900, 2000)[k], 0.5), RATE)
    cases: list[tuple[list[Any], str]] = [
        ([tiny_model, "whistle", *clips], "has no embedding, so nothing can be enrolled"),
        ([tmp_path / "no.onnx", "whistle", *clips], "does not exist"),
        ([model, "whistle", tmp_path / "no.wav"], "holds no recordings"),
        ([model, "whistle", tmp_path / "empty"], "holds no recordings"),
        ([model, "whistle", silent], "is silent"),
        ([model, "whistle", long], "lasts 31 s"),
        ([model, "640 Hz", *clips], "a class that the model was trained on"),
        ([model, "whistle", *unlike], "clips of 'whistle' would be found from the others"),
        ([model, "whistle"], "Give either clips"),
        ([model, "--list"], "does not exist. 'auricle enroll"),
        ([model, "a", "--rename", "b", "--remove"], "do different things"),
    ]
    for arguments, words in cases:
        done = auricle_here("enroll", *arguments, check=False)
        assert done.returncode and words in done.stderr, done.stderr
    assert not list(tmp_path.glob("*.enrolled.json"))


def test_sounds_of_another_model_are_refused(
    model: Path, clips: list[Path], tiny_model: Path, scene: Path, auricle_here: Callable[..., Any]
) -> None:
    auricle_here("enroll", model, "whistle", *clips)
    file = model.with_name("model.enrolled.json")
    done = auricle_here("listen", tiny_model, "--wav", scene, "--enrolled", file, check=False)
    assert done.returncode == 1 and "is another model" in done.stderr


def test_a_recording_in_pieces_is_heard_as_a_clip_is(model: Path, tmp_path: Path) -> None:
    scorer = OnnxScorer(model)
    path = tmp_path / "long.wav"
    write_wav(path, np.concatenate([room(5.0), tone(NEW_HZ, 1.0), room(2.3)]), RATE)
    vectors, excerpt = hear_recording(scorer, path)
    assert len(vectors) == round(8.3 * RATE) // scorer.metadata.hop_samples
    whistle = hear_clip(scorer, tone(NEW_HZ, 1.0), "whistle")
    similar = vectors @ whistle.prototype
    middle = similar[len(similar) * 52 // 83 : len(similar) * 60 // 83]
    assert middle.min() > 1.5 * similar[: len(similar) // 2].mean()
    with pytest.raises(EnrolmentError, match="silent"):
        hear_clip(scorer, np.zeros(RATE, np.float32), "nothing")
    assert audio_files(path) == [path]


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 20.0])
def test_a_clip_is_laid_over_the_place_at_the_asked_ratio(snr_db: float) -> None:
    """By power, in the frames where the sound is; the same clip always over the same stretch, also of a short one."""
    sound = np.concatenate([np.zeros(RATE // 2, np.float32), tone(NEW_HZ, 0.5, 0.1), np.zeros(RATE // 2, np.float32)])
    place = [room(seconds, seed) * 20 for seed, seconds in enumerate((0.3, 5.0, 60.0))]
    found = over(sound, place, snr_db, RATE)
    noise = (found - sound).astype(np.float64)
    power = np.mean(np.square(sound[RATE // 2 : RATE], dtype=np.float64)) / np.mean(noise**2)
    assert 10 * np.log10(power) == pytest.approx(snr_db, abs=0.5)
    assert np.array_equal(found, over(sound, place, snr_db, RATE))
    assert np.abs(over(10 * sound, place, snr_db, RATE)).max() == 1.0, "limited to full scale, as a converter does"


def test_negatives_are_heard_behind_the_clips_too(
    model: Path, clips: list[Path], scene: Path, tmp_path: Path, auricle_here: Callable[..., Any]
) -> None:
    scorer, place = OnnxScorer(model), [room(3.0) * 20]
    assert len(hear_clip(scorer, tone(NEW_HZ, 0.5), "whistle", place).hearings) == 3
    assert len(hear_clip(scorer, tone(NEW_HZ, 0.5), "whistle").hearings) == 1
    write_wav(tmp_path / "room.wav", room(70.0, 4), RATE)
    auricle_here("enroll", model, "whistle", *clips, "--negatives", tmp_path / "room.wav")
    file = model.with_name("model.enrolled.json")
    heard = auricle_here("listen", model, "--wav", scene, "--json", "--enrolled", file)
    found = onsets(heard, "whistle")
    assert all(any(abs(onset - start) < 0.5 for onset in found) for start in (2, 8, 14))


def test_sounds_are_recorded_from_a_microphone(sound_server: Any, model: Path, tmp_path: Path) -> None:
    """A real sound server plays them to a real capture."""
    parts = [room(1.0)]
    for k in range(3):
        parts += [tone(NEW_HZ * (0.99 + 0.01 * k), 0.5), room(1.5, k)]
    write_wav(tmp_path / "played.wav", np.repeat(np.concatenate(parts), 3), 3 * RATE)
    command = [sys.executable, "-m", "auricle_shared.command", "enroll", str(model), "whistle", "--record", "3"]
    process = subprocess.Popen(
        [*command, "--device", "pulse"], env=sound_server.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        assert any("make the sound 3 times" in line for line in process.stderr)
        time.sleep(1.0)  # the room is heard before the first sound
        sound_server.play(tmp_path / "played.wav")
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert "3 of 3" in err and "whistle: 3 clips" in out
    sound = json.loads(model.with_name("model.enrolled.json").read_text())["sounds"][0]
    assert sound["sources"] == ["microphone 1", "microphone 2", "microphone 3"]
    assert sound["told"]["found_from_the_others"] == 3


@pytest.mark.parametrize("piece", [64, 1000, 7777])
def test_sounds_are_cut_out_of_a_stream_with_a_little_room_around(piece: int) -> None:
    stream, starts = room(12.0, 3), (1.5, 4.0, 7.0)
    for k, start in enumerate(starts):
        at = round(start * RATE)
        sound = tone(800, 0.3 + 0.2 * k)
        stream[at : at + len(sound)] += sound
    stream[round(10 * RATE) : round(10 * RATE) + 40] += 0.5  # a click is no sound
    found = list(cut_sounds((stream[i : i + piece] for i in range(0, len(stream), piece)), RATE))
    assert len(found) == 3
    for k, sound in enumerate(found):
        assert len(sound) / RATE == pytest.approx(0.2 + 0.3 + 0.2 * k + 0.4, abs=0.1)
        loud = np.abs(sound) > 0.1
        assert loud.any() and 0.15 < loud.argmax() / RATE < 0.25


def test_a_sound_that_does_not_end_is_cut_off() -> None:
    stream = np.concatenate([room(2.0), tone(500, 9.0)])
    first = next(iter(cut_sounds([stream], RATE)))
    assert len(first) / RATE == pytest.approx(5.0, abs=0.05)
