"""The ONNX scorer: the contract of every scorer, and words for every file that is none."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from auricle_runtime import onnx_scorer, session
from auricle_runtime.onnx_scorer import OnnxScorer, open_if_onnx
from auricle_runtime.resident import DeviceState, ResidentCall
from auricle_shared.decision import frame_scores
from auricle_shared.errors import AuricleError, DataError, DeviceError, ModelError
from auricle_shared.scorer import ScoredFrames, open_scorer, zero_state
from auricle_shared.stream import StreamingBatch, StreamingClassifier

Noise = Callable[[int, int], np.ndarray]


@pytest.fixture
def noise(rng: np.random.Generator) -> Noise:
    return lambda streams, samples: rng.normal(0, 0.1, (streams, samples)).astype(np.float32)


def test_scores_are_the_activation_of_the_logits(tiny_model: Path, noise: Noise) -> None:
    scorer = OnnxScorer(tiny_model)
    meta = scorer.metadata
    found = scorer(noise(3, 13 * meta.hop_samples), zero_state(meta, 3))
    assert found.logits.shape == found.scores.shape == (3, 13, len(meta.labels))
    assert found.state.shape == (3, meta.state_size)
    np.testing.assert_allclose(found.scores, frame_scores(found.logits, meta.activation, meta.temperature), atol=1e-6)


def test_state_joins_two_calls_into_one(tiny_model: Path, noise: Noise) -> None:
    scorer = OnnxScorer(tiny_model)
    hop = scorer.metadata.hop_samples
    audio = noise(2, 50 * hop)
    whole = scorer(audio, zero_state(scorer.metadata, 2))
    first = scorer(audio[:, : 7 * hop], zero_state(scorer.metadata, 2))
    second = scorer(audio[:, 7 * hop :], first.state)
    np.testing.assert_allclose(np.concatenate([first.scores, second.scores], 1), whole.scores, atol=1e-5)
    np.testing.assert_allclose(second.state, whole.state, atol=1e-5)


def test_streams_of_a_batch_do_not_hear_each_other(tiny_model: Path, noise: Noise) -> None:
    scorer = OnnxScorer(tiny_model)
    audio = noise(2, 20 * scorer.metadata.hop_samples)
    both = scorer(audio, zero_state(scorer.metadata, 2))
    for i in range(2):
        alone = scorer(audio[i : i + 1], zero_state(scorer.metadata))
        np.testing.assert_allclose(both.logits[i], alone.logits[0], atol=1e-4)


@pytest.mark.parametrize("samples", [0, 1, 100, 161])
def test_audio_off_the_hop_never_reaches_onnxruntime(tiny_model: Path, noise: Noise, samples: int) -> None:
    scorer = OnnxScorer(tiny_model)
    with pytest.raises(DataError, match=f"{samples} samples.*multiple of {scorer.metadata.hop_samples}"):
        scorer(noise(1, samples), zero_state(scorer.metadata))


def test_runs_without_a_word_from_onnxruntime(
    tiny_model: Path, noise: Noise, capfd: pytest.CaptureFixture[str]
) -> None:
    scorer = OnnxScorer(tiny_model)
    for streams, frames in ((1, 1), (1, 8), (3, 13), (1, 100)):
        scorer(noise(streams, frames * scorer.metadata.hop_samples), zero_state(scorer.metadata, streams))
    said = capfd.readouterr()
    assert said.out == said.err == ""


def test_open_scorer_finds_it(tiny_model: Path, tmp_path: Path) -> None:
    unnamed = tmp_path / "model without an ending"
    unnamed.write_bytes(tiny_model.read_bytes())
    assert isinstance(open_scorer(tiny_model), OnnxScorer)
    assert isinstance(open_if_onnx(unnamed), OnnxScorer)


def test_is_not_onnx(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not a model")
    assert open_if_onnx(text) is None
    assert open_if_onnx(tmp_path) is None
    assert open_if_onnx(tmp_path / "missing.onnx") is None


@pytest.mark.parametrize("kept", [0.0, 0.001, 0.3, 0.9, 0.999])
def test_truncated_model(tiny_model: Path, tmp_path: Path, kept: float) -> None:
    whole = tiny_model.read_bytes()
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(ModelError, match="broken.onnx"):
        OnnxScorer(broken)


def test_garbage_and_missing_models(tmp_path: Path, rng: np.random.Generator) -> None:
    garbage = tmp_path / "garbage.onnx"
    garbage.write_bytes(rng.bytes(5000))
    with pytest.raises(ModelError, match=r"garbage\.onnx \(5000 bytes\) is not an ONNX model"):
        OnnxScorer(garbage)
    with pytest.raises(ModelError, match="does not exist"):
        OnnxScorer(tmp_path / "missing.onnx")
    with pytest.raises(ModelError, match="not a file"):
        OnnxScorer(tmp_path)


def test_a_state_that_stays_on_the_device_is_the_same_state(tiny_model: Path, noise: Noise) -> None:
    """The GPU's way of calling, with the CPU as the device: real IO bindings, and the plain call as the witness."""
    plain, resident = OnnxScorer(tiny_model, "cpu"), OnnxScorer(tiny_model, "cpu")
    resident._run = ResidentCall(resident._session, "cpu")
    hop = plain.metadata.hop_samples
    wanted = found = ScoredFrames(*[np.zeros(0)] * 2, zero_state(plain.metadata, 3))
    for frames in (1, 7, 2):
        audio = noise(3, frames * hop * 2)[:, : frames * hop]  # rows that do not lie side by side
        wanted, found = plain(audio, wanted.state), resident(audio, found.state)
        np.testing.assert_allclose(found.scores, wanted.scores, atol=1e-6)
        assert isinstance(found.state, DeviceState) and found.state.shape == wanted.state.shape
        np.testing.assert_allclose(np.asarray(found.state), wanted.state, atol=1e-6)


