"""The alarm set, measured: pitches by FFT, rhythms by an envelope in a slow loop, rooms by Schroeder's integral."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from auricle_shared.errors import DataError, SettingsError
from auricle_shared.pack import Pack
from auricle_trainer.alarms import CLASSES, NEGATIVES, draw_event, draw_with_parameters, event_rng, write_alarm_pack
from auricle_trainer.alarms.draws import Draws
from auricle_trainer.alarms.events import RECIPES
from auricle_trainer.alarms.room import impulse_response
from auricle_trainer.alarms.tones import tone

RATE = 16000
KINDS = CLASSES + NEGATIVES
FRAME_SECONDS = 0.004
Pulses = list[tuple[float, float]]


def dry(kind: str, index: int, ranges: str = "train") -> tuple[np.ndarray, Draws]:
    """The sound before it enters a room, and what was drawn for it."""
    draws = Draws(event_rng(0, ranges, kind, index), ranges)
    return RECIPES[kind](draws, RATE), draws


def pulses(samples: np.ndarray, threshold: float, bridge_seconds: float = 0.0) -> Pulses:
    """(start, length) in seconds of every stretch that is louder than `threshold` times the loudest frame.

    Silences shorter than `bridge_seconds` do not count: beats between two tones, or a room that cancels a pure one.
    """
    frame = round(FRAME_SECONDS * RATE)
    levels = [float(np.abs(samples[i : i + frame]).mean()) for i in range(0, len(samples) - frame, frame)]
    limit, found, start, quiet = threshold * max(levels), [], -1, 0
    for i, level in enumerate([*levels, *[0.0] * (1 + round(bridge_seconds / FRAME_SECONDS))]):
        if level > limit:
            start, quiet = (i if start < 0 else start), 0
        elif start >= 0:
            quiet += 1
            if quiet * FRAME_SECONDS > bridge_seconds:
                found.append((start * FRAME_SECONDS, (i + 1 - quiet - start) * FRAME_SECONDS))
                start, quiet = -1, 0
    return found


def peak_hz(samples: np.ndarray, low_hz: float = 100.0, high_hz: float = 8000.0) -> float:
    """Frequency of the strongest line, to about 0.1 Hz."""
    size = 8 * len(samples)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), size))
    hz = np.fft.rfftfreq(size, 1 / RATE)
    spectrum[(hz < low_hz) | (hz > high_hz)] = 0.0
    return float(hz[np.argmax(spectrum)])


def level_at(samples: np.ndarray, hz: float) -> float:
    """Amplitude of the line within 1 % of `hz`."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    axis = np.fft.rfftfreq(len(samples), 1 / RATE)
    return float(spectrum[np.abs(axis - hz) < 0.01 * hz].max())


def has_rhythm(found: Pulses, count: int, on_seconds: float) -> bool:
    """Whether `count` pulses of `on_seconds`, with as much between them, stand alone somewhere (+-10 % and a frame)."""
    slack = 0.1 * on_seconds + 2 * FRAME_SECONDS
    for first in range(len(found) - count + 1):
        group = found[first : first + count]
        gaps = [b[0] - a[0] - a[1] for a, b in zip(group[:-1], group[1:], strict=True)]
        alone = all(
            abs(other - edge) > 2 * on_seconds
            for other, edge in ([(sum(found[first - 1]), group[0][0])] if first else [])
            + ([(found[first + count][0], sum(group[-1]))] if first + count < len(found) else [])
        )
        if alone and all(abs(x - on_seconds) <= slack for x in gaps + [length for _, length in group]):
            return True
    return False


@pytest.mark.parametrize("ranges", ["train", "unseen"])
@pytest.mark.parametrize(
    ("kind", "count", "on_seconds", "pause_seconds"), [("smoke_alarm", 3, 0.5, 1.5), ("co_alarm", 4, 0.1, 5.0)]
)
def test_rhythm_of_the_standards(ranges: str, kind: str, count: int, on_seconds: float, pause_seconds: float) -> None:
    several_cycles = 0
    for index in range(25):
        found = pulses(dry(kind, index, ranges)[0], threshold=0.5)
        assert len(found) % count == 0
        for i, (start, length) in enumerate(found):
            assert length == pytest.approx(on_seconds, abs=0.1 * on_seconds + 2 * FRAME_SECONDS)
            if i + 1 < len(found):
                wanted = pause_seconds if i % count == count - 1 else on_seconds
                silence = found[i + 1][0] - start - length
                assert silence == pytest.approx(wanted, abs=0.1 * wanted + 2 * FRAME_SECONDS)
        several_cycles += len(found) > count
    assert several_cycles >= 5, "hardly any alarm lasts for two cycles"


