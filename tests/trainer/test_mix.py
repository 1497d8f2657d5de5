"""Windows made by tensor operations: NumPy's where nothing is changed, a slow loop's where it is; cut is whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from auricle_shared.pack import Pack
from auricle_shared.scene_window import NOTHING
from auricle_shared.scenes import SceneSettings, SceneStreams, Window, render
from auricle_shared.variation import AugmentSettings
from auricle_trainer.augment.room import Rooms, room_samples
from auricle_trainer.augment.speed import BLOCK, HALF, filters
from auricle_trainer.batches.excerpts import excerpt
from auricle_trainer.batches.mix import Mixer, Planner, Sounds, resident
from auricle_trainer.batches.rows import TILE, add_parts, add_tiles, read_rows, spread

CPU = torch.device("cpu")
SETTINGS = SceneSettings(reset=0.0, gap_seconds=0.2)
EVERYTHING = AugmentSettings(
    mix=0.5, speed_low=0.85, speed_high=1.15, room=0.5, ambient=0.5, gain_low_db=-6.0, gain_high_db=6.0
)


class WindowMixer:
    """From plan to audio, with the packs on the device or with excerpts of them."""

    def __init__(
        self,
        tones: Pack,
        noise: Pack,
        augment: AugmentSettings,
        seed: int,
        device: torch.device,
        excerpts: bool = False,
    ) -> None:
        self.packs, self.planner, self.excerpts = (noise, tones), Planner(tones, noise), excerpts
        self.room_samples = room_samples(augment, tones.rate_hz)
        self.mixer = Mixer(None if excerpts else resident(tones, noise, device), augment, tones.rate_hz, seed, device)
        self.device = device

    def mix(self, window: Window, streams: int, window_samples: int) -> torch.Tensor:
        sounds = self.planner.sounds(window)
        if self.excerpts:
            heard = zip(self.packs, (sounds.background, sounds.events), strict=True)
            (behind, background), (before, events) = (excerpt(p.samples, v, self.room_samples) for p, v in heard)
            sounds = Sounds(background, events, (behind, before))
        return self.mixer.mix(sounds.to(self.device), streams, window_samples)


def planned(
    tones: Pack, noise: Pack, augment: AugmentSettings, window: int, windows: int, settings: SceneSettings = SETTINGS
) -> list[Window]:
    scene = SceneStreams(tones, range(len(tones)), noise, range(3), settings, 3, window, 5, augment=augment)
    return [scene.next_window() for _ in range(windows)]


def mixed(tones: Pack, noise: Pack, augment: AugmentSettings, window: int, windows: int) -> np.ndarray:
    mixer = WindowMixer(tones, noise, augment, 5, CPU)
    found = [mixer.mix(w, 3, window) for w in planned(tones, noise, augment, window, windows)]
    return torch.cat(found, 1).numpy()


@pytest.mark.parametrize("window", [8000, 24000, 777])
@pytest.mark.parametrize(
    "augment", [AugmentSettings(), AugmentSettings(mix=0.7, ambient=0.7, gain_low_db=-6.0, gain_high_db=6.0)]
)
def test_without_speed_and_room_it_is_numpys_rendering(
    tones: Pack, noise: Pack, augment: AugmentSettings, window: int
) -> None:
    mixer = WindowMixer(tones, noise, augment, 5, CPU)
    for w in planned(tones, noise, augment, window, 8):
        audio = mixer.mix(w, 3, window)
        assert audio.shape == (3, window) and audio.dtype == torch.float32
        np.testing.assert_allclose(audio, render(w, tones, noise, 3, window), atol=1e-6)


@pytest.mark.parametrize("window", [8000, 5000, 1601])
def test_the_stream_does_not_know_the_window(tones: Pack, noise: Pack, window: int) -> None:
    """Cut by a border of windows or not, an event in a room and at another speed is the same samples."""
    whole = mixed(tones, noise, EVERYTHING, 64000, 1)
    cut = mixed(tones, noise, EVERYTHING, window, 64000 // window)
    assert np.abs(whole).max() > 0.1
    np.testing.assert_allclose(cut, whole[:, : cut.shape[1]], atol=1e-5)


def test_a_slow_loop_agrees(tones: Pack, noise: Pack) -> None:
    """Sound by sound, each sample by its own filter, the room by direct convolution, in float64."""
    window = 32000
    plan = planned(tones, noise, EVERYTHING, window, 1)[0]
    rooms = Rooms(EVERYTHING, 16000, 5).responses.double().numpy()
    wanted = np.zeros((3, window))
    for pack, parts in ((noise, plan.background), (tones, plan.events)):
        for p in parts:
            v = p.variation
            heard = [(p.clip, 0, p.gain)] + [(v.other, v.other_shift_samples, v.other_gain)] * (v.other >= 0)
            for clip, shift, gain in heard:
                sound = pack.audio(clip) / 32768
                short = pack.clips[p.clip].length_samples - len(sound)
                sound = np.append(sound, np.zeros(max(0, short)))  # its room is heard until the event's end
                y = slow_speed(sound, v.speed_percent) if v.speed_percent != 100 else sound
                y = np.convolve(y, rooms[v.room])[: len(y)] if v.room >= 0 else y
                y = y[p.source_samples + shift :][: p.length_samples] * gain
                wanted[p.stream, p.start_samples : p.start_samples + len(y)] += y
    variations = [p.variation for p in plan.events]
    assert len(variations) > 4 and any(v.room >= 0 for v in variations) and any(v.other >= 0 for v in variations)
    found = WindowMixer(tones, noise, EVERYTHING, 5, CPU).mix(plan, 3, window)
    np.testing.assert_allclose(found, np.clip(wanted, -1, 1), atol=2e-6)


def slow_speed(x: np.ndarray, percent: int) -> np.ndarray:
    """Each sample that comes out is a sum over those around its place; outside of the sound is silence."""
    count = -(-len(x) * 100 // percent)
    columns = filters(percent).double().numpy()
    padded = np.concatenate([np.zeros(HALF), x, np.zeros(2 * HALF + 2 * percent)])
    found = np.zeros(count)
    for n in range(count):
        block, place = divmod(n, BLOCK)
        found[n] = padded[block * percent :][: len(columns)] @ columns[:, place]
    return found


def test_draws_are_the_streams_own(tones: Pack, noise: Pack) -> None:
    """One stream by itself sounds as it does beside others."""
    together = mixed(tones, noise, EVERYTHING, 8000, 4)
    mixer = WindowMixer(tones, noise, EVERYTHING, 5, CPU)
    scene = SceneStreams(
        tones,
        range(len(tones)),
        noise,
        range(3),
        SETTINGS,
        1,
        8000,
        5,
        first_stream=2,
        all_streams=3,
        augment=EVERYTHING,
    )
    alone = torch.cat([mixer.mix(scene.next_window(), 1, 8000) for _ in range(4)], 1)
    np.testing.assert_allclose(alone[0], together[2], atol=1e-5)


def test_the_ratio_of_event_to_background_is_the_setting_also_at_other_speeds_and_in_rooms(
    tones: Pack, noise: Pack
) -> None:
    """The scene less its background, over the background, on the average of many events (a room colours a tone)."""
    levels = {"snr_low_db": 12.0, "snr_high_db": 12.0, "clean": 0.0, "background_low_db": -45.0}
    settings = replace(SETTINGS, background_high_db=-45.0, **levels)
    augment = AugmentSettings(speed_low=0.85, speed_high=1.15, room=1.0, gain_low_db=-10.0, gain_high_db=10.0)
    mixer = WindowMixer(tones, noise, augment, 5, CPU)
    ratios = []
    for w in planned(tones, noise, augment, 64000, 6, settings):
        background = mixer.mix(replace(w, events=NOTHING), 3, 64000).double()
        events = mixer.mix(w, 3, 64000).double() - background
        for p in w.events:
            if p.ends and p.source_samples == 0:
                heard = events[p.stream, p.start_samples :][: p.length_samples]
                ratios.append(10 * np.log10(float(heard.square().mean() / background[p.stream].square().mean())))
    assert len(ratios) > 50
    assert 10 * np.log10(np.mean(10 ** (np.array(ratios) / 10))) == pytest.approx(12.0, abs=0.7)


@pytest.mark.parametrize("window", [777, 8000])
def test_excerpts_of_the_packs_give_the_same_audio(tones: Pack, noise: Pack, window: int) -> None:
    """And are not much more than what is heard, although the recordings are many times as long."""
    whole = WindowMixer(tones, noise, EVERYTHING, 5, CPU)
    excerpts = WindowMixer(tones, noise, EVERYTHING, 5, CPU, excerpts=True)
    for w in planned(tones, noise, EVERYTHING, window, 60000 // window):
        np.testing.assert_allclose(excerpts.mix(w, 3, window), whole.mix(w, 3, window), atol=1e-6)
    sounds = excerpts.planner.sounds(w)
    read, _ = excerpt(noise.samples, sounds.background, excerpts.room_samples)
    assert sounds.background.count.sum() <= len(read) <= sounds.background.count.sum() + 400 * len(sounds.background)


@pytest.mark.parametrize("kind", ["cpu", *(["cuda"] if torch.cuda.is_available() else [])])
def test_every_device_mixes_the_same(kind: str, tones: Pack, noise: Pack) -> None:
    mixers = [WindowMixer(tones, noise, EVERYTHING, 5, torch.device(device)) for device in ("cpu", kind)]
    for w in planned(tones, noise, EVERYTHING, 8000, 6):
        here, there = (mixer.mix(w, 3, 8000) for mixer in mixers)
        assert there.device.type == kind
        np.testing.assert_allclose(there.cpu(), here, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.int16, torch.float32])
@pytest.mark.parametrize("length", [5, 40])
def test_rows_are_what_a_loop_reads(dtype: torch.dtype, length: int) -> None:
    rng = np.random.default_rng(length)
    samples = torch.arange(1, length + 1).to(dtype)
    start, step, count = rng.integers(-30, length + 12, 200), rng.integers(1, 15, 200), rng.integers(0, 7, 200)
    low = rng.integers(0, length, 200)
    high = np.minimum(length, low + rng.integers(0, 30, 200))
    found = iter(read_rows(samples, start, step, count, 9, low, high))
    for first, by, rows, a, b in zip(start, step, count, low, high, strict=True):
        for s in range(first, first + rows * by, by):
            assert next(found).tolist() == [float(samples[k]) if a <= k < b else 0.0 for k in range(s, s + 9)]
    assert not list(found)


@pytest.mark.parametrize("add", [add_parts, add_tiles])
def test_parts_are_added_where_a_loop_adds_them(add: Callable[..., None]) -> None:
    rng = np.random.default_rng(0)
    samples = torch.tensor(rng.standard_normal(9000), dtype=torch.float32)
    begin, count = rng.integers(0, 5000, 40), rng.integers(0, 4000, 40)
    row, start, gain = rng.integers(0, 3, 40), rng.integers(0, 6 * TILE - 4000, 40), rng.random(40, np.float32)
    found, wanted = torch.zeros(3, 6 * TILE), np.zeros((3, 6 * TILE))
    add(found, samples, begin, count, row, start, gain)
    for b, n, r, s, g in zip(begin, count, row, start, gain, strict=True):
        wanted[r, s : s + n] += samples[b : b + n].numpy() * g
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_spread() -> None:
    number, first, second = spread(CPU, np.array([3, 0, 1, 2]), np.array([5, 6, 7, 8]), np.array([-1, 0, 1, 2]))
    assert number.tolist() == [0, 1, 2, 0, 0, 1]
    assert first.tolist() == [5, 5, 5, 7, 8, 8] and second.tolist() == [-1, -1, -1, 1, 2, 2]
