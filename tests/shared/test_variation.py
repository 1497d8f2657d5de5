"""What is drawn for events beyond their place: mixed classes, speed, rooms, more background; measured in the sound."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from auricle_shared.errors import SettingsError
from auricle_shared.metadata import BACKGROUND
from auricle_shared.pack import Pack, PackWriter
from auricle_shared.scene_window import NOTHING, Parts
from auricle_shared.scenes import Placed, SceneSettings, SceneStreams, Window, render
from auricle_shared.variation import PLAIN, ROOMS, AugmentSettings, Partners, Variation, mixing_gains

RATE = 8000
SETTINGS = SceneSettings(reset=0.0, clean=0.0)


def tone(hz: float, seconds: float, level: float) -> np.ndarray:
    return level * np.sin(2 * np.pi * hz * np.arange(round(RATE * seconds)) / RATE)


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """Tones of three classes, each of its own loudness and length, and a clip of background."""
    rng = np.random.default_rng(0)
    with PackWriter(tmp_path_factory.mktemp("variation") / "events", RATE) as writer:
        for i in range(12):
            label, hz = (("low", 300.0), ("middle", 1000.0), ("high", 2700.0))[i % 3]
            writer.add(tone(hz, rng.uniform(0.2, 0.9), rng.uniform(0.02, 0.5)), [label])
        writer.add(rng.standard_normal(RATE) * 0.02, [BACKGROUND])
    return Pack.open(writer.path)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    rng = np.random.default_rng(1)
    with PackWriter(tmp_path_factory.mktemp("variation") / "room", RATE) as writer:
        for level in (0.01, 0.05, 0.1):
            writer.add(rng.standard_normal(5 * RATE) * level, [BACKGROUND])
    return Pack.open(writer.path)


def plan(
    events: Pack,
    room: Pack,
    augment: AugmentSettings,
    settings: SceneSettings = SETTINGS,
    windows: int = 60,
    **more: int,
) -> list[Window]:
    given = {"streams": 3, "window_samples": RATE, "seed": 5, **more}
    streams = SceneStreams(events, range(len(events)), room, range(3), settings, **given, augment=augment)
    return [streams.next_window() for _ in range(windows)]


def starts(windows: list[Window], what: str = "events") -> list[Placed]:
    """Every event or piece once."""
    return [p for w in windows for p in getattr(w, what) if p.begun_samples == p.start_samples]


def test_nothing_is_changed_unless_it_is_set(events: Pack, room: Pack) -> None:
    windows = plan(events, room, AugmentSettings())
    assert all(p.variation == PLAIN for w in windows for p in [*w.events, *w.background])


@pytest.mark.parametrize("window_samples", [RATE // 2, 777, 3 * RATE])
def test_draws_do_not_know_the_window_or_the_other_streams(events: Pack, room: Pack, window_samples: int) -> None:
    augment = AugmentSettings(mix=0.5, speed_low=0.9, speed_high=1.1, room=0.5, ambient=0.5, gain_high_db=6.0)

    def told(streams: int, first: int, samples: int) -> list[tuple[object, ...]]:
        more = {"window_samples": samples, "first_stream": first, "all_streams": 3}
        windows = plan(events, room, augment, streams=streams, windows=40 * RATE // samples, **more)
        return [
            (w.number * samples + p.start_samples, p.clip, p.gain, p.variation)
            for what in ("events", "background")
            for w in windows
            for p in getattr(w, what)
            if p.begun_samples == p.start_samples and p.stream + first == 2
        ]

    together, alone = told(3, 0, RATE), told(1, 2, window_samples)
    behind = min(t[0] for t in (max(together, key=lambda t: t[0]), max(alone, key=lambda t: t[0])))  # type: ignore[type-var]
    assert len(together) > 30
    assert [t for t in together if t[0] <= behind] == [t for t in alone if t[0] <= behind]  # type: ignore[operator]


def test_the_share_of_mixed_events_and_of_each_class_in_them(events: Pack, room: Pack) -> None:
    found = starts(plan(events, room, AugmentSettings(mix=0.4), windows=400))
    heard = [p for p in found if events.clips[p.clip].labels != (BACKGROUND,)]
    mixed = [p for p in heard if p.variation.other >= 0]
    assert len(mixed) / len(heard) == pytest.approx(0.4, abs=0.05)
    assert all(p.variation.other < 0 for p in found if events.clips[p.clip].labels == (BACKGROUND,))
    pairs = Counter((events.clips[p.clip].labels, events.clips[p.variation.other].labels) for p in mixed)
    assert len(pairs) == 6, "each class with each other one, none with itself or with background"
    shares = np.array([p.variation.share for p in mixed])
    assert shares.mean() == pytest.approx(0.5, abs=0.05) and shares.std() == pytest.approx(12**-0.5, rel=0.1)


def test_a_mixed_event_is_as_loud_as_its_ratio_says_and_its_shares_are_heard(events: Pack, room: Pack) -> None:
    """Measured in the audio: each tone's amplitude by projection, over clips that are otherwise far apart in level."""
    settings = replace(SETTINGS, clean=1.0, gain_low_db=-20.0, gain_high_db=-20.0, gap_minimum_seconds=1.0)
    windows = plan(events, room, AugmentSettings(mix=1.0), settings, windows=120)
    audio = np.concatenate([render(w, events, room, 3, RATE) for w in windows], 1).astype(np.float64)
    hz = {"low": 300.0, "middle": 1000.0, "high": 2700.0}
    checked = 0
    for w in windows:
        for p in w.events:
            if p.variation.other < 0 or p.begun_samples != p.start_samples:
                continue
            n = min(events.clips[i].length_samples for i in (p.clip, p.variation.other))
            at = w.number * RATE + p.start_samples
            heard = audio[p.stream, at : at + n]
            wave = np.exp(-2j * np.pi * np.arange(len(heard)) / RATE * np.array([[hz[events.clips[i].labels[0]]]
                for i in (p.clip, p.variation.other)]))  # fmt: skip
            first, second = np.abs(wave @ heard) * np.sqrt(2) / len(heard)  # root mean square of either tone
            assert first / (first + second) == pytest.approx(p.variation.share, abs=0.02)
            own = events.clips[p.clip].active_rms
            assert 20 * np.log10(np.hypot(first, second) / own) == pytest.approx(-20, abs=0.3)
            checked += 1
    assert checked > 60


