"""Enrolment on vectors whose truth is known: what is found, what is not, what is said about it, and its file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from auricle_shared.embeddings import LEAST_WEIGHT, decode_vectors, encode_vectors, frame_weights, unit
from auricle_shared.enrolled_detector import EnrolledDetector
from auricle_shared.enrolled_file import default_path, read_enrolled, write_enrolled
from auricle_shared.enrolment import (
    EnrolledSound,
    EnrolmentError,
    HeardClip,
    check_name,
    direction,
    doubts,
    enrol,
    smoothed,
)
from auricle_shared.errors import DataError, ModelError
from auricle_shared.events import EventDetector
from auricle_shared.metadata import BACKGROUND, ModelMetadata
from auricle_shared.settings import EventSettings, SpectrogramSettings
from auricle_shared.stream import StreamFrames

SIZE, FRAME_SECONDS = 12, 0.01
METADATA = ModelMetadata((BACKGROUND, "dog"), "softmax", SpectrogramSettings(), 10, embedding_size=SIZE)


def others(seed: int = 0) -> np.ndarray:
    """What else there is: it varies a lot along the second axis, a little along all others."""
    rng = np.random.default_rng(seed)
    vectors = 0.1 * rng.standard_normal((300, SIZE))
    vectors[:, 1] += rng.choice([-0.7, 0.7], 300)
    return vectors.astype(np.float32)


def clip(seed: int, towards: int = 0, frames: int = 40, spread: float = 0.1) -> HeardClip:
    """A sound along the axis `towards` (and the second one, by chance), with quiet before and after it."""
    rng = np.random.default_rng([seed, 5])
    vectors = spread * rng.standard_normal((frames, SIZE))
    vectors[:, towards] += 1.0
    vectors[:, 1] += rng.choice([-0.5, 0.5])
    quiet = 0.01 * rng.standard_normal((20, SIZE))
    return HeardClip(f"clip {seed}", np.concatenate([quiet, unit(vectors), quiet]).astype(np.float32))


def enrolled(count: int = 5, **options: object) -> EnrolledSound:
    return enrol("bell", [clip(k) for k in range(count)], others(), FRAME_SECONDS, **options)  # type: ignore[arg-type]


def test_the_direction_passes_over_what_varies_anyway() -> None:
    prototypes = np.stack([clip(k).prototype for k in range(5)])
    found = direction(prototypes, others())
    found = found / (prototypes @ found).mean()
    assert abs(found[0]) > 10 * abs(found[1]), "the second axis says nothing"
    assert (others(1) @ found).max() < 0.5
    alone = direction(prototypes, np.zeros((0, SIZE), np.float32))
    np.testing.assert_allclose(unit(alone), unit(prototypes.mean(0)), atol=1e-6)


def test_other_clips_of_the_sound_are_found_and_other_sounds_are_not() -> None:
    sound = enrolled()
    frames = round(sound.settings.smoothing_seconds / FRAME_SECONDS)
    own = [smoothed(sound.scores(clip(k).vectors), frames).max() for k in range(100, 130)]
    strange = [smoothed(sound.scores(clip(k, towards=3).vectors), frames).max() for k in range(100, 130)]
    assert min(own) > sound.settings.on_threshold > max(strange)
    assert sound.told["clips"] == sound.told["found_from_the_others"] == 5
    assert doubts(sound) == []


def test_what_was_heard_in_the_negatives_never_sets_it_off() -> None:
    near = [0.75 * clip(k).vectors for k in range(50, 53)]
    before, after = enrolled(), enrolled(recordings=near)
    frames = round(after.settings.smoothing_seconds / FRAME_SECONDS)
    highest = max(smoothed(after.scores(vectors), frames).max() for vectors in near)
    assert before.settings.on_threshold < highest < after.settings.on_threshold
    assert after.told["negative_seconds"] == pytest.approx(3 * 80 * FRAME_SECONDS)


def test_sounds_in_a_place_that_is_always_a_little_like_them_are_told_one_by_one() -> None:
    """What hums below the threshold must not keep an event on until the next one."""
    rng = np.random.default_rng(8)
    hum = 0.05 * rng.standard_normal((8000, SIZE))
    hum[:, 0] += 0.35
    sound = enrolled(recordings=[hum.astype(np.float32)])
    stream = np.concatenate([hum[:300], clip(50).vectors, hum[300:600], clip(51).vectors, hum[600:900]])
    detector = EventDetector(("bell",), [sound.settings], FRAME_SECONDS)
    events = detector.update(sound.scores(stream)[:, None], 0.0)
    assert [event.phase for event in events] == ["on", "off", "on", "off"]


def test_doubts_name_the_clip_that_is_unlike_the_others() -> None:
    sound = enrol("bell", [*(clip(k) for k in range(4)), clip(9, towards=5)], others(), FRAME_SECONDS)
    assert [d.split(" is ")[0] for d in doubts(sound)] == ["clip 9"]
    assert sound.told["found_from_the_others"] == 4
    assert "one clip says nothing" in doubts(enrolled(1))[0]
    mixed = enrol("all", [clip(k, towards=k) for k in range(2, 7)], others(), FRAME_SECONDS)
    assert any("of 5 clips would be found" in doubt for doubt in doubts(mixed))


def test_what_the_model_does_not_hear_cannot_be_enrolled() -> None:
    silent = HeardClip("silence.wav", np.zeros((100, SIZE), np.float32))
    with pytest.raises(EnrolmentError, match="is what it hears anywhere"):
        enrol("bell", [silent] * 3, others(), FRAME_SECONDS)
    with pytest.raises(EnrolmentError, match="No clips of 'bell'"):
        enrol("bell", [], others(), FRAME_SECONDS)


def frames_of(vectors: np.ndarray, start_seconds: float = 0.0) -> StreamFrames:
    """A stream's frames whose weighted embedding is `vectors`."""
    weights = np.linalg.norm(vectors, axis=1)
    scores = np.stack([1 - weights, weights], 1).astype(np.float32)
    return StreamFrames(start_seconds, scores, scores, unit(vectors))


