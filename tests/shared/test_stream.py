"""Feeding in pieces: whatever the pieces, the same frames, and no stream knows of another."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auricle_shared.errors import DataError
from auricle_shared.metadata import ModelMetadata
from auricle_shared.scorer import ScoredFrames
from auricle_shared.settings import SpectrogramSettings
from auricle_shared.stream import MAX_FRAMES_PER_CALL, StreamFrames, StreamingBatch, StreamingClassifier

HOP = 4


class Remembering:
    """A scorer whose every frame depends on all that came before it, and which refuses what a model would."""

    def __init__(self) -> None:
        settings = SpectrogramSettings(
            kind="linear", rate_hz=1000, window_seconds=0.008, hop_seconds=HOP / 1000, n_fft=8, bands=4
        )
        self.metadata = ModelMetadata(("background", "sound"), "softmax", settings, state_size=2, embedding_size=1)
        self.lengths: list[int] = []

    def __call__(self, audio: np.ndarray, state: np.ndarray) -> ScoredFrames:
        assert audio.dtype == state.dtype == np.float32
        assert audio.shape[0] == state.shape[0] > 0
        assert audio.shape[1] > 0  # ONNX Runtime's GRU ends the process on an empty sequence
        assert audio.shape[1] % HOP == 0
        assert np.isfinite(audio).all()
        self.lengths.append(audio.shape[1])
        logits, memory = [], state.copy()
        for hop in np.moveaxis(audio.reshape(len(audio), -1, HOP), 1, 0):
            heard = (hop * np.arange(1, HOP + 1, dtype=np.float32)).sum(1)  # a product would round by the batch
            memory = np.stack([np.float32(0.9) * memory[:, 0] + heard, memory[:, 1] + np.float32(1)], 1)
            logits.append(memory)
        rows = np.stack(logits, 1)
        return ScoredFrames(rows, np.tanh(rows), memory)

    def embed(self, audio: np.ndarray, state: np.ndarray) -> ScoredFrames:
        found = self(audio, state)
        return found._replace(embedding=found.logits[..., :1] + 1)


def audio_of(samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, samples).astype(np.float32)


def feed_all(classifier: StreamingClassifier, audio: np.ndarray, lengths: list[int]) -> Iterator[StreamFrames]:
    cuts = np.cumsum([0, *lengths])
    assert cuts[-1] == len(audio)
    for a, b in itertools.pairwise(cuts):
        yield classifier.feed(audio[a:b])


PIECES = st.lists(st.integers(0, 3 * HOP + 1) | st.just(MAX_FRAMES_PER_CALL * HOP * 2 + 5), max_size=12)


@given(PIECES)
def test_any_pieces_equal_the_whole(lengths: list[int]) -> None:
    audio, scorer = audio_of(sum(lengths)), Remembering()
    whole = len(audio) // HOP * HOP
    parts = list(feed_all(StreamingClassifier(scorer), audio, lengths))
    logits = np.concatenate([np.zeros((0, 2), np.float32), *(p.logits for p in parts)])
    scores = np.concatenate([np.zeros((0, 2), np.float32), *(p.scores for p in parts)])
    if whole:
        expected = Remembering()(audio[None, :whole], np.zeros((1, 2), np.float32))
        np.testing.assert_array_equal(logits, expected.logits[0])
        np.testing.assert_array_equal(scores, expected.scores[0])
    else:
        assert len(logits) == len(scores) == 0
    assert max(scorer.lengths, default=0) <= MAX_FRAMES_PER_CALL * HOP


@given(PIECES)
def test_times_follow_each_other_without_gap(lengths: list[int]) -> None:
    classifier = StreamingClassifier(Remembering())
    frames = 0
    for part in feed_all(classifier, audio_of(sum(lengths)), lengths):
        assert part.start_seconds == pytest.approx(frames * HOP / 1000)
        frames += len(part.logits)
        assert classifier.seconds == pytest.approx(frames * HOP / 1000)
    assert frames == sum(lengths) // HOP


@given(st.integers(0, 5 * HOP))
def test_flush_pads_the_rest_of_a_hop_with_zeros(samples: int) -> None:
    audio = audio_of(samples)
    flushed = StreamingClassifier(Remembering())
    parts = [flushed.feed(audio), flushed.flush()]
    padded = StreamingClassifier(Remembering()).feed(np.concatenate([audio, np.zeros(-samples % HOP, np.float32)]))
    np.testing.assert_array_equal(np.concatenate([p.logits for p in parts]), padded.logits)
    assert len(flushed.flush().logits) == 0


def test_empty_piece_is_no_frame() -> None:
    scorer = Remembering()
    found = StreamingClassifier(scorer).feed(np.zeros(0, np.float32))
    assert found.logits.shape == found.scores.shape == (0, 2)
    assert not scorer.lengths


def test_two_streams_on_one_scorer_share_nothing() -> None:
    scorer, left, right = Remembering(), audio_of(10 * HOP, 1), audio_of(10 * HOP, 2)
    a, b = StreamingClassifier(scorer), StreamingClassifier(scorer)
    mixed_a, mixed_b = [], []
    for i in range(0, 10 * HOP, 3):
        mixed_a.append(a.feed(left[i : i + 3]).logits)
        mixed_b.append(b.feed(right[i : i + 3]).logits)
    np.testing.assert_array_equal(np.concatenate(mixed_a), StreamingClassifier(scorer).feed(left).logits)
    np.testing.assert_array_equal(np.concatenate(mixed_b), StreamingClassifier(scorer).feed(right).logits)


def test_reset_forgets_state_and_pending_samples() -> None:
    audio = audio_of(6 * HOP)
    classifier = StreamingClassifier(Remembering())
    first = classifier.feed(audio)
    classifier.feed(audio[: HOP + 3])
    classifier.reset(at_seconds=12.5)
    again = classifier.feed(audio)
    np.testing.assert_array_equal(again.logits, first.logits)
    assert again.start_seconds == 12.5
    assert classifier.seconds == pytest.approx(12.5 + 6 * HOP / 1000)


def test_caller_may_fill_the_same_buffer_again() -> None:
    audio, buffer = audio_of(5 * HOP), np.zeros(5, np.float32)
    classifier, parts = StreamingClassifier(Remembering()), []
    for i in range(0, len(audio), 5):
        buffer[:] = audio[i : i + 5]
        parts.append(classifier.feed(buffer).logits)
        buffer[:] = 99.0
    np.testing.assert_array_equal(np.concatenate(parts), StreamingClassifier(Remembering()).feed(audio).logits)


@pytest.mark.parametrize("dtype", [np.float64, np.float16])
def test_other_floats_are_taken_as_float32(dtype: type) -> None:
    audio = audio_of(3 * HOP).astype(dtype)
    found = StreamingClassifier(Remembering()).feed(audio)
    np.testing.assert_array_equal(found.logits, StreamingClassifier(Remembering()).feed(audio.astype("f4")).logits)


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (np.zeros(8, np.int16), ["int16", "32768"]),
        (np.zeros((8, 2), np.float32), [r"\(8, 2\)", "one channel"]),
        (np.zeros(8, bool), ["bool"]),
        (np.float32(0.5), [r"\(\)"]),
        (np.array([0, np.nan], np.float32), ["NaN"]),
        (np.full(2 * HOP, np.inf, np.float32), ["infinity"]),
        (np.array([np.inf, -np.inf] * HOP, np.float32), ["infinity"]),
    ],
)
def test_refused_audio_is_named_and_leaves_the_stream_as_it_was(samples: np.ndarray, words: list[str]) -> None:
    audio = audio_of(4 * HOP)
    classifier = StreamingClassifier(Remembering())
    parts = [classifier.feed(audio[:6]).logits]
    for word in words:
        with pytest.raises(DataError, match=word):
            classifier.feed(samples)
    parts.append(classifier.feed(audio[6:]).logits)
    np.testing.assert_array_equal(np.concatenate(parts), StreamingClassifier(Remembering()).feed(audio).logits)
    assert classifier.seconds == pytest.approx(4 * HOP / 1000)


@settings(max_examples=40)
@given(PIECES, st.integers(1, 5), st.integers(1, 3))
def test_each_stream_of_a_batch_gets_what_it_would_get_alone(lengths: list[int], streams: int, at_once: int) -> None:
    audio = np.stack([audio_of(sum(lengths), seed) for seed in range(streams)])
    batch = StreamingBatch(Remembering(), streams, embed=True, streams_per_call=at_once)
    cuts = np.cumsum([0, *lengths])
    parts = [batch.feed(audio[:, a:b]) for a, b in itertools.pairwise(cuts)] + [batch.flush()]
    for stream in range(streams):
        alone = StreamingClassifier(Remembering(), embed=True)
        wanted = [alone.feed(audio[stream]), alone.flush()]
        for name in ("logits", "scores", "embedding"):
            found = np.concatenate([getattr(p, name)[stream] for p in parts])
            np.testing.assert_array_equal(found, np.concatenate([getattr(p, name) for p in wanted]))
    assert batch.seconds == pytest.approx(alone.seconds)


def test_one_stream_of_a_batch_begins_again_and_the_others_do_not_notice() -> None:
    audio = np.stack([audio_of(6 * HOP + 3, seed) for seed in range(5)])
    later = np.stack([audio_of(6 * HOP + 1, 10 + seed) for seed in range(5)])
    batch, whole = StreamingBatch(Remembering(), 5, streams_per_call=2), StreamingBatch(Remembering(), 5)
    for one in (batch, whole):
        one.feed(audio)
    batch.reset_stream(3)
    found, unbroken = batch.feed(later).logits, whole.feed(later).logits
    np.testing.assert_array_equal(found[[0, 1, 2, 4]], unbroken[[0, 1, 2, 4]])
    begun = np.concatenate([np.zeros(3, np.float32), later[3]])  # what waited for its hop is silence now
    np.testing.assert_array_equal(found[3], StreamingClassifier(Remembering()).feed(begun).logits)


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (np.zeros((2, 8), np.float32), [r"\(2, 8\)", r"\[3, n\]"]),
        (np.zeros((3, 8), np.int16), ["int16"]),
        (np.zeros(8, np.float32), [r"\(8,\)"]),
        (np.full((3, 8), np.nan, np.float32), ["NaN"]),
    ],
)
def test_audio_that_is_no_row_a_stream_is_refused(samples: np.ndarray, words: list[str]) -> None:
    for word in words:
        with pytest.raises(DataError, match=word):
            StreamingBatch(Remembering(), 3).feed(samples)
    with pytest.raises(DataError, match="0 streams"):
        StreamingBatch(Remembering(), 0)
    with pytest.raises(DataError, match="no stream 3; they are numbered 0 to 2"):
        StreamingBatch(Remembering(), 3).reset_stream(3)
