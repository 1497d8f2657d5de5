"""Settings: derived numbers, refusals in the user's words, hashes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from auricle_shared.errors import SettingsError
from auricle_shared.settings import EventSettings, SpectrogramSettings, from_table, settings_hash


@pytest.mark.parametrize(
    ("window_seconds", "hop_seconds", "rate_hz", "expected"),
    [  # window, hop, blocks, carry in samples; frames a second
        (0.025, 0.010, 16000, (400, 160, 3, 320, 100.0)),
        (0.016, 0.008, 16000, (256, 128, 2, 128, 125.0)),
        (0.025, 0.00625, 16000, (400, 100, 4, 300, 160.0)),
        (0.032, 0.032, 16000, (512, 512, 1, 0, 31.25)),
        (0.025, 0.010, 8000, (200, 80, 3, 160, 100.0)),
    ],
)
def test_samples_are_derived_from_seconds(
    window_seconds: float, hop_seconds: float, rate_hz: int, expected: tuple[float, ...]
) -> None:
    s = SpectrogramSettings(
        window_seconds=window_seconds, hop_seconds=hop_seconds, rate_hz=rate_hz, high_hz=rate_hz / 2
    )
    assert (s.window_samples, s.hop_samples, s.blocks, s.carry_samples, s.frames_per_second) == expected


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"kind": "mfcc"}, ["mfcc", "log_mel", "linear"]),
        ({"rate_hz": 500}, ["500", "1000", "192000"]),
        ({"window_seconds": 0.02501}, ["window_seconds", "400.16", "whole number"]),
        ({"hop_seconds": 0.0}, ["hop_seconds", "at least 1"]),
        ({"window_seconds": 401 / 16000}, ["401", "even"]),
        ({"hop_seconds": 0.05}, ["0.05", "0.025", "never be looked at"]),
        ({"n_fft": 256}, ["256", "400"]),
        ({"n_fft": 513}, ["513", "even"]),
        ({"eps": 0.0}, ["eps", "above 0"]),
        ({"kind": "linear", "bands": 257}, ["257", "1 to 256"]),
        ({"kind": "linear", "bands": 0}, ["1 to 256"]),
        ({"high_hz": 8001.0}, ["8001", "8000"]),
        ({"low_hz": 9000.0}, ["9000", "low_hz < high_hz"]),
        ({"low_hz": -1.0}, ["-1", "0 <= low_hz"]),
    ],
)
def test_refusal_names_what_was_found_and_wanted(values: dict[str, object], words: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        SpectrogramSettings(**values)  # type: ignore[arg-type]
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "values",
    [
        {"on_threshold": 1.1},
        {"on_threshold": 0.2},
        {"off_threshold": 0.0},
        {"smoothing_seconds": -0.1},
        {"minimum_seconds": 4000.0},
        {"release_seconds": float("nan")},
    ],
)
def test_event_settings_that_cannot_work_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match=next(iter(values))):
        EventSettings(**values)


def test_table_takes_a_whole_number_for_a_float() -> None:
    assert from_table(EventSettings, {"release_seconds": 2}, "events.dog") == EventSettings(release_seconds=2.0)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"bans": 40}, ["spectrogram.bans", "bands"]),
        ({"bands": "40"}, ["spectrogram.bands", "'40'", "int"]),
        ({"bands": 40.0}, ["spectrogram.bands", "int"]),
        ({"bands": True}, ["spectrogram.bands", "int"]),
        ({"eps": True}, ["spectrogram.eps", "float"]),
        ({"kind": 3}, ["3", "log_mel"]),
        ({"eps": float("nan")}, ["spectrogram.eps", "nan"]),
        ({"window_seconds": float("inf")}, ["spectrogram.window_seconds", "inf"]),
    ],
)
def test_table_with_a_mistake_is_refused_by_its_key(table: dict[str, object], words: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        from_table(SpectrogramSettings, table, "spectrogram")
    for word in words:
        assert word in str(caught.value)


def test_hash_depends_on_every_setting_and_on_nothing_else() -> None:
    base = SpectrogramSettings()
    others = [
        replace(base, kind="linear"),
        replace(base, rate_hz=20000),
        replace(base, window_seconds=0.03),
        replace(base, hop_seconds=0.02),
        replace(base, n_fft=1024),
        replace(base, bands=41),
        replace(base, low_hz=21.0),
        replace(base, high_hz=7999.0),
        replace(base, eps=1e-6),
    ]
    assert len(others) == len(SpectrogramSettings.__dataclass_fields__)
    assert len({s.hash for s in [base, *others]}) == len(others) + 1
    assert SpectrogramSettings(low_hz=20, high_hz=8000).hash == base.hash


def test_hash_is_the_same_in_another_process() -> None:
    code = "from auricle_shared.settings import *; print(SpectrogramSettings().hash, settings_hash(EventSettings()))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"}
    )
    assert result.stdout.split() == [SpectrogramSettings().hash, settings_hash(EventSettings())]
