"""A scene is a function of (seed, stream, time), and what its settings say is what one can measure in it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from auricle_shared.errors import DataError, SettingsError
from auricle_shared.metadata import BACKGROUND
from auricle_shared.pack import Pack, PackWriter
from auricle_shared.scenes import LOUDEST_DB, Placed, SceneSettings, SceneStreams, Window, render

RATE = 8000
SETTINGS = SceneSettings(reset=0.0)


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """Ten 'often' and two 'seldom' sounds of 0.1 to 2.5 s, without a silent sample, each of its own loudness."""
    rng = np.random.default_rng(0)
    with PackWriter(tmp_path_factory.mktemp("scenes") / "events", RATE) as writer:
        for i in range(12):
            n = round(RATE * (0.1 + 0.2 * i))
            samples = rng.uniform(0.3, 0.9, n) * rng.choice([-1, 1], n) * (0.02 + 0.05 * i)
            writer.add(samples, ["seldom" if i >= 10 else "often"])
    return Pack.open(writer.path)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    rng = np.random.default_rng(1)
    with PackWriter(tmp_path_factory.mktemp("scenes") / "room", RATE) as writer:
        for level in (0.01, 0.05, 0.1):
            writer.add(rng.standard_normal(5 * RATE) * level, [BACKGROUND])
    return Pack.open(writer.path)


class Scene:
    """All windows of some streams, and what lies where in the whole of them."""

    def __init__(
        self,
        events: Pack,
        room: Pack,
        settings: SceneSettings = SETTINGS,
        seconds: float = 60.0,
        window_seconds: float = 1.0,
        streams: int = 3,
        seed: int = 5,
        **more: int,
    ) -> None:
        self.window = round(window_seconds * RATE)
        self.streams = SceneStreams(
            events, range(len(events)), room, range(len(room)), settings, streams, self.window, seed, **more
        )
        self.windows: list[Window] = [self.streams.next_window() for _ in range(round(seconds / window_seconds))]
        pieces = [render(w, events, room, streams, self.window) for w in self.windows]
        self.audio = np.concatenate(pieces, axis=1)

    def parts(self, what: str = "events") -> list[tuple[int, Placed]]:
        """(first sample from the start of the scene, part) in order of time."""
        found = [(w.number * self.window + p.start_samples, p) for w in self.windows for p in getattr(w, what)]
        return sorted(found, key=lambda f: f[0])

    def whole_events(self) -> list[tuple[int, int, Placed]]:
        """(first sample, one behind the last, first part) of the events that ended."""
        ends = {(p.stream, w.number * self.window + p.begun_samples): w.number * self.window + p.start_samples
                + p.length_samples for w in self.windows for p in w.events if p.ends}  # fmt: skip
        starts = [(t, p) for t, p in self.parts() if p.source_samples == 0]
        return [(t, ends[p.stream, t], p) for t, p in starts if (p.stream, t) in ends]


def test_the_same_seed_gives_the_same_audio_and_another_another(events: Pack, room: Pack) -> None:
    first = Scene(events, room, seconds=10)
    assert np.array_equal(first.audio, Scene(events, room, seconds=10).audio)
    assert not np.array_equal(first.audio, Scene(events, room, seconds=10, seed=6).audio)


def test_skipping_forward_finds_the_same_window(events: Pack, room: Pack) -> None:
    settings = replace(SETTINGS, reset=0.3)
    scene = Scene(events, room, settings, seconds=20)
    for number in (0, 7, 19):
        streams = SceneStreams(events, range(12), room, range(3), settings, 3, scene.window, 5)
        streams.skip_to(number)
        window = streams.next_window()
        assert window.number == number
        audio = render(window, events, room, 3, scene.window)
        assert np.array_equal(audio, scene.audio[:, number * scene.window :][:, : scene.window])
        assert np.array_equal(window.reset, scene.windows[number].reset)


def test_the_stream_does_not_know_the_window(events: Pack, room: Pack) -> None:
    """Windows of 1 s, of 3 s and of a length that divides nothing join into the very same stream, without a seam."""
    one, three = (Scene(events, room, seconds=60, window_seconds=w) for w in (1.0, 3.0))
    odd = Scene(events, room, seconds=60, window_seconds=0.77)
    length = odd.audio.shape[1]
    assert np.array_equal(one.audio, three.audio)
    assert np.array_equal(one.audio[:, :length], odd.audio[:, : one.audio.shape[1]])
    assert [e[:2] for e in one.whole_events()] == [e[:2] for e in three.whole_events()]


def test_a_slow_renderer_agrees(events: Pack, room: Pack) -> None:
    """Sample by sample, whole recordings laid at the starts that the plan tells, over the whole of time."""
    scene = Scene(events, room, seconds=15)
    slow = np.zeros(scene.audio.shape)
    for what, pack in (("events", events), ("background", room)):
        for start, p in scene.parts(what):
            clip = np.asarray(pack.audio(p.clip), np.float64) / 32768
            for i in range(p.length_samples):
                slow[p.stream, start + i] += clip[p.source_samples + i] * p.gain
    np.testing.assert_allclose(scene.audio, np.clip(slow, -1, 1), atol=1e-6)


def test_events_never_overlap_and_are_played_whole(events: Pack, room: Pack) -> None:
    for adjoining in (0.0, 1.0):
        scene = Scene(events, room, replace(SETTINGS, adjoining=adjoining))
        for stream in range(3):
            spans = [(a, b, p.clip) for a, b, p in scene.whole_events() if p.stream == stream]
            assert len(spans) > 10
            assert all(b - a == events.clips[clip].length_samples for a, b, clip in spans)
            gaps = np.array([after[0] - before[1] for before, after in zip(spans, spans[1:], strict=False)])
            assert gaps.min() >= 0
            assert (gaps == 0).all() if adjoining else (gaps > 0).mean() > 0.9


def test_an_event_over_several_windows_ends_in_the_last(events: Pack, room: Pack) -> None:
    scene = Scene(events, room, window_seconds=0.25)
    by_event: dict[tuple[int, int], list[tuple[int, Placed]]] = {}
    for start, p in scene.parts():
        window_start = start - p.start_samples
        by_event.setdefault((p.stream, window_start + p.begun_samples), []).append((start, p))
    assert max(map(len, by_event.values())) >= 9, "no event was long enough to be a test"
    for (_, begun), parts in by_event.items():
        length = events.clips[parts[0][1].clip].length_samples
        cut_by_the_scene = begun + length > scene.audio.shape[1]
        assert [p.ends for _, p in parts] == [False] * (len(parts) - 1) + [not cut_by_the_scene]
        position = begun
        for start, p in parts:  # one part goes on exactly where the last one stopped
            assert (start, p.source_samples) == (position, position - begun)
            position += p.length_samples


def test_windows_know_when_the_last_event_ended(events: Pack, room: Pack) -> None:
    scene = Scene(events, room, replace(SETTINGS, reset=0.1), window_seconds=0.5)
    last_end = [-(10**9)] * 3
    told = 0
    for window in scene.windows:
        for stream in range(3):
            if window.reset[stream]:
                last_end[stream] = -(10**9)
            if last_end[stream] > -(10**9):
                assert window.ended_samples[stream] == last_end[stream] - window.number * scene.window
                told += 1
            else:
                assert window.ended_samples[stream] < -(10**12)
        for p in window.events:
            if p.ends:
                last_end[p.stream] = window.number * scene.window + p.start_samples + p.length_samples
    assert told > 100


def test_the_measured_ratio_is_the_setting(events: Pack, room: Pack) -> None:
    """Measured in the audio itself: the scene less its background, over the background."""
    settings = replace(SETTINGS, snr_low_db=12.0, snr_high_db=12.0, clean=0.0, background_high_db=-40.0)
    scene = Scene(events, room, settings, seconds=90)
    # Not active_rms: these sounds have no pauses, so their plain level is their active one.
    background = Scene(events, room, replace(settings, snr_low_db=-300.0, snr_high_db=-300.0), seconds=90).audio
    checked = 0
    for start, end, p in scene.whole_events():
        heard = scene.audio[p.stream, start:end].astype(np.float64) - background[p.stream, start:end]
        level = 10 * np.log10(np.mean(heard**2))
        behind = 10 * np.log10(np.mean(background[p.stream].astype(np.float64) ** 2))
        assert level - behind == pytest.approx(12.0, abs=0.5)
        checked += 1
    assert checked > 50
    levels = 10 * np.log10(np.mean(background.astype(np.float64) ** 2, axis=1))
    assert ((levels > -65.5) & (levels < -39.5)).all()


def test_drawn_ratios_fill_their_range_evenly(events: Pack, room: Pack) -> None:
    level = {"background_low_db": -50.0, "background_high_db": -50.0}
    settings = replace(SETTINGS, snr_low_db=0.0, snr_high_db=20.0, clean=0.0, **level)
    scene = Scene(events, room, settings, seconds=400)
    snr = [20 * np.log10(p.gain * events.clips[p.clip].active_rms) + 50 for _, _, p in scene.whole_events()]
    assert len(snr) > 300 and min(snr) > -0.01 and max(snr) < 20.01
    assert np.mean(snr) == pytest.approx(10, abs=4 * 20 / np.sqrt(12 * len(snr)))
    assert np.std(snr) == pytest.approx(20 / np.sqrt(12), rel=0.1)


def test_no_event_is_louder_than_the_limit(events: Pack, room: Pack) -> None:
    for clean in (0.0, 1.0):
        loud = replace(SETTINGS, snr_low_db=90.0, snr_high_db=90.0, gain_low_db=60.0, gain_high_db=60.0, clean=clean)
        scene = Scene(events, room, loud, seconds=20)
        for _, p in scene.parts():
            assert 20 * np.log10(p.gain * events.clips[p.clip].active_rms) == pytest.approx(LOUDEST_DB, abs=1e-3)
        assert np.abs(scene.audio).max() <= 1.0


def test_clean_streams_are_digital_silence_outside_events(events: Pack, room: Pack) -> None:
    scene = Scene(events, room, replace(SETTINGS, clean=1.0))
    inside = np.zeros(scene.audio.shape, bool)
    for start, p in scene.parts():
        inside[p.stream, start : start + p.length_samples] = True
    assert (scene.audio[~inside] == 0).all() and (~inside).mean() > 0.1
    assert np.mean(scene.audio[inside] != 0) > 0.99
    for _, _, p in scene.whole_events():
        assert -12.01 < 20 * np.log10(p.gain) < 6.01


def test_background_runs_on_without_a_hole(events: Pack, room: Pack) -> None:
    scene = Scene(events, room, replace(SETTINGS, clean=0.0), window_seconds=0.3)
    for stream in range(3):
        position, before = 0, None
        changes = 0
        for start, p in ((t, p) for t, p in scene.parts("background") if p.stream == stream):
            assert start == position
            position += p.length_samples
            goes_on = before is not None and (p.clip, p.source_samples) == (
                before.clip,
                before.source_samples + before.length_samples,
            )
            changes += not goes_on
            assert goes_on or p.begun_samples == p.start_samples
            before = p
        assert position == scene.audio.shape[1]
        assert 3 < changes < 40, "pieces of 1.5 to 5 s, not of a window"


def test_natural_deals_clips_evenly_and_balanced_classes(events: Pack, room: Pack) -> None:
    def dealt(balance: str) -> tuple[Counter[int], Counter[str]]:
        scene = Scene(events, room, replace(SETTINGS, balance=balance), seconds=240, streams=4)
        clips = Counter(p.clip for _, p in scene.parts() if p.source_samples == 0)
        labels: Counter[str] = Counter()
        for clip, n in clips.items():
            labels[events.clips[clip].labels[0]] += n
        return clips, labels

    clips, labels = dealt("natural")
    assert min(clips.values()) > 30 and max(clips.values()) - min(clips.values()) <= 6
    assert labels["often"] / labels["seldom"] == pytest.approx(5, rel=0.1)
    clips, labels = dealt("balanced")
    assert labels["often"] / labels["seldom"] == pytest.approx(1, rel=0.1)
    often = [clips[i] for i in range(10)]
    assert max(often) - min(often) <= 6


def test_streams_are_independent(events: Pack, room: Pack) -> None:
    scene = Scene(events, room, replace(SETTINGS, clean=0.0), seconds=120, streams=4)
    spans = {s: [(a, p.clip) for a, _, p in scene.whole_events() if p.stream == s] for s in range(4)}
    for a in range(4):
        for b in range(a):
            assert not {t for t, _ in spans[a]} - {0} & {t for t, _ in spans[b]} - {0}
            assert abs(np.corrcoef(scene.audio[a], scene.audio[b])[0, 1]) < 0.05


def test_two_processes_own_the_streams_of_one(events: Pack, room: Pack) -> None:
    together = Scene(events, room, seconds=30, streams=4)
    low = Scene(events, room, seconds=30, streams=2, first_stream=0, all_streams=4)
    high = Scene(events, room, seconds=30, streams=2, first_stream=2, all_streams=4)
    assert np.array_equal(np.concatenate([low.audio, high.audio]), together.audio)
    assert not np.array_equal(low.audio, high.audio)


def test_a_reset_begins_a_stream_anew(events: Pack, room: Pack) -> None:
    settings = replace(SETTINGS, reset=0.25, clean=0.5)
    scene = Scene(events, room, settings, seconds=400, streams=4)
    resets = np.stack([w.reset for w in scene.windows])
    assert resets[0].all()
    assert resets[1:].mean() == pytest.approx(0.25, abs=0.04)
    silent, at_once = [], []
    for window in scene.windows:
        for stream in np.flatnonzero(window.reset):
            for what in (window.events, window.background):
                first = next((p for p in what if p.stream == stream), None)
                assert first is None or first.begun_samples >= 0, "something from before the reset goes on"
            silent.append(not any(p.stream == stream for p in window.background))
            at_once.append(any(p.stream == stream and p.start_samples == 0 for p in window.events))
    assert np.mean(silent) == pytest.approx(0.5, abs=0.1)
    assert np.mean(at_once) == pytest.approx(0.5, abs=0.1)


def test_the_mean_period_is_what_is_measured(events: Pack, room: Pack) -> None:
    scene = Scene(events, room, replace(SETTINGS, gap_minimum_seconds=0.5), seconds=400)
    starts = [t for t, p in scene.parts() if p.source_samples == 0]
    assert 3 * 400 / len(starts) == pytest.approx(scene.streams.mean_period_seconds, rel=0.1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"snr_low_db": 9.0, "snr_high_db": 3.0}, "snr_low_db = 9.0.*snr_high_db = 3.0"),
        ({"gain_low_db": 9.0}, "gain_low_db"),
        ({"balance": "fair"}, "'fair'.*'natural' or 'balanced'"),
        ({"clean": 1.5}, "scenes.clean is 1.5"),
        ({"gap_seconds": -1.0}, "scenes.gap_seconds is -1.0"),
        ({"piece_seconds": 0.0}, "piece_seconds"),
    ],
)
def test_settings_that_cannot_be_are_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        SceneSettings(**change)  # type: ignore[arg-type]


def test_a_scene_of_nothing_is_refused(events: Pack, room: Pack) -> None:
    with pytest.raises(DataError, match="at least one clip"):
        SceneStreams(events, [], room, [0], SETTINGS, 1, RATE, 0)
    with pytest.raises(DataError, match="one recording for the background"):
        SceneStreams(events, [0], room, [], SETTINGS, 1, RATE, 0)


def test_clips_per_class_puts_streams_side_by_side_into_one_class(tmp_path: Path, room: Pack) -> None:
    """P classes x K clips: K neighbouring streams hear K different clips of a class; all classes come equally often."""
    with PackWriter(tmp_path / "pack", RATE) as writer:
        for i in range(60):
            writer.add(np.full(RATE // 4, 0.1 + i / 200), [f"class {i % 5 if i < 40 else 0}"])
    pack = Pack.open(tmp_path / "pack")
    settings = SceneSettings(balance="balanced", clips_per_class=4, gap_seconds=0.2, reset=0.0)
    scene = Scene(pack, room, settings, seconds=60.0, streams=12)
    heard: Counter[str] = Counter()
    for window in scene.windows:
        begun = [p for p in window.events if p.source_samples == 0]
        for group in range(3):
            own = [p.clip for p in begun if p.stream // 4 == group]
            labels = {pack.clips[clip].labels[0] for clip in own}
            assert len(labels) <= 1
            heard.update(labels)
    assert max(heard.values()) < 1.3 * min(heard.values())
    firsts = [p.clip for p in scene.windows[0].events if p.source_samples == 0]
    assert len(set(firsts)) > len(firsts) / 2
    assert {p.clip for w in scene.windows for p in w.events} == set(range(60))


def test_clips_per_class_needs_balance() -> None:
    with pytest.raises(SettingsError, match="clips_per_class = 4 and scenes.balance = 'natural'"):
        SceneSettings(clips_per_class=4)
