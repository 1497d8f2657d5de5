"""Evaluation with a made scorer: batches change nothing, carried means carried, what cannot be compared is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from auricle_shared import evaluate as evaluate_module
from auricle_shared import playlists as playlists_module
from auricle_shared.errors import DataError
from auricle_shared.evaluate import (
    Carried,
    after_background,
    carried,
    clip_frame_logits,
    evaluate,
    judge,
    judge_clips,
)
from auricle_shared.metadata import BACKGROUND, ModelMetadata
from auricle_shared.pack import Pack, PackWriter, to_float
from auricle_shared.scorer import ScoredFrames
from auricle_shared.settings import SpectrogramSettings
from auricle_shared.stream import StreamingClassifier

RATE, HOP = 8000, 80
SETTINGS = SpectrogramSettings(rate_hz=RATE, high_hz=4000.0, n_fft=256)
LABELS = (BACKGROUND, "high", "low")
LEVEL = {BACKGROUND: 0.0, "high": 0.5, "low": 0.1}


class MadeScorer:
    """Knows a clip by its level, with a memory that fades over half a second: causal, and it shows what it carries."""

    def __init__(self, metadata: ModelMetadata, keeps: float = 0.9) -> None:
        self.metadata, self.keeps = metadata, keeps
        self.calls: list[tuple[int, int]] = []

    def __call__(self, audio: np.ndarray, state: np.ndarray) -> ScoredFrames:
        assert audio.dtype == np.float32 and state.shape == (len(audio), 1)
        level = np.abs(audio.reshape(len(audio), -1, self.metadata.hop_samples)).mean(-1)
        self.calls.append(audio.shape)
        memory, found = state.astype(np.float32)[:, 0], []
        for frame in level.T:
            memory = self.keeps * memory + (1 - self.keeps) * frame
            found.append([-20 * np.abs(memory - LEVEL.get(label, 0.3)) for label in self.metadata.labels])
        logits = np.moveaxis(np.array(found, np.float32), -1, 0)
        return ScoredFrames(logits, 1 / (1 + np.exp(-logits)), memory[:, None].astype(np.float32))


def scorer(labels: tuple[str, ...] = LABELS, **changes: object) -> MadeScorer:
    return MadeScorer(replace(ModelMetadata(labels, "softmax", SETTINGS, 1), **changes))  # type: ignore[arg-type]


def level_pack(path: Path, labels: list[str], several: bool = False) -> Pack:
    rng = np.random.default_rng(0)
    with PackWriter(path, RATE) as writer:
        for i, label in enumerate(labels):
            n = int(rng.integers(RATE // 2, 2 * RATE))  # hardly ever a whole number of hops
            level = 0.2 if i % 5 == 4 else LEVEL.get(label, 0.3)  # every fifth sounds like 'low', whatever it is
            samples = np.full(n, level) * np.where(np.arange(n) % 2, 1, -1)
            more = ["low"] if several and i % 2 else []
            writer.add(
                samples, [label, *more], split="test" if i % 3 else "train", speaker=f"s{i % 2}", source=f"{i}.wav"
            )
    return Pack.open(path)


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return level_pack(tmp_path_factory.mktemp("evaluate") / "levels", ["high", "low"] * 13 + ["low"])


def alone(pack: Pack, i: int) -> np.ndarray:
    """Logits of one clip as a device hears it: fed in pieces of 333 samples to a fresh stream."""
    stream = StreamingClassifier(scorer())
    clip = to_float(pack.audio(i))
    parts = [stream.feed(clip[k : k + 333]).logits for k in range(0, len(clip), 333)]
    return np.concatenate([*parts, stream.flush().logits])


def test_company_in_a_batch_changes_nothing(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate_module, "BATCH_CLIPS", 5)
    monkeypatch.setattr(playlists_module, "WINDOW_FRAMES", 17)
    told: list[tuple[int, int]] = []
    clips = [20, 3, 11, 0, 26, 7, 5, 6]
    model = scorer()
    found = clip_frame_logits(model, pack, clips, lambda done, of: told.append((done, of)))
    assert {batch for batch, _ in model.calls} == {5, 3} and max(n for _, n in model.calls) == 17 * HOP
    for i, logits in zip(clips, found, strict=True):
        assert len(logits) == -(-pack.clips[i].length_samples // HOP)
        np.testing.assert_allclose(logits, alone(pack, i), atol=1e-5)
    assert told == [(5, 8), (8, 8)]


@pytest.fixture(params=[7, 200, 10**6], ids=lambda frames: f"windows of {frames}")
def window_frames(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Many windows a clip, many clips a window, all in one."""
    monkeypatch.setattr(playlists_module, "WINDOW_FRAMES", request.param)
    return int(request.param)