def test_one_stream_of_a_batch_on_the_device_begins_again(tiny_model: Path, noise: Noise) -> None:
    scorer = OnnxScorer(tiny_model, "cpu")
    scorer._run = ResidentCall(scorer._session, "cpu")
    batch, audio = StreamingBatch(scorer, 3), noise(3, 10 * scorer.metadata.hop_samples)
    batch.feed(audio)
    batch.reset_stream(1)
    again = batch.feed(audio).scores[1]
    np.testing.assert_allclose(
        again, StreamingClassifier(OnnxScorer(tiny_model, "cpu")).feed(audio[1]).scores, atol=1e-6
    )


def test_bound_to_one_stream_it_says_the_same(tiny_model: Path, noise: Noise) -> None:
    """Lengths with buffers of their own and without, a stream begun anew in between; what was given stays as it was."""
    scorer = OnnxScorer(tiny_model, "cpu")
    bound, hop = scorer.for_one_stream(), scorer.metadata.hop_samples
    wanted = found = ScoredFrames(*[np.zeros(0)] * 2, zero_state(scorer.metadata))
    kept: list[tuple[ScoredFrames, ScoredFrames]] = []
    for frames in (4, 4, 4, 1, 16, 17, 4, 100, 0, 4, 1):
        if frames == 0:
            wanted = found = ScoredFrames(*[np.zeros(0)] * 2, zero_state(scorer.metadata))
            continue
        audio = noise(1, frames * hop)
        wanted, found = scorer(audio, wanted.state), bound(audio, found.state)
        np.testing.assert_array_equal(found.state, wanted.state)
        kept.append((found, wanted))
    for found, wanted in kept:
        np.testing.assert_array_equal(found.logits, wanted.logits)
        np.testing.assert_array_equal(found.scores, wanted.scores)


@pytest.mark.parametrize("samples", [0, 1, 100_001])
def test_bound_to_one_stream_it_refuses_the_same(tiny_model: Path, samples: int) -> None:
    scorer = OnnxScorer(tiny_model, "cpu")
    with pytest.raises(DataError, match=f"block of {samples} samples"):
        scorer.for_one_stream()(np.zeros((1, samples), np.float32), zero_state(scorer.metadata))


def test_two_streams_of_one_scorer_do_not_hear_each_other(tiny_model: Path, noise: Noise) -> None:
    scorer = OnnxScorer(tiny_model, "cpu")
    audio = noise(2, 30 * scorer.metadata.hop_samples)
    together, alone = ([StreamingClassifier(scorer) for _ in audio] for _ in range(2))
    pieces = np.split(audio, 10, axis=1)
    turns = [[c.feed(own).scores for c, own in zip(together, piece, strict=True)] for piece in pieces]
    for i, (classifier, one) in enumerate(zip(alone, audio, strict=True)):
        found = np.concatenate([turn[i] for turn in turns])
        np.testing.assert_allclose(found, classifier.feed(one).scores, atol=1e-6)