def test_the_detector_in_a_stream_is_the_event_detector_on_the_scores() -> None:
    sounds = [enrolled(), enrol("other", [clip(k, towards=3) for k in range(5)], others(), FRAME_SECONDS)]
    heard = [clip(7).vectors, np.zeros((60, SIZE)), clip(8, towards=3).vectors, np.zeros((60, SIZE))]
    stream = np.concatenate(heard).astype(np.float32)
    stream[:, 2] += 1e-3  # so that no frame is without a direction
    detector = EnrolledDetector(sounds, METADATA)
    events = []
    for start in range(0, len(stream), 7):
        events += detector.update(frames_of(stream[start : start + 7], start * FRAME_SECONDS))
    events += detector.finish(len(stream) * FRAME_SECONDS)
    assert [(e.label, e.phase) for e in events] == [("bell", "on"), ("bell", "off"), ("other", "on"), ("other", "off")]
    weights = np.maximum(np.linalg.norm(stream, axis=1), LEAST_WEIGHT)
    scores = np.stack([unit(stream) * weights[:, None] @ s.direction for s in sounds], 1)
    wanted = EventDetector([s.name for s in sounds], [s.settings for s in sounds], FRAME_SECONDS)
    assert [e.onset_seconds for e in wanted.update(scores, 0.0) if e.phase == "on"] == pytest.approx(
        [e.onset_seconds for e in events if e.phase == "on"]
    )


def test_weights_are_what_is_not_background_or_the_likeliest_of_several() -> None:
    scores = np.array([[0.95, 0.05], [0.2, 0.8], [1.0, 0.0]], np.float32)
    np.testing.assert_allclose(frame_weights(scores, METADATA), [0.1, 0.8, 0.1], atol=1e-6)
    several = replace(METADATA, labels=("dog", "cat"), activation="sigmoid")
    np.testing.assert_allclose(frame_weights(scores, several), [0.95, 0.8, 1.0], atol=1e-6)


