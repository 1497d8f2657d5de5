"""Takes are judged by what is in them, the folder can be trained from, and the real command hears a real server."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auricle_runtime.record.ear import Ear, Heard
from auricle_runtime.record.folder import SessionFolder
from auricle_runtime.record.guide import REFUSED_IN_A_ROW, Session, SessionSettings
from auricle_runtime.record.take import judge_room, judge_take, level_of_room
from auricle_runtime.sources import Block, Gap
from auricle_shared.audio import write_wav
from auricle_shared.errors import DataError, DeviceError

RATE_HZ = 16000
HANDS_FREE = SessionSettings(takes=2, seconds=3.0, countdown_seconds=0, play=False, review=False)


def room(seconds: float = 3.0, level: float = 1e-3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, level, round(seconds * RATE_HZ)).astype(np.float32)


def with_tone(begin: float, end: float, amplitude: float = 0.2, seconds: float = 3.0) -> np.ndarray:
    audio, t = room(seconds), np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    inside = (t >= begin) & (t < end)
    return np.where(inside, audio + amplitude * np.sin(2 * np.pi * 1000 * t), audio).astype(np.float32)


def test_the_room_is_as_loud_as_its_noise_whatever_knocks() -> None:
    assert level_of_room(room(2.0, 1e-2), RATE_HZ) == pytest.approx(-40, abs=0.5)
    assert level_of_room(with_tone(0.5, 1.2, seconds=2.0), RATE_HZ) == pytest.approx(-60, abs=1)


@pytest.mark.parametrize(("begin", "end"), [(1.0, 1.5), (0.05, 0.6), (2.5, 3.0), (0.0, 3.0)])
def test_silence_is_trimmed_and_nothing_of_the_sound(begin: float, end: float) -> None:
    audio = with_tone(begin, end)
    take = judge_take(audio, RATE_HZ, -60.0)
    assert take.problem == ""
    assert take.peak_db == pytest.approx(-14, abs=0.5)
    wanted = min(3.0, end + 0.4) - max(0.0, begin - 0.2)
    assert take.seconds == pytest.approx(wanted, abs=0.041), "frames of 20 ms at both ends"
    power = np.square(with_tone(begin, end)).sum()
    assert np.square(take.samples).sum() > 0.999 * (power - np.square(room()).sum())


@pytest.mark.parametrize(
    ("audio", "lost", "words"),
    [
        (np.zeros(48000, np.float32), "", "muted or dead"),
        (room(), "", "empty: nothing was 12 dB above the room"),
        (with_tone(1.0, 1.02, 0.01), "", "empty"),
        (np.clip(with_tone(1.0, 2.0, 3.0), -1, 1), "", "cut off at full scale"),
        (with_tone(1.0, 2.0), "audio was lost (unplugged)", "unplugged"),
    ],
)
def test_takes_that_are_refused(audio: np.ndarray, lost: str, words: str) -> None:
    take = judge_take(audio, RATE_HZ, -60.0, lost)
    assert words in take.problem
    assert len(take.samples) == len(audio)


def test_the_room_itself_is_refused_only_where_it_cannot_be_used() -> None:
    assert judge_room(room()) == ""
    assert judge_room(with_tone(1, 2)) == ""
    assert "muted" in judge_room(np.zeros(100, np.float32))
    assert "full scale" in judge_room(np.ones(100, np.float32))


def rows_of(folder: Path) -> list[dict[str, str]]:
    with open(folder / "manifest.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_folder_has_a_row_for_every_take(tmp_path: Path) -> None:
    first = SessionFolder(tmp_path, "smoke alarm", RATE_HZ, speaker="ada")
    paths = [first.add(with_tone(1, 2)), first.add(with_tone(0, 1))]
    second = SessionFolder(tmp_path, "kettle", RATE_HZ)
    second.session = "another"
    paths.append(second.add(with_tone(0, 1)))
    rows = rows_of(tmp_path)
    assert [tmp_path / r["path"] for r in rows] == paths
    assert [r["label"] for r in rows] == ["smoke alarm", "smoke alarm", "kettle"]
    assert [r["speaker"] for r in rows] == ["ada", "ada", ""]
    assert rows[0]["group"] == rows[1]["group"] != rows[2]["group"] == "another"
    with wave.open(str(paths[0])) as file:
        assert (file.getframerate(), file.getnchannels(), file.getnframes()) == (RATE_HZ, 1, 3 * RATE_HZ)


def test_a_manifest_that_is_there_keeps_its_rows_and_columns(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("path,label,licence\nold.wav,dog,CC0\n")
    SessionFolder(tmp_path, "dog", RATE_HZ).add(with_tone(1, 2))
    rows = rows_of(tmp_path)
    assert rows[0] == {"path": "old.wav", "label": "dog", "licence": "CC0", "speaker": "", "group": ""}
    assert rows[1]["label"] == "dog" and rows[1]["group"] and rows[1]["licence"] == ""


def test_folders_and_labels_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "classes" / "dog").mkdir(parents=True)
    write_wav(tmp_path / "classes" / "dog" / "a.wav", room(), RATE_HZ)
    with pytest.raises(DataError, match="without a manifest.csv.*would hide"):
        SessionFolder(tmp_path / "classes", "cat", RATE_HZ)
    (tmp_path / "manifest.csv").write_text("file;sound\n")
    with pytest.raises(DataError, match="wanted at least path and label"):
        SessionFolder(tmp_path, "cat", RATE_HZ)
    for label in ("", "..", "a;b", "a,b"):
        with pytest.raises(DataError, match="is no label"):
            SessionFolder(tmp_path / "new", label, RATE_HZ)


class Script:
    """An ear that hears what it is told to."""

    def __init__(self, *pieces: np.ndarray) -> None:
        self._pieces = list(pieces)

    def take(self, seconds: float, look: Callable[[np.ndarray], object] = len) -> Heard:
        return Heard(self._pieces.pop(0)[: round(seconds * RATE_HZ)], "")


def session_of(tmp_path: Path, *pieces: np.ndarray, **options: Any) -> tuple[Session, SessionFolder, list[str]]:
    said: list[str] = []
    folder = SessionFolder(tmp_path, "beep", RATE_HZ)
    return Session(Script(*pieces), folder, RATE_HZ, said.append, **options), folder, said  # type: ignore[arg-type]


def test_refused_takes_are_made_again(tmp_path: Path) -> None:
    session, folder, said = session_of(tmp_path, room(2), with_tone(1, 2), room(), with_tone(0, 1))
    session.record_takes(session.check_level(), HANDS_FREE)
    assert folder.count == 2 and len(rows_of(tmp_path)) == 2
    assert sum("refused: empty" in line for line in said) == 1
    assert "-60 dB" in said[1]


def test_it_does_not_go_on_for_ever(tmp_path: Path) -> None:
    session, folder, _ = session_of(tmp_path, *[room()] * 10)
    with pytest.raises(DataError, match=f"{REFUSED_IN_A_ROW} takes in a row were refused; the last one: empty"):
        session.record_takes(-60.0, HANDS_FREE)
    assert folder.count == 0 and not (tmp_path / "manifest.csv").exists()


def test_a_dead_microphone_is_told_before_the_first_take(tmp_path: Path) -> None:
    session, _, _ = session_of(tmp_path, np.zeros(32000, np.float32))
    with pytest.raises(DeviceError, match="muted or dead"):
        session.check_level()


def test_a_person_may_hear_repeat_keep_and_stop(tmp_path: Path) -> None:
    played: list[np.ndarray] = []
    answers = iter(["p", "r", "", "q"])
    session, folder, _ = session_of(
        tmp_path, *[with_tone(1, 2)] * 4, play=played.append, ask=lambda _question: next(answers)
    )
    session.record_takes(-60.0, SessionSettings(takes=5, seconds=3.0, countdown_seconds=0, play=False, review=True))
    assert folder.count == 1 and len(played) == 1
    assert 1 < len(played[0]) / RATE_HZ < 2


def test_the_room_is_kept_whole_in_pieces(tmp_path: Path) -> None:
    kept: list[dict[str, Any]] = []
    pieces = [room(10, seed=1), np.ones(10 * RATE_HZ, np.float32), room(5, seed=2)]
    session, folder, said = session_of(tmp_path, *pieces, kept=kept.append)
    session.record_room(25.0)
    assert folder.count == 2 and [k["seconds"] for k in kept] == [10.0, 5.0]
    assert sum("left out" in line for line in said) == 1


class Pushed:
    """A source that gives its blocks when they are pushed."""

    description, problems = "pushed", []  # noqa: RUF012

    def __init__(self, blocks: list[Block]) -> None:
        self._blocks = blocks

    def blocks(self, lost: Callable[[str], None] = print) -> Iterator[Block]:
        yield from self._blocks

    def close(self) -> None: ...


def test_the_ear_says_what_was_lost_in_a_take_and_when_the_source_ends() -> None:
    samples = np.full(1600, 0.5, np.float32)
    blocks = [Block(samples, 0.1 * i, Gap("unplugged", 1.0) if i % 2 else None) for i in range(100000)]
    ear = Ear(Pushed(blocks), RATE_HZ)  # type: ignore[arg-type]
    shown: list[int] = []
    heard = ear.take(1.05, lambda block: shown.append(len(block)))
    assert len(heard.samples) == round(1.05 * RATE_HZ) == sum(shown)
    assert "unplugged" in heard.lost
    ended = Ear(Pushed([]), RATE_HZ)  # type: ignore[arg-type]
    with pytest.raises(DeviceError, match="came to its end"):
        ended.take(1.0)


@pytest.mark.timeout(90)
def test_takes_through_a_real_sound_server(sound_server: Any, tmp_path: Path) -> None:
    t = np.arange(20 * 48000) / 48000
    bursts = np.where(t % 2 < 0.5, 0.3 * np.sin(2 * np.pi * 1000 * t), np.random.default_rng(0).normal(0, 1e-3, len(t)))
    write_wav(tmp_path / "bursts.wav", bursts.astype(np.float32), 48000)
    write_wav(tmp_path / "room.wav", np.tile(room(5), 3), RATE_HZ)
    out = tmp_path / "recordings"
    sound_server.play(tmp_path / "room.wav")
    process = subprocess.Popen(
        [sys.executable, "-m", "auricle_shared.command", "record", "beep", "--out", str(out), "--device", "pulse",
         "--takes", "2", "--countdown", "0", "--no-review", "--play", "--json"],
        env=sound_server.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("Take 1"):
                break
        sound_server.play(tmp_path / "bursts.wav")
        stdout, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, stderr
    told = [json.loads(line) for line in stdout.splitlines()]
    assert [Path(k["path"]) for k in told] == [out / r["path"] for r in rows_of(out)]
    assert len({r["group"] for r in rows_of(out)}) == 1
    for facts in told:
        with wave.open(facts["path"]) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768
        assert np.abs(samples).max() == pytest.approx(0.3, abs=0.05)
        hz = np.argmax(np.abs(np.fft.rfft(samples))) * RATE_HZ / len(samples)
        assert hz == pytest.approx(1000, rel=0.03)


@pytest.mark.timeout(60)
def test_no_microphone_no_label_no_folder(tmp_path: Path, run_auricle: Any, fake_sounddevice: Any) -> None:
    env = fake_sounddevice("DEVICES = DEVICES[:1]")
    done = run_auricle("record", "beep", "--out", tmp_path / "out", env=env, check=False)
    assert done.returncode == 1 and "No microphone was found" in done.stderr
    done = run_auricle("record", "--out", tmp_path / "out", check=False)
    assert done.returncode == 2 and "LABEL for the sound is missing" in done.stderr
    assert not (tmp_path / "out").exists()