class FakeSession:
    """A graph that runs but does other things than its metadata say."""

    def __init__(self, strings: dict[str, str], classes: int, extra_input: bool = False) -> None:
        self._strings, self._classes = strings, classes
        self._inputs = ["audio", "state"] + (["sr"] if extra_input else [])

    def get_modelmeta(self) -> Any:
        return SimpleNamespace(custom_metadata_map=self._strings)

    def get_inputs(self) -> list[Any]:
        return [SimpleNamespace(name=name, shape=["batch", "n"]) for name in self._inputs]

    def get_outputs(self) -> list[Any]:
        return [SimpleNamespace(name=name, shape=["batch", "n"]) for name in onnx_scorer.OUTPUTS]

    def run(self, _outputs: Any, feed: dict[str, np.ndarray], _options: Any) -> list[np.ndarray]:
        scores = np.zeros((1, 1, self._classes), np.float32)
        return [scores, scores, feed["state"]]


def open_fake(monkeypatch: pytest.MonkeyPatch, session: FakeSession) -> OnnxScorer:
    monkeypatch.setattr(onnx_scorer, "open_session", lambda path, provider: (session, "cpu"))
    return OnnxScorer("fake.onnx")


def test_foreign_model(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match="is not an Auricle model"):
        open_fake(monkeypatch, FakeSession({"framework": "other"}, 3))


def test_graph_that_contradicts_its_metadata(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metadata = OnnxScorer(tiny_model).metadata
    classes = len(metadata.labels)
    assert open_fake(monkeypatch, FakeSession(metadata.to_strings(), classes)).metadata == metadata
    with pytest.raises(ModelError, match=rf"{classes} labels"):
        open_fake(monkeypatch, FakeSession(metadata.to_strings(), classes + 1))
    with pytest.raises(ModelError, match=r"inputs audio, state, sr .* wanted audio, state"):
        open_fake(monkeypatch, FakeSession(metadata.to_strings(), classes, extra_input=True))


def fake_runtime(installed: list[str], running: list[str]) -> Any:
    class Session:
        def __init__(self, *_: Any, **__: Any) -> None: ...

        def disable_fallback(self) -> None: ...

        def get_providers(self) -> list[str]:
            return running

    class Options:
        def add_session_config_entry(self, _key: str, _value: str) -> None: ...

    return SimpleNamespace(
        __version__="9.9", InferenceSession=Session, SessionOptions=Options, get_available_providers=lambda: installed
    )


CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


@pytest.mark.parametrize(
    ("installed", "running", "asked", "wanted"),
    [
        ([CPU], [CPU], "auto", "cpu"),
        ([CUDA, CPU], [CUDA, CPU], "auto", "cuda"),
        ([CUDA, CPU], [CPU], "auto", "cpu"),  # the GPU wheel without CUDA says it has it, and falls back
        ([CUDA, CPU], [CUDA, CPU], "cuda", "cuda"),
    ],
)
def test_provider_is_the_one_that_runs(
    monkeypatch: pytest.MonkeyPatch, tiny_model: Path, installed: list[str], running: list[str], asked: str, wanted: str
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", fake_runtime(installed, running))
    assert session.open_session(tiny_model, asked)[1] == wanted


@pytest.mark.parametrize(
    ("installed", "said"),
    [([CPU], r"9\.9 is built for CPUExecutionProvider only.*auricle-runtime\[gpu\]"), ([CUDA, CPU], "could not start")],
)
def test_cuda_asked_for_and_absent(
    monkeypatch: pytest.MonkeyPatch, tiny_model: Path, installed: list[str], said: str
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", fake_runtime(installed, [CPU]))
    with pytest.raises(DeviceError, match=said):
        OnnxScorer(tiny_model, "cuda")


def test_cuda_asked_of_the_real_runtime_runs_there_or_says_why_not(tiny_model: Path) -> None:
    import onnxruntime

    try:
        found = OnnxScorer(tiny_model, "cuda").provider
    except DeviceError as error:
        found = str(error)
    assert found == "cuda" or re.search(f"{onnxruntime.__version__}.*--provider cpu", found)


def test_no_onnxruntime(monkeypatch: pytest.MonkeyPatch, tiny_model: Path) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(AuricleError, match=r"pip install 'auricle-runtime\[cpu\]'"):
        OnnxScorer(tiny_model)
    monkeypatch.setitem(sys.modules, "onnxruntime", SimpleNamespace())
    with pytest.raises(AuricleError, match="installed but empty"):
        OnnxScorer(tiny_model)