def test_mixing_gains_by_hand() -> None:
    assert mixing_gains(1.0) == (1.0, 0.0)
    assert mixing_gains(0.5) == pytest.approx((0.5**0.5, 0.5**0.5))
    assert mixing_gains(0.8) == pytest.approx((0.8 / 0.68**0.5, 0.2 / 0.68**0.5))


def test_partners_are_all_clips_of_other_labels_evenly(events: Pack) -> None:
    partners = Partners(events.clips, range(len(events)), BACKGROUND)
    found = Counter(partners.partner(np.full(800, 4), (np.arange(800) + 0.5) / 800).tolist())
    assert found == {i: 100 for i in range(12) if i % 3 != 1}
    assert partners.partner(np.array([12]), np.array([0.3])) == -1, "background is not mixed"
    assert Partners(events.clips, [0, 3, 12], BACKGROUND).partner(np.array([0]), np.array([0.5])) == -1, (
        "no other class is there"
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mix": 1.5}, "augment.mix is 1.5.*between 0 and 1"),
        ({"room": -0.1}, "augment.room is -0.1"),
        ({"ambient": 2.0}, "augment.ambient is 2.0"),
        ({"speed_low": 0.5}, "speed_low is 0.5.*between 0.85 and 1.15"),
        ({"speed_high": 1.3}, "speed_high is 1.3"),
        ({"speed_low": 1.1}, "speed_low = 1.1 is above augment.speed_high = 1.0"),
        ({"gain_low_db": 3.0}, "gain_low_db = 3.0 is above"),
        ({"rt60_high_seconds": 5.0}, "rt60_high_seconds is 5.0"),
        ({"direct_low_db": float("nan")}, "direct_low_db is nan"),
    ],
)
def test_settings_that_cannot_be_are_refused(change: dict[str, float], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        AugmentSettings(**change)


def test_only_the_trainer_plays_faster_or_in_a_room(events: Pack, room: Pack) -> None:
    for variation in (Variation(speed_percent=101), Variation(room=0)):
        part = Placed(0, 0, 0, 0, 100, 1.0, variation=variation)
        with pytest.raises(ValueError, match="faster or in a room"):
            render(Window(0, np.ones(1, bool), np.zeros(1), Parts.of([part]), NOTHING), events, room, 1, RATE)


def test_speeds_rooms_and_lengths(events: Pack, room: Pack) -> None:
    augment = AugmentSettings(speed_low=0.85, speed_high=1.15, room=0.3)
    found = starts(plan(events, room, augment, windows=600))
    percents = Counter(p.variation.speed_percent for p in found)
    assert sorted(percents) == list(range(85, 116))
    expected = len(found) / 31
    assert sum((n - expected) ** 2 / expected for n in percents.values()) < 70  # 30 degrees of freedom
    rooms = [p.variation.room for p in found if p.variation.room >= 0]
    assert len(rooms) / len(found) == pytest.approx(0.3, abs=0.05)
    assert set(rooms) == set(range(ROOMS))
    for percent, length in ((85, 118), (100, 100), (115, 87)):
        assert Variation(speed_percent=percent).played_samples(100) == length


def test_events_at_other_speeds_last_as_long_as_they_sound(events: Pack, room: Pack) -> None:
    windows = plan(events, room, AugmentSettings(speed_low=0.85, speed_high=1.15), windows=100, window_samples=1000)
    lengths: dict[tuple[int, int], int] = {}
    for w in windows:
        for p in w.events:
            key = (p.stream, w.number * 1000 + p.begun_samples)
            assert p.source_samples == lengths.get(key, 0)
            lengths[key] = lengths.get(key, 0) + p.length_samples
            if p.ends:
                assert lengths[key] == -(-events.clips[p.clip].length_samples * 100 // p.variation.speed_percent)


def test_streams_of_background_alone(events: Pack, room: Pack) -> None:
    settings = replace(SETTINGS, background_only=0.3, reset=0.2)
    windows = plan(events, room, AugmentSettings(), settings, windows=500, streams=8)
    heard: dict[tuple[int, int], bool] = {}
    life = np.zeros(8, int)
    for w in windows:
        life += w.reset
        for stream in range(8):
            heard[stream, life[stream]] = heard.get((stream, life[stream]), False)
        for p in w.events:
            heard[p.stream, life[p.stream]] = True
    assert 1 - np.mean(list(heard.values())) == pytest.approx(0.3 + 0.7 * 0.1, abs=0.08)  # some lives are short
    streams = SceneStreams(events, range(13), room, range(3), settings, 8, RATE, 5)
    found = starts(windows)
    assert 8 * 500 / len(found) == pytest.approx(streams.mean_period_seconds, rel=0.12)


def test_the_gain_of_a_stream_moves_event_and_background_alike(events: Pack, room: Pack) -> None:
    settings = replace(SETTINGS, reset=0.3, background_low_db=-60.0, background_high_db=-60.0)
    settings = replace(settings, snr_low_db=20.0, snr_high_db=20.0)
    windows = plan(events, room, AugmentSettings(gain_low_db=-10.0, gain_high_db=10.0), settings, windows=200)
    levels: list[float] = []
    for w in windows:
        of_stream = {p.stream: 20 * np.log10(p.gain * room.clips[p.clip].active_rms) for p in w.background}
        for p in w.events:
            event_db = 20 * np.log10(p.gain * events.clips[p.clip].active_rms)
            assert event_db - of_stream[p.stream] == pytest.approx(20.0, abs=1e-3)
        levels += [of_stream[k] for k in np.flatnonzero(w.reset)]
    assert np.mean(levels) == pytest.approx(-60, abs=1.5) and min(levels) < -68 and max(levels) > -52


def test_a_second_background_keeps_the_level_and_is_heard(events: Pack, room: Pack) -> None:
    settings = replace(SETTINGS, background_only=0.9, background_low_db=-40.0, background_high_db=-40.0)
    augment = AugmentSettings(ambient=0.5, ambient_low_db=-12.0, ambient_high_db=-12.0)
    windows = plan(events, room, augment, settings, windows=200)
    pieces = starts(windows, "background")
    blended = [p for p in pieces if p.variation.other >= 0]
    assert len(blended) / len(pieces) == pytest.approx(0.5, abs=0.15)
    for p in blended:
        v = p.variation
        assert v.other != p.clip
        first, second = p.gain * room.clips[p.clip].active_rms, v.other_gain * room.clips[v.other].active_rms
        assert 20 * np.log10(second / first) == pytest.approx(-12.0, abs=0.01)
        begin = p.source_samples + v.other_shift_samples
        assert begin >= 0 and begin + p.length_samples <= room.clips[v.other].length_samples
    audio = np.concatenate([render(replace(w, events=NOTHING), events, room, 3, RATE) for w in windows], 1)
    level = 10 * np.log10(np.mean(audio.astype(np.float64) ** 2, axis=1))
    np.testing.assert_allclose(level, -40, atol=0.3)


def test_mixed_several_labels(tmp_path: Path, room: Pack) -> None:
    with PackWriter(tmp_path / "several", RATE) as writer:
        for labels in (["a"], ["a", "b"], ["b"], []):
            writer.add(tone(500, 0.3, 0.1), labels)
    pack = Pack.open(writer.path)
    found = starts(plan(pack, room, AugmentSettings(mix=1.0)))
    assert {pack.clips[p.clip].labels for p in found if p.variation.other < 0} == {()}