@pytest.mark.parametrize("between_seconds", [0.7, 0.0])
def test_carried_is_one_endless_stream_with_background_between(
    pack: Pack, window_frames: int, between_seconds: float
) -> None:
    """By hand: the same clips in the same order, each padded to its hop, through one StreamingClassifier."""
    background = np.random.default_rng(4).uniform(-0.05, 0.05, 3000).astype(np.float32)  # shorter than one pause
    clips = list(range(6))
    told = list(carried(scorer(), pack, clips, background, between_seconds, seeds=[3], streams=1))
    order = np.random.default_rng([3, 7]).permutation(6)
    assert list(order) != clips and [(0, i) for i in order] == [(number, i) for number, i, _ in told]
    found = {i: logits for _, i, logits in told}
    stream, between = StreamingClassifier(scorer()), round(between_seconds * RATE)
    for turn, i in enumerate(order):
        stream.feed(np.resize(np.roll(background, -turn * between), between).astype(np.float32))
        clip = to_float(pack.audio(clips[i]))
        logits = stream.feed(np.pad(clip, (0, -len(clip) % HOP))).logits
        np.testing.assert_allclose(found[i], logits, atol=1e-5)
    assert np.abs(found[order[1]][0] - alone(pack, clips[order[1]])[0]).max() > 0.01, "nothing was carried"
    changed = np.abs(found[order[0]][0] - alone(pack, clips[order[0]])[0]).max() > 1e-4
    assert changed == bool(between), "background comes before the first clip, if any"


def test_after_background_is_a_second_of_it_and_then_the_clip(pack: Pack, window_frames: int) -> None:
    background = np.random.default_rng(4).uniform(-0.05, 0.05, 3000).astype(np.float32)
    clips = [8, 2, 20, 5]
    for place, logits in after_background(scorer(), pack, clips, background):
        stream = StreamingClassifier(scorer())
        stream.feed(np.resize(np.roll(background, -place * RATE), RATE))
        clip = to_float(pack.audio(clips[place]))
        wanted = stream.feed(np.pad(clip, (0, -len(clip) % HOP))).logits
        np.testing.assert_allclose(logits, wanted, atol=1e-5)
        assert np.abs(logits[0] - alone(pack, clips[place])[0]).max() > 1e-4