def test_vectors_come_back_from_text_within_half_a_step() -> None:
    vectors = np.random.default_rng(0).uniform(-1, 1, (30, SIZE)).astype(np.float32)
    assert np.abs(decode_vectors(encode_vectors(vectors), SIZE) - vectors).max() <= 0.5 / 127 + 1e-6
    assert decode_vectors("", SIZE).shape == (0, SIZE)
    for damaged in ("???", encode_vectors(vectors)[:-8]):
        with pytest.raises(ModelError, match="damaged"):
            decode_vectors(damaged, SIZE)


def test_the_file_gives_back_what_was_written_and_is_bound_to_the_model(tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(b"one model")
    path, sound = default_path(model), enrolled()
    assert path == tmp_path / "model.enrolled.json"
    write_enrolled(path, model, [sound, replace(sound, name="zwei Glocken")])
    first, second = read_enrolled(path, model, SIZE)
    assert (first.name, second.name, first.sources, first.settings, first.told) == (
        "bell", "zwei Glocken", sound.sources, sound.settings, sound.told)  # fmt: skip
    np.testing.assert_allclose(first.direction, sound.direction, atol=1e-5)
    np.testing.assert_allclose(first.prototypes, sound.prototypes, atol=1e-5)
    model.write_bytes(b"another model")
    with pytest.raises(EnrolmentError, match="is another model"):
        read_enrolled(path, model, SIZE)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda v: v.update(format=9), "format 1"),
        (lambda v: v["sounds"][0].update(direction=[1.0]), "length 1"),
        (lambda v: v["sounds"][0]["settings"].update(on_threshold=7), "damaged"),
        (lambda v: v["sounds"][0]["settings"].update(wrong=1), "damaged"),
        (lambda v: v["sounds"].append(v["sounds"][0]), "twice"),
        (lambda v: v.update(sounds=3), "damaged"),
        (lambda v: v["sounds"][0]["direction"].__setitem__(0, "x"), "damaged"),
    ],
)
def test_a_file_that_somebody_broke_is_refused_in_words(change: object, words: str, tmp_path: Path) -> None:
    model, path = tmp_path / "model.onnx", tmp_path / "sounds.json"
    model.write_bytes(b"one model")
    write_enrolled(path, model, [enrolled()])
    values = json.loads(path.read_text())
    change(values)  # type: ignore[operator]
    path.write_text(json.dumps(values))
    with pytest.raises(EnrolmentError, match=words):
        read_enrolled(path, model, SIZE)
    path.write_bytes(b"\x80\x04pickle")
    with pytest.raises(EnrolmentError, match="no file of enrolled sounds"):
        read_enrolled(path, model, SIZE)
    with pytest.raises(EnrolmentError, match="does not exist"):
        read_enrolled(tmp_path / "nothing.json", model, SIZE)


def test_names_that_are_taken_or_cannot_be_told() -> None:
    check_name("Türklingel 2", ("dog",), ("bell",))
    for name, words in (("dog", "trained on"), ("bell", "enrolled already"), ("  ", "no name"), ("a\nb", "no name")):
        with pytest.raises(DataError, match=words):
            check_name(name, ("dog",), ("bell",))


def test_thresholds_stay_where_an_event_can_be(rng: np.random.Generator) -> None:
    for spread in (0.0, 1.0, 10.0):
        clips = [
            HeardClip("x", unit(rng.standard_normal((30, SIZE)) * spread + 0.1).astype(np.float32)) for _ in range(3)
        ]
        settings = enrol("bell", clips, others(), FRAME_SECONDS).settings
        assert isinstance(settings, EventSettings) and settings.on_threshold >= 0.2
