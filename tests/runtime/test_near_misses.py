"""What came near a threshold is kept, what was an event or stayed far from it is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from auricle_runtime.listener import Listener
from auricle_runtime.sinks.clips import SavedClips
from auricle_runtime.sinks.near_misses import NearMisses
from auricle_runtime.sources import Block, Gap
from auricle_shared.audio import read_audio
from auricle_shared.metadata import BACKGROUND, ModelMetadata
from auricle_shared.scorer import ScoredFrames
from auricle_shared.settings import EventSettings, SpectrogramSettings

RATE_HZ = 16000
METADATA = ModelMetadata(
    (BACKGROUND, "bell"),
    "softmax",
    SpectrogramSettings(),
    1,
    events={"bell": EventSettings(on_threshold=0.8, off_threshold=0.5, smoothing_seconds=0.0)},
)


class Loudness:
    """A scorer whose score of the bell is the amplitude of its hop."""

    metadata = METADATA

    def __call__(self, audio: np.ndarray, state: np.ndarray) -> ScoredFrames:
        bell = np.abs(audio.reshape(1, -1, METADATA.hop_samples)).max(-1)
        scores = np.stack([1 - bell, bell], -1).astype(np.float32)
        return ScoredFrames(scores, scores, state)


def loudness(*pieces: tuple[float, float]) -> np.ndarray:
    """(seconds, amplitude) one after the other."""
    return np.concatenate([np.full(round(s * RATE_HZ), a, np.float32) for s, a in pieces])


def listened(folder: Path, audio: np.ndarray, block_seconds: float, gap_at: float = np.inf) -> list[float]:
    """Seconds of the clips that are left, in order of time."""
    sink = NearMisses(SavedClips(folder, RATE_HZ, 99, 10**9, print), METADATA, 0.6)
    listener = Listener(Loudness(), [sink])
    step = round(block_seconds * RATE_HZ)
    for at in range(0, len(audio), step):
        gap = Gap("unplugged", 1.0) if at / RATE_HZ == gap_at else None
        listener.hear(Block(audio[at : at + step], at / RATE_HZ, gap, end_utc=1.8e9 + (at + step) / RATE_HZ))
    listener.end()
    sink.close()
    return [len(read_audio(path)[0]) / RATE_HZ for path in sorted(folder.iterdir())]


@pytest.mark.parametrize("block_seconds", [0.08, 0.5, 20.0])
def test_only_what_came_near_is_kept(block_seconds: float, tmp_path: Path) -> None:
    """Far (0.4), near (0.6, for 0.5 s), an event (0.9) whose rise and fall are near too, near again at the very end."""
    audio = loudness((3, 0), (1, 0.4), (3, 0), (0.5, 0.6), (4, 0), (0.3, 0.6), (0.4, 0.9), (0.3, 0.6), (4, 0), (1, 0.7))
    found = listened(tmp_path, audio, block_seconds)
    assert found == [pytest.approx(2.5, abs=0.05), pytest.approx(2.0, abs=0.05)]
    assert {path.name.split("_")[1] for path in tmp_path.iterdir()} == {"bell"}


def test_a_hole_ends_what_was_near(tmp_path: Path) -> None:
    assert listened(tmp_path, loudness((2, 0), (1, 0.6), (3, 0)), 0.5, gap_at=2.5) == [
        pytest.approx(1.5, abs=0.05),
        pytest.approx(1.5, abs=0.05),
    ]
