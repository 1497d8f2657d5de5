"""Scenes and recordings scored in windows: the same as in one piece, alone or side by side, in bounded memory."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from auricle_shared import scored_scenes
from auricle_shared.errors import DataError
from auricle_shared.events import EventDetector
from auricle_shared.metadata import BACKGROUND, ModelMetadata
from auricle_shared.pack import Clip, Pack, PackWriter, to_float
from auricle_shared.scenes import SceneSettings
from auricle_shared.scored_scenes import ScoredScene, heard, score_recordings, score_scenes
from auricle_shared.scorer import ScoredFrames
from auricle_shared.settings import SpectrogramSettings
from auricle_shared.stream import StreamingClassifier
from auricle_shared.write_scene import make_scene

RATE, HOP = 8000, 80
METADATA = ModelMetadata(
    (BACKGROUND, "loud", "soft"), "softmax", SpectrogramSettings(rate_hz=RATE, high_hz=4000.0, n_fft=256), 1
)
SETTINGS = SceneSettings(gap_seconds=1.0, adjoining=0.3, clean=0.0, reset=0.0)


class Level:
    """Scores from a level with a memory that fades: what was heard before shows in every frame."""

    metadata = METADATA

    def __init__(self) -> None:
        self.calls: list[tuple[int, ...]] = []

    def __call__(self, audio: np.ndarray, state: np.ndarray) -> ScoredFrames:
        self.calls.append(audio.shape)
        level = np.abs(audio.reshape(len(audio), -1, HOP)).mean(-1)
        memory, found = state[:, 0].astype(np.float64), []
        for frame in level.T:
            memory = 0.95 * memory + 0.05 * frame
            found.append([0 * memory + 2, 200 * memory - 4, 4 - 200 * memory])
        logits = np.array(found, np.float32).transpose(2, 0, 1)
        return ScoredFrames(logits, logits, memory[:, None].astype(np.float32))


def noise_pack(path: Path, lengths: list[int], labels: list[str]) -> Pack:
    rng = np.random.default_rng(0)
    with PackWriter(path, RATE) as writer:
        for n, label in zip(lengths, labels, strict=True):
            level = 0.3 if label == "loud" else 0.05
            writer.add((level * rng.standard_normal(n)).astype(np.float32), [label], source=f"{label}/{n}")
    return Pack.open(path)


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    path = tmp_path_factory.mktemp("events") / "pack"
    return noise_pack(path, [2000, 7001, 12345, 4000, 5000], ["loud", "soft", "loud", BACKGROUND, "soft"])


@pytest.fixture(scope="module")
def hums(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return noise_pack(tmp_path_factory.mktemp("hums") / "pack", [3001, 40000, 80, 0, 17777, 40001], ["hum"] * 6)


@pytest.mark.parametrize("window_seconds", [0.37, 2.0, 100.0])
def test_a_scene_scored_in_windows_is_the_written_one_in_one_piece(
    events: Pack, hums: Pack, window_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scored_scenes, "WINDOW_SECONDS", window_seconds)
    seeds = (5, 6, 7)
    scenes = score_scenes(Level(), events, range(5), hums, SETTINGS, 33.0, seeds)
    for scene, seed in zip(scenes, seeds, strict=True):
        audio, truth = make_scene(events, range(5), hums, SETTINGS, 33.0, seed)
        whole = StreamingClassifier(Level()).feed(audio).logits
        np.testing.assert_allclose(scene.logits, whole, atol=1e-5)
        assert scene.truth == truth and len(truth) > 5
        assert scene.seconds == pytest.approx(33.0)
    assert not np.allclose(scenes[0].logits, scenes[1].logits)


def test_labels_of_background_alone_happen_but_are_no_events(events: Pack) -> None:
    (scene,) = score_scenes(Level(), events, [3], None, SETTINGS, 20.0, [1])
    assert scene.truth == []
    assert scene.logits[:, 1].max() > np.median(scene.logits[:, 1]) + 1


def test_recordings_side_by_side_are_each_alone(hums: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scored_scenes, "SIDE_BY_SIDE", 3)
    monkeypatch.setattr(scored_scenes, "WINDOW_SECONDS", 0.5)
    chosen, done = [0, 5, 3, 1, 2, 4], []
    scored = score_recordings(Level(), hums, chosen, lambda n, of: done.append((n, of)))
    assert done == [(3, 6), (6, 6)]
    for i, scene in zip(chosen, scored, strict=True):
        stream = StreamingClassifier(Level())
        frames = [stream.feed(to_float(hums.audio(i))).logits, stream.flush().logits]
        np.testing.assert_allclose(scene.logits, np.concatenate(frames), atol=1e-5)
        assert scene.name == hums.clips[i].source and scene.truth == []
        assert len(scene.logits) == -(-hums.clips[i].length_samples // HOP)


def test_what_has_ended_is_scored_no_further(hums: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scored_scenes, "WINDOW_SECONDS", 0.5)
    scorer = Level()
    score_recordings(scorer, hums, range(6))
    streams = [shape[0] for shape in scorer.calls]
    assert streams == sorted(streams, reverse=True) and streams[0] == 5 and streams[-1] <= 2


def test_memory_does_not_grow_with_the_audio(events: Pack, tmp_path: Path) -> None:
    """Beyond the logits: 12 bytes a frame of 80 samples, which as audio have 320."""
    long = noise_pack(tmp_path / "long", [300 * RATE], ["hum"])

    def peak(seconds: float) -> float:
        scorer = Level()
        tracemalloc.start()
        score_recordings(scorer, Pack(long.path, long.info, [_cut(long, seconds)]), [0])
        score_scenes(scorer, events, range(5), events, SETTINGS, seconds, [0])
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert max(np.prod(shape) for shape in scorer.calls) <= 10 * RATE
        return found

    peak(20)  # what is made once
    short, whole = peak(40), peak(300)
    as_audio, as_logits = 260 * RATE * 4, 260 * RATE / HOP * 12
    assert whole - short < 4 * as_logits + 200_000 < as_audio / 5


def _cut(pack: Pack, seconds: float) -> Clip:
    return replace(pack.clips[0], length_samples=round(seconds * RATE))


def test_heard_is_what_the_detector_says_at_the_models_temperature() -> None:
    rng = np.random.default_rng(3)
    logits = np.repeat(rng.normal(0, 2, (60, 3)), 20, axis=0).astype(np.float32)
    metadata = replace(METADATA, temperature=2.0)
    scores = np.exp(logits / 2) / np.exp(logits / 2).sum(-1, keepdims=True)
    wanted = [e for e in EventDetector.for_model(metadata).update(scores, 0.0) if e.phase == "on"]
    found = heard(ScoredScene("made", [], logits, HOP / RATE), metadata)
    assert [(e.label, e.onset_seconds) for e in found] == [(e.label, e.onset_seconds) for e in wanted]
    assert len(found) > 5


def test_nothing_to_happen(events: Pack) -> None:
    with pytest.raises(DataError, match="no clips of that split"):
        score_scenes(Level(), events, [], None, SETTINGS, 10.0, [0])
