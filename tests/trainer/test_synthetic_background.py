"""The stand-in background: its length, its levels, its recordings, its freedom from alarms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from auricle_shared.errors import SettingsError
from auricle_trainer.synthetic_background import recordings, synthetic_background, write_background_pack

RATE = 16000


@pytest.fixture(scope="module")
def minutes() -> list[np.ndarray]:
    return list(recordings(240.0, RATE, seed=1))


def test_has_the_asked_length(minutes: list[np.ndarray]) -> None:
    assert sum(map(len, minutes)) == 240 * RATE
    assert all(20 <= len(recording) / RATE <= 40 for recording in minutes[:-1])
    assert len(synthetic_background(1.5, 8000, seed=0)) == 12000
    assert len(synthetic_background(0.0, 8000, seed=0)) == 0


def test_same_seed_same_sound_and_longer_begins_with_shorter(minutes: list[np.ndarray]) -> None:
    short = synthetic_background(70.0, RATE, seed=1)
    assert short.tobytes() == np.concatenate(minutes)[: len(short)].tobytes()
    for other in (synthetic_background(5.0, RATE, 2), synthetic_background(5.0, RATE, 1, ranges="unseen")):
        assert not np.array_equal(short[: len(other)], other)


def test_is_neither_silent_nor_clipped(minutes: list[np.ndarray]) -> None:
    levels_db = []
    for recording in minutes:
        assert recording.dtype == np.float32 and np.isfinite(recording).all()
        assert np.abs(recording).max() < 1.0
        seconds = recording[: len(recording) // RATE * RATE].reshape(-1, RATE)
        levels_db.append(20 * np.log10(np.sqrt(np.square(recording).mean())))
        assert np.sqrt(np.square(seconds).mean(axis=1)).min() > 10 ** (-80 / 20)
    assert min(levels_db) > -70 and max(levels_db) < -25
    assert np.ptp(levels_db) > 10, "rooms should differ"


def test_recordings_differ_in_colour(minutes: list[np.ndarray]) -> None:
    def tilt_db(recording: np.ndarray) -> float:
        power = np.square(np.abs(np.fft.rfft(recording)))
        hz = np.fft.rfftfreq(len(recording), 1 / RATE)
        low, high = (power[(hz >= a) & (hz < b)].mean() for a, b in ((250, 500), (4000, 8000)))
        return float(10 * np.log10(low / high))

    tilts = [tilt_db(recording) for recording in minutes]
    assert np.ptp(tilts) > 15  # white 0, pink 12, brown 24 over these four octaves


def test_pack_keeps_a_recording_on_one_side(tmp_path: Path) -> None:
    pack = write_background_pack(tmp_path / "background", 200.0, RATE, seed=4)
    assert pack.seconds == pytest.approx(200.0) and pack.rate_hz == RATE
    assert pack.labels == ("background",)
    assert len({clip.group for clip in pack.clips}) == len(pack)
    assert {"train", "val"} <= {clip.split for clip in pack.clips} <= {"train", "val", "test"}


def test_unknown_ranges_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"somewhere.*train, unseen"):
        synthetic_background(1.0, RATE, 0, ranges="somewhere")
