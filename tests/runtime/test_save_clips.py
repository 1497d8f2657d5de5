"""The sound around each event, cut from a ring buffer, in a folder that never grows beyond its bounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from auricle_runtime.sinks import HeardEvent
from auricle_runtime.sinks.clips import CLIP_NAME, LONGEST_SECONDS, SavedClips
from auricle_runtime.sources import Block, Gap
from auricle_shared.audio import read_audio
from auricle_shared.errors import DataError
from auricle_shared.stream import StreamFrames

RATE_HZ = 1000
NOTHING = StreamFrames(0.0, np.zeros((0, 1), np.float32), np.zeros((0, 1), np.float32))


def ramp(from_seconds: float, until_seconds: float) -> np.ndarray:
    """Audio that tells its own time: sample i of the stream has the int16 value i % 30000."""
    return ((np.arange(round(from_seconds * RATE_HZ), round(until_seconds * RATE_HZ)) % 30000) / 32768).astype(
        np.float32
    )


def hear(sink: SavedClips, from_seconds: float, until_seconds: float, step: float = 0.08) -> None:
    at = from_seconds
    while at < until_seconds - 1e-9:
        end = min(at + step, until_seconds)
        sink.heard(Block(ramp(at, end), at), NOTHING)
        at = end


def on(onset: float, label: str = "bell") -> HeardEvent:
    return HeardEvent("on", label, onset, 0.9, onset_utc=1.8e9 + onset)


def off(onset: float, offset: float, label: str = "bell") -> HeardEvent:
    return HeardEvent("off", label, onset, 0.9, offset, onset_utc=1.8e9 + onset, offset_utc=1.8e9 + offset)


def clips(folder: Path) -> dict[str, tuple[int, int]]:
    """Name -> stream time in ms of the first sample, length in samples."""
    found = {}
    for path in sorted(folder.iterdir()):
        assert CLIP_NAME.fullmatch(path.name)
        samples, rate_hz = read_audio(path)
        assert rate_hz == RATE_HZ
        values = np.rint(samples * 32768).astype(int)
        assert np.all(np.diff(values) % 30000 == 1)  # no hole, nothing twice
        found[path.name] = (int(values[0]), len(values))
    return found


def saved(folder: Path, most_clips: int = 99, most_bytes: int = 10**9) -> SavedClips:
    return SavedClips(folder, RATE_HZ, most_clips, most_bytes, print)


def test_clip_has_a_second_on_both_sides(tmp_path: Path) -> None:
    sink = saved(tmp_path)
    hear(sink, 0, 5)
    sink.event(on(4.5))
    hear(sink, 5, 7.3)
    sink.event(off(4.5, 7))
    sink.event(on(7.2, "a/b"))
    hear(sink, 7.3, 12)
    sink.event(off(7.2, 11))
    sink.close()  # what was not yet heard of the second is left out
    found = clips(tmp_path)
    assert list(found.values()) == [(3500, 4500), (6200, 5800)]
    assert list(found)[0] == "20270115T080004.500Z_bell_0.90.wav"
    assert "a-b" in list(found)[1]


def test_very_long_event_gives_one_clip_of_its_beginning(tmp_path: Path) -> None:
    sink = saved(tmp_path)
    hear(sink, 0, 3)
    sink.event(on(2.5))
    hear(sink, 3, 100)
    sink.event(off(2.5, 99))
    hear(sink, 100, 110)
    sink.close()
    assert list(clips(tmp_path).values()) == [(1500, round(LONGEST_SECONDS * RATE_HZ))]
    assert len(sink._ring) * 0.08 < LONGEST_SECONDS + 4  # what is kept in memory is bounded


def test_gap_ends_a_clip(tmp_path: Path) -> None:
    sink = saved(tmp_path)
    hear(sink, 0, 3)
    sink.event(on(2.5))
    sink.event(off(2.5, 3))
    sink.gap(Gap("unplugged", 4.0), 7.0)
    hear(sink, 7, 10)
    sink.event(on(7.5))
    hear(sink, 10, 12)
    sink.close()
    assert list(clips(tmp_path).values()) == [(1500, 1500), (7000, 5000)]


@pytest.mark.parametrize(
    ("most_clips", "most_bytes", "kept"), [(3, 10**9, 3), (99, 3 * 6044, 3), (99, 3 * 6044 - 1, 2)]
)
def test_oldest_make_room_and_strangers_stay(tmp_path: Path, most_clips: int, most_bytes: int, kept: int) -> None:
    stranger = tmp_path / "holiday.wav"
    stranger.write_bytes(b"x" * 10**5)
    sink = saved(tmp_path, most_clips, most_bytes)
    for k in range(6):
        hear(sink, 5 * k, 5 * k + 5)
        sink.event(on(5 * k + 2))
        sink.event(off(5 * k + 2, 5 * k + 3))
    sink.close()
    stranger.unlink()
    assert list(clips(tmp_path).values()) == [(16000, 3000), (21000, 3000), (26000, 3000)][-kept:]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= most_bytes


def test_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="--save-clips"):
        saved(tmp_path / "file")
