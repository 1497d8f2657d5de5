"""A written scene: its table says where the sound is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from auricle_shared.audio import read_audio, write_wav
from auricle_shared.errors import DataError
from auricle_shared.metadata import BACKGROUND
from auricle_shared.pack import Pack, PackWriter
from auricle_shared.scenes import SceneSettings
from auricle_shared.write_scene import SceneEvent, make_scene, read_event_table, write_event_table

RATE = 8000
SETTINGS = SceneSettings(
    gap_seconds=1.0, gap_minimum_seconds=0.3, adjoining=0.0, snr_low_db=25, snr_high_db=25, clean=0.0, reset=0.0
)


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """'high' and 'low' tones, 'both' labels at once, and a tone in the middle labelled background."""
    with PackWriter(tmp_path_factory.mktemp("scene") / "tones", RATE) as writer:
        for i, (labels, hz) in enumerate(
            [(["high"], 3000), (["low"], 500), ([BACKGROUND], 1500), (["high", "low"], 2200)] * 3
        ):
            t = np.arange(round(RATE * (0.3 + 0.35 * i))) / RATE
            writer.add(0.4 * np.sin(2 * np.pi * hz * t), labels, split="test" if hz != 2200 else "pairs")
    return Pack.open(writer.path)


def loudness(audio: np.ndarray, hz: float) -> np.ndarray:
    """Level of one frequency every 20 ms."""
    t = np.arange(len(audio)) / RATE
    turned = audio * np.exp(-2j * np.pi * hz * t)
    return np.abs(turned[: len(audio) // 160 * 160].reshape(-1, 160).mean(1))


def test_the_table_says_where_the_energy_is(tones: Pack, tmp_path: Path) -> None:
    audio, events = make_scene(tones, tones.select("test"), None, SETTINGS, 60.0, seed=1)
    assert audio.shape == (60 * RATE,) and audio.dtype == np.float32
    write_wav(tmp_path / "scene.wav", audio, RATE)
    write_event_table(tmp_path / "scene.csv", events)
    heard, rate = read_audio(tmp_path / "scene.wav")
    assert rate == RATE
    table = read_event_table(tmp_path / "scene.csv")
    assert len(table) > 10 and {e.label for e in table} == {"high", "low"}
    assert [e.onset_seconds for e in table] == sorted(e.onset_seconds for e in table)
    for label, hz in (("high", 3000), ("low", 500)):
        level = loudness(heard, hz)
        times = 0.02 * np.arange(len(level))
        told = np.zeros(len(level), bool)
        edge = np.zeros(len(level), bool)
        for e in table:
            if e.label == label:
                told |= (times >= e.onset_seconds) & (times + 0.02 <= e.offset_seconds)
            for moment in (e.onset_seconds, e.offset_seconds):
                edge |= abs(times + 0.01 - moment) < 0.03
        background = np.median(level)
        assert (level[told] > 5 * background).all()
        assert (level[~told & ~edge] > 5 * background).mean() < 0.01


def test_background_clips_sound_and_are_no_events(tones: Pack) -> None:
    audio, events = make_scene(tones, tones.select("test"), None, SETTINGS, 60.0, seed=1)
    level = loudness(audio, 1500)
    assert (level > 5 * np.median(level)).mean() > 0.05
    assert BACKGROUND not in {e.label for e in events}


def test_two_labels_are_two_events_at_one_time(tones: Pack) -> None:
    _, events = make_scene(tones, tones.select("pairs"), None, SETTINGS, 30.0, seed=2)
    assert len(events) >= 6
    for high, low in zip(events[::2], events[1::2], strict=True):
        assert (high.label, low.label) == ("high", "low")
        assert (high.onset_seconds, high.offset_seconds) == (low.onset_seconds, low.offset_seconds)


def test_the_end_cuts_the_last_event_and_nothing_else(tones: Pack) -> None:
    for seconds in (4.0, 10.0, 13.7):
        audio, events = make_scene(tones, [8, 9], None, SETTINGS, seconds, seed=0)
        long, more = make_scene(tones, [8, 9], None, SETTINGS, 40.0, seed=0)
        assert np.array_equal(audio, long[: len(audio)])
        assert all(e.offset_seconds <= seconds for e in events)
        kept = [e for e in more if e.onset_seconds < seconds]
        assert [e.onset_seconds for e in events] == [e.onset_seconds for e in kept]
        assert [min(seconds, e.offset_seconds) for e in kept] == [e.offset_seconds for e in events]


def test_given_background_is_the_one_that_is_heard(tones: Pack, tmp_path: Path) -> None:
    with PackWriter(tmp_path / "hum", RATE) as writer:
        writer.add(0.1 * np.sin(2 * np.pi * 1000 * np.arange(40 * RATE) / RATE), [BACKGROUND])
    hum, _ = make_scene(tones, [1], Pack.open(tmp_path / "hum"), SETTINGS, 20.0, seed=1)
    noise, _ = make_scene(tones, [1], None, SETTINGS, 20.0, seed=1)
    assert np.median(loudness(hum, 1000)) > 10 * np.median(loudness(noise, 1000))


def test_a_table_survives_writing(tmp_path: Path) -> None:
    events = [SceneEvent('Glocke, "groß"', 0.125, 3.5), SceneEvent("a;b", 4.0, 5.0)]
    write_event_table(tmp_path / "t.csv", events)
    assert read_event_table(tmp_path / "t.csv") == events
    assert (tmp_path / "t.csv").read_text(encoding="utf-8").splitlines()[0] == "label,onset_seconds,offset_seconds"


def test_no_clips_no_scene(tones: Pack) -> None:
    with pytest.raises(DataError, match="no clips of that split.*pairs"):
        make_scene(tones, tones.select("tset"), None, SETTINGS, 10.0, seed=0)