def test_clips_hold_whole_cycles() -> None:
    for index in range(20):
        for kind, pause_seconds in (("smoke_alarm", 1.5), ("co_alarm", 5.0)):
            samples, _ = dry(kind, index)
            start, length = pulses(samples, 0.5)[-1]
            silence = len(samples) / RATE - start - length
            assert silence == pytest.approx(pause_seconds, abs=0.1 * pause_seconds + 2 * FRAME_SECONDS)


def test_rhythm_survives_a_near_room() -> None:
    right = []
    for index in range(80):
        event = draw_with_parameters("smoke_alarm", event_rng(0, "train", "smoke_alarm", index), "train", RATE)
        if event.parameters["distance_metres"][0] < 2.5 and event.parameters["rt60_seconds"][0] < 0.5:
            starts = [start for start, _ in pulses(event.samples, 0.2, bridge_seconds=0.15)][:3]
            right.append(len(starts) == 3 and np.abs(np.diff(starts) - 1.0).max() < 0.13)
    # Not all: now and then the walls cancel a pure tone where the listener stands, as they really do.
    assert len(right) >= 10 and np.mean(right) >= 0.8


def test_smoke_and_co_share_their_carriers() -> None:
    carriers: dict[str, list[float]] = {}
    for kind in ("smoke_alarm", "co_alarm"):
        for index in range(120):
            samples, draws = dry(kind, index)
            carrier = peak_hz(samples[: RATE // 2])
            low, high = (468, 572) if draws.variant == "low" else (2790, 3410)  # 520 Hz +-10 %; about 3 kHz
            assert low < carrier < high
            carriers.setdefault(kind + draws.variant, []).append(carrier)
            drawn = draws.parameters[f"{draws.variant}_carrier_hz"][0]
            assert carrier == pytest.approx(drawn, rel=0.006)
    for variant in ("low", "piezo"):
        smoke, co = np.sort(carriers["smoke_alarm" + variant]), np.sort(carriers["co_alarm" + variant])
        # Two-sample Kolmogorov-Smirnov distance; 0.37 is its 1 % point for the smaller pair, some 36 of each.
        both = np.concatenate([smoke, co])
        steps = [np.searchsorted(x, both, side="right") / len(x) for x in (smoke, co)]
        assert np.abs(steps[0] - steps[1]).max() < 0.37
        assert np.ptp(both) > 50


def test_low_sounder_is_a_square_wave() -> None:
    for index in range(40):
        samples, draws = dry("smoke_alarm", index)
        if draws.variant == "low":
            pulse = samples[round(0.02 * RATE) : round(0.4 * RATE)]
            carrier = peak_hz(pulse)
            first, second, third = (level_at(pulse, k * carrier) for k in (1, 2, 3))
            assert second < 0.01 * first
            assert 0.1 * first < third <= 0.34 * first
            return
    pytest.fail("No low sounder among 40 alarms.")


def test_ringing_tones_of_two_networks() -> None:
    seen = set()
    for index in range(60):
        samples, draws = dry("telephone_ring", index)
        found = pulses(samples, 0.3, bridge_seconds=0.05)
        if draws.variant == "us_tone":
            ring = samples[RATE // 4 : 3 * RATE // 2]
            assert peak_hz(ring, 420, 460) == pytest.approx(440, rel=0.035)
            assert peak_hz(ring, 461, 500) == pytest.approx(480, rel=0.035)
            assert 1.8 < found[0][1] < 2.2
            assert all(abs(b - a - 6.0) < 0.6 for (a, _), (b, _) in zip(found[:-1], found[1:], strict=True))
        elif draws.variant == "uk_tone":
            ring = samples[: round(0.35 * RATE)]
            assert level_at(ring, 400 * draws.parameters["pitch_scale"][0]) > 0.3 * level_at(ring, peak_hz(ring))
            steps = np.diff([start for start, _ in found])
            assert np.all(np.abs(steps[0::2] - 0.6) < 0.07) and np.all(np.abs(steps[1::2] - 2.4) < 0.25)
        seen.add(draws.variant)
    assert seen == {"us_tone", "uk_tone", "bell", "warble"}


def swept_hz(samples: np.ndarray) -> tuple[np.ndarray, float]:
    """The strongest frequency of every frame of 32 ms, a frame each 8 ms; and frames a second."""
    size, hop = 512, 128
    frames = np.lib.stride_tricks.sliding_window_view(samples, size)[::hop] * np.hanning(size)
    spectra = np.abs(np.fft.rfft(frames, 4096, axis=1))
    spectra[:, np.fft.rfftfreq(4096, 1 / RATE) > 1900] = 0
    return spectra.argmax(axis=1) * RATE / 4096, RATE / hop


def test_siren_sweeps_as_often_and_as_far_as_sirens_do() -> None:
    seen = set()
    for index in range(12):
        samples, draws = dry("siren", index)
        track, per_second = swept_hz(samples)
        assert 450 < np.percentile(track, 2) < 800 and 1050 < np.percentile(track, 98) < 1800
        upward = np.diff((track > np.median(track)).astype(int)) > 0
        # Crossings of the middle, close ones (a line that flickers between two bins) counted once.
        times = np.flatnonzero(upward) / per_second
        crossings = times[np.concatenate([[True], np.diff(times) > 0.1])]
        if draws.variant == "yelp":
            assert 140 < 60 / np.median(np.diff(crossings)) < 260
        else:
            assert len(crossings) <= 1 + 0.55 * len(samples) / RATE  # 30 a minute and one begun
        seen.add(draws.variant)
    assert seen == {"wail", "yelp"}


def test_reversing_beeper_beeps_half_of_the_time() -> None:
    for index in range(20):
        samples, draws = dry("reversing_beeper", index)
        found = pulses(samples, 0.3)
        periods = np.diff([start for start, _ in found])
        assert 3 <= len(found) <= 7
        assert np.all((periods > 0.55) & (periods < 1.3)) and np.ptp(periods) < 0.02
        assert np.mean([length for _, length in found]) / periods.mean() == pytest.approx(0.5, abs=0.08)
        if draws.variant == "tone":
            assert 990 < peak_hz(samples) < 1510


def test_dong_is_lower_than_ding() -> None:
    for index in range(20):
        samples, draws = dry("doorbell", index)
        apart = round(draws.parameters["apart_seconds"][0] * RATE)
        ding = peak_hz(samples[:apart], 400, 950)
        dong = peak_hz(samples[apart : 2 * apart], 400, 0.92 * ding)
        assert 0.74 < dong / ding < 0.87
        assert level_at(samples[apart : 2 * apart], dong) > 3 * level_at(samples[:apart], dong)


def test_negatives_have_no_alarm_rhythm() -> None:
    def alarms(kind: str) -> int:
        total = 0
        for index in range(25):
            for threshold in (0.3, 0.5):
                found = pulses(dry(kind, index)[0], threshold)
                total += has_rhythm(found, 3, 0.5) or has_rhythm(found, 4, 0.1)
        return total

    assert alarms("smoke_alarm") == alarms("co_alarm") == 50, "the measurement itself must find what is there"
    assert {kind: alarms(kind) for kind in NEGATIVES} == dict.fromkeys(NEGATIVES, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_unseen_values_lie_apart_from_training_ones(kind: str) -> None:
    drawn: dict[str, dict[str, list[float]]] = {"train": {}, "unseen": {}}
    for ranges, values in drawn.items():
        for index in range(40):
            event = draw_with_parameters(kind, event_rng(0, ranges, kind, index), ranges, 8000)
            for name, numbers in event.parameters.items():
                values.setdefault(name, []).extend(numbers)
    assert len(drawn["train"]) >= 4
    for name in drawn["train"].keys() & drawn["unseen"].keys():
        train, unseen = (np.array(drawn[ranges][name]) for ranges in ("train", "unseen"))
        distance = np.abs(train[:, None] - unseen[None, :]).min()
        assert distance > 0.05 * np.ptp(np.concatenate([train, unseen])), name


def test_unseen_carriers_measure_apart_from_training_ones() -> None:
    measured = {}
    for ranges in ("train", "unseen"):
        sounds = [dry("smoke_alarm", index, ranges) for index in range(60)]
        measured[ranges] = np.array([peak_hz(s[: RATE // 2]) for s, draws in sounds if draws.variant == "piezo"])
    assert min(map(len, measured.values())) > 20
    assert np.abs(measured["train"][:, None] - measured["unseen"][None, :]).min() > 20


@pytest.mark.parametrize("rate_hz", [8000, 16000, 44100])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_clips_or_is_silent_or_endless(kind: str, rate_hz: int) -> None:
    for ranges in ("train", "unseen"):
        for index in range(3):
            samples = draw_event(kind, event_rng(3, ranges, kind, index), ranges, rate_hz)
            assert samples.dtype == np.float32 and samples.ndim == 1
            assert np.isfinite(samples).all()
            assert 0.12 < np.abs(samples).max() < 0.9
            assert 0.9 < len(samples) / rate_hz < 12.6


def test_same_seed_same_sound() -> None:
    for kind in KINDS:
        first, again, other = (draw_event(kind, event_rng(seed, "train", kind, 0), "train", RATE) for seed in (1, 1, 2))
        assert first.tobytes() == again.tobytes()
        assert first.tobytes() != other.tobytes()


def test_tone_is_the_sum_of_its_harmonics_and_folds_none_back() -> None:
    t = np.arange(4000) / RATE
    amplitudes = [1.0, 0.0, 0.5, 0.25, 0.1, 0.3]
    slow = sum(a * np.sin(2 * np.pi * k * 700 * (t + 1 / RATE)) for k, a in enumerate(amplitudes, start=1))
    assert tone(np.full(4000, 700.0), RATE, amplitudes) == pytest.approx(slow, abs=2e-3)
    folded = tone(np.linspace(2000, 3900, 4000), 8000, (1.0, 1.0, 1.0))  # the second harmonic would come down again
    late = np.abs(np.fft.rfft(folded[2200:] * np.hanning(1800)))
    hz = np.fft.rfftfreq(1800, 1 / 8000)
    assert late[hz < 2500].max() < 0.01 * late.max()


@pytest.mark.parametrize("rt60_seconds", [0.2, 0.4, 0.7])
def test_room_dies_away_in_its_time(rt60_seconds: float) -> None:
    times, energies = [], []
    for seed in range(8):
        response = impulse_response(np.random.default_rng(seed), rt60_seconds, 4.0, RATE).astype(np.float64)
        left = 10 * np.log10(np.cumsum(response[::-1] ** 2)[::-1] / np.square(response).sum())
        tail = np.flatnonzero(left < left[round(0.04 * RATE)])
        span = tail[(left[tail] > left[tail[0]] - 20)]
        slope = np.polyfit(span / RATE, left[span], 1)[0]
        times.append(-60 / slope)
        energies.append(np.square(response[1:]).sum())
    assert np.median(times) == pytest.approx(rt60_seconds, rel=0.15)
    assert np.median(energies) == pytest.approx((4.0 / 2.0) ** 2, rel=0.2)


@pytest.fixture(scope="module")
def small_pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return write_alarm_pack(tmp_path_factory.mktemp("synth") / "small", clips_per_class=6, seed=5)


def test_pack_has_labels_and_splits(small_pack: Pack, tmp_path: Path) -> None:
    assert small_pack.labels[0] == "background" and set(small_pack.labels[1:]) == set(CLASSES)
    assert not small_pack.multi_label
    counts = small_pack.counts()
    assert all(counts[name] == 6 for name in CLASSES) and counts["background"] == 3 * len(NEGATIVES)
    for split in ("train", "val"):
        assert set(small_pack.counts(small_pack.select(split))) >= set(CLASSES)
    for clip in small_pack.clips:
        kind, variant, _ = clip.source.split("/")
        assert clip.labels == ((kind,) if kind in CLASSES else ("background",)) and variant
    unseen = write_alarm_pack(tmp_path / "unseen", clips_per_class=2, seed=5, ranges="unseen")
    assert {clip.split for clip in unseen.clips} == {"test"}
    assert not {c.sha256 for c in unseen.clips} & {c.sha256 for c in small_pack.clips}


def test_clip_k_does_not_depend_on_how_many_there_are(small_pack: Pack, tmp_path: Path) -> None:
    calls = []
    fewer = write_alarm_pack(tmp_path / "p", 2, seed=5, progress=lambda done, total: calls.append((done, total)))
    more = {c.source: (c.sha256, c.split) for c in small_pack.clips}
    assert all(more[c.source] == (c.sha256, c.split) for c in fewer.clips)
    assert calls == [(i, len(fewer)) for i in range(1, len(fewer) + 1)]


def test_errors_say_what_was_wanted(small_pack: Pack, rng: np.random.Generator) -> None:
    with pytest.raises(SettingsError, match=r"fire_alarm.*smoke_alarm"):
        draw_event("fire_alarm", rng, "train", RATE)
    with pytest.raises(SettingsError, match=r"'other'.*train, unseen"):
        draw_event("siren", rng, "other", RATE)
    with pytest.raises(SettingsError, match=r"8000.*4000"):
        draw_event("siren", rng, "train", 4000)
    with pytest.raises(DataError, match="--force"):
        write_alarm_pack(small_pack.path, 1)


def test_command_writes_a_pack(run_auricle: Callable, tmp_path: Path) -> None:
    pack = tmp_path / "alarms"
    told = json.loads(run_auricle("synth", pack, "--clips-per-class", 1, "--ranges", "unseen", "--json").stdout)
    assert told["clips"] == len(Pack.open(pack)) == len(KINDS) and told["splits"] == {"test": len(KINDS)}
    refused = run_auricle("synth", pack, "--clips-per-class", 1, check=False)
    assert refused.returncode == 1 and "--force" in refused.stderr and "Traceback" not in refused.stderr
    assert Pack.open(pack).fingerprint == told["fingerprint"]
    run_auricle("synth", pack, "--clips-per-class", 1, "--rate", 8000, "--force")
    assert Pack.open(pack).rate_hz == 8000