@pytest.mark.parametrize("streams", [1, 4, 8, 100])
def test_every_clip_is_carried_once_an_order_however_many_streams(pack: Pack, streams: int) -> None:
    silence = np.zeros(RATE, np.float32)
    found = list(carried(scorer(), pack, range(9), silence, seeds=[0, 1, 2], streams=streams))
    assert sorted((number, i) for number, i, _ in found) == [(k, i) for k in range(3) for i in range(9)]
    assert all(len(x) == -(-pack.clips[i].length_samples // HOP) for _, i, x in found)


def test_orders_side_by_side_are_the_orders_one_by_one(pack: Pack) -> None:
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, RATE).astype(np.float32)
    together = {(k, i): x for k, i, x in carried(scorer(), pack, range(9), noise, 0.1, [4, 5], streams=2)}
    for k, seed in enumerate([4, 5]):
        for _, i, logits in carried(scorer(), pack, range(9), noise, 0.1, [seed], streams=2):
            np.testing.assert_allclose(together[k, i], logits, atol=1e-5)
    assert any(np.abs(together[0, i] - together[1, i]).max() > 1e-3 for i in range(9)), "one order twice"


def test_memory_does_not_grow_with_the_stream(tmp_path: Path) -> None:
    """A minute of clips or half an hour of them: never more than a window of audio at once."""
    clips = np.full(RATE, 0.1)
    with PackWriter(tmp_path / "long", RATE) as writer:
        for _ in range(40):
            writer.add(clips, ["low"], split="test")
    long, model = Pack.open(tmp_path / "long"), scorer()
    for _ in carried(model, long, list(range(40)) * 20, np.zeros(RATE, np.float32)):
        pass
    assert sum(samples for _, samples in model.calls) > 180 * RATE
    assert max(samples for _, samples in model.calls) == playlists_module.WINDOW_FRAMES * HOP


def test_the_figures_of_the_stream_are_the_mean_of_its_orders(pack: Pack) -> None:
    """By hand from the logits of every order; a judge that forgets slowly loses some clips to what came before."""
    model = MadeScorer(scorer().metadata, keeps=0.99)
    clips, noise = list(range(27)), np.random.default_rng(1).uniform(-0.3, 0.3, RATE).astype(np.float32)
    outcomes = judge_clips(model, pack, clips, Carried(noise, 0.2, orders=4, seed=9))
    found = outcomes.report()
    right = np.zeros((4, 27))
    for k, i, logits in carried(model, pack, clips, noise, 0.2, seeds=range(9, 13)):
        mean = np.log(np.exp(logits[:, 1:].astype(np.float64)).mean(0))
        right[k, i] = ("high", "low")[int(mean.argmax())] == pack.clips[i].labels[0]
    stream = found["stream"]
    assert stream["correct"] == right.sum() and stream["n"] == 4 * 27 and stream["clips"] == 27
    assert [o["correct"] for o in stream["orders"]] == right.sum(1).tolist()
    assert [o["seed"] for o in stream["orders"]] == [9, 10, 11, 12]
    assert len({o["correct"] for o in stream["orders"]}) > 1, "an order that changes nothing tests nothing"
    np.testing.assert_allclose(outcomes.share_carried, right.mean(0))
    for key, other in (("against_alone", found), ("against_after_background", found["after_background"])):
        assert stream[key]["difference"] == pytest.approx(stream["accuracy"] - other["accuracy"])
        assert stream[key]["interval_95"][0] < stream[key]["difference"] < stream[key]["interval_95"][1]
    low, high = stream["interval_95"]
    one = judge_clips(model, pack, clips, Carried(noise, 0.2, orders=1, seed=9)).report()["stream"]["interval_95"]
    assert high - low > 0.8 * (one[1] - one[0]), "orders of the same clips are no new clips"


def test_the_report_counts_what_the_scorer_said(pack: Pack) -> None:
    clips = pack.select("test")
    result = evaluate(scorer(), pack, clips, np.zeros(RATE, np.float32))
    assert result["n"] == len(clips) == 18
    # Count by hand from single streams.
    right = 0
    for i in clips:
        mean = np.log(np.exp(alone(pack, i)[:, 1:].astype(np.float64)).mean(0))  # high, low; no background in the data
        right += ("high", "low")[int(mean.argmax())] == pack.clips[i].labels[0]
    assert result["correct"] == right and 0 < right < 18
    kept = {"n", "correct", "accuracy", "interval_95", "labels", "confusion", "per_class"}
    assert set(result) == kept | {"after_background", "stream"} and kept < set(result["stream"])
    assert result["labels"] == ["high", "low"] and result["stream"]["n"] == 5 * 18
    assert np.sum(result["confusion"]) == 18


def test_background_is_an_answer_only_where_the_data_have_it(pack: Pack, tmp_path: Path) -> None:
    quiet = level_pack(tmp_path / "quiet", ["high", BACKGROUND, "low"])
    assert evaluate(scorer(), quiet, [0, 1, 2])["labels"] == [BACKGROUND, "high", "low"]
    sure_of_nothing = [np.array([[9.0, 0.0, 1.0]])] * 3
    with_it = judge(scorer().metadata, quiet.clips, quiet.labels, sure_of_nothing)
    assert with_it["confusion"][0] == [1, 0, 0] and with_it["correct"] == 1
    without = judge(scorer().metadata, [pack.clips[0], pack.clips[1]], pack.labels, sure_of_nothing[:2])
    assert without["confusion"] == [[0, 1], [0, 1]]


def test_trained_fine_reported_coarse(tmp_path: Path) -> None:
    fine = (BACKGROUND, "terrier", "poodle", "cat")
    metadata = ModelMetadata(fine, "softmax", SETTINGS, 1, report_as={"terrier": "dog", "poodle": "dog"})
    pack = level_pack(tmp_path / "fine", ["terrier", "poodle", "cat"])
    said_poodle = [np.array([[0.0, 1.0, 5.0, 2.0]])] * 3
    result = judge(metadata, pack.clips, pack.labels, said_poodle)
    assert set(result["labels"]) == {"dog", "cat"}
    assert result["correct"] == 2 and result["per_class"]["dog"]["predicted"] == 3
    coarse = level_pack(tmp_path / "coarse", ["dog", "cat"])  # data that know the coarse labels alone
    assert judge(metadata, coarse.clips, coarse.labels, said_poodle[:2])["correct"] == 1
    model = MadeScorer(metadata)
    assert evaluate(model, coarse, [0, 1])["n"] == 2
    several = replace(metadata, labels=fine[1:], activation="sigmoid")
    on_off = [np.array([[-9.0, 9.0, 9.0]]), np.array([[-9.0, -9.0, 9.0]])]
    result = judge(several, coarse.clips, coarse.labels, on_off)
    assert (result["labels"], result["correct"]) == (["dog", "cat"], 1)


def test_several_labels_at_once_by_hand(tmp_path: Path) -> None:
    pack = level_pack(tmp_path / "several", ["high", "high", "high"], several=True)
    metadata = ModelMetadata(("high", "low"), "sigmoid", SETTINGS, 1)
    logits = [np.array([[3.0, -3.0]]), np.array([[3.0, -3.0], [3.0, 9.0]]), np.array([[-1.0, -1.0]])]
    result = judge(metadata, pack.clips, pack.labels, logits)
    # high; high and low (one sure frame of two is above half); neither, where high was.
    assert result["correct"] == 2
    assert result["per_class"]["high"]["recall"] == pytest.approx(2 / 3)


def test_what_cannot_be_compared_is_refused(pack: Pack, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="labels that the model does not know: high.*knows background, low"):
        evaluate(scorer((BACKGROUND, "low")), pack, pack.select("test"))
    faster = SpectrogramSettings()
    with pytest.raises(DataError, match="8000 Hz, the model hears 16000 Hz.*--rate 16000"):
        evaluate(scorer(spectrogram=faster), pack, [0])
    with pytest.raises(DataError, match="No clips of that split.*test: 18.*train: 9"):
        evaluate(scorer(), pack, pack.select("val"))
    several = level_pack(tmp_path / "several", ["high", "high"], several=True)
    with pytest.raises(DataError, match="1.wav has 2 labels; the model says one"):
        evaluate(scorer(), several, [0, 1])
