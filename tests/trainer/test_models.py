"""Networks and the classifier as streams: in pieces equals whole, nothing looks ahead, no stream sees another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from auricle_shared.errors import SettingsError
from auricle_shared.settings import SpectrogramSettings
from auricle_trainer.checkpoint import make_classifier
from auricle_trainer.config import MODELS, load_config
from auricle_trainer.models import NETWORKS, make_network
from auricle_trainer.models.arrays import TorchArrays
from auricle_trainer.models.classifier import Classifier, Outputs

NETS: dict[str, tuple[str, dict[str, Any]]] = {
    "gru": ("gru", {"hidden": 24}),
    "gru of 3 layers": ("gru", {"hidden": 24, "layers": 3}),
    "conv_gru": ("conv_gru", {"hidden": 24, "channels": (4, 6), "kernel_frames": 4}),
    "conv_gru of 2 layers": ("conv_gru", {"hidden": 24, "channels": (5,), "layers": 2}),
    "tcn": ("tcn", {"channels": 12, "kernel_frames": 3, "dilations": (1, 3, 1)}),
}
SHAPES = [(net, kind) for net in NETS for kind in ("log_mel", "linear")]
HOP = 160
NO_CARRY = SpectrogramSettings(
    window_seconds=0.01, n_fft=256, bands=12, low_hz=100.0
)  # a window no longer than its hop
LOG_MEL = SpectrogramSettings(bands=16, low_hz=100.0)
LINEAR = SpectrogramSettings(kind="linear", window_seconds=0.03, bands=20)


def network_of(net: str, features: int) -> Any:
    """With weights, biases and means of batch norms that are neither 0 nor 1."""
    torch.manual_seed(len(net))
    name, settings = NETS[net]
    network = make_network(name, features, 4, embedding=8, **settings).eval()
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if "norm" in name and value.is_floating_point():
                value.uniform_(0.5, 1.5) if "weight" in name or "var" in name else value.normal_(0, 0.3)
            elif "bias" in name:
                value.normal_(0, 0.5)
            elif "gru" in name or "output" in name:
                value.mul_(3.0)
    return network


def classifier(net: str = "gru", kind: str = "log_mel", settings: SpectrogramSettings | None = None) -> Classifier:
    """Random weights and biases, large enough that a difference shows."""
    settings = settings or {"log_mel": LOG_MEL, "linear": LINEAR}[kind]
    model = Classifier(settings, network_of(net, settings.bands)).eval()
    model.fit_normalisation(noise(1, 100).numpy())
    return model


def noise(streams: int, frames: int, seed: int = 0) -> Tensor:
    return 0.2 * torch.randn(streams, frames * HOP, generator=torch.Generator().manual_seed(seed))


def in_pieces(model: Classifier, audio: Tensor, pieces: list[int]) -> Outputs:
    found, at = [Outputs(None, model.zero_state(len(audio)))], 0
    for frames in pieces:
        found.append(model(audio[:, at : at + frames * HOP], found[-1].state))
        at += frames * HOP
    assert at == audio.shape[1]
    logits, embedding = (torch.cat([getattr(f, name) for f in found[1:]], 1) for name in ("logits", "embedding"))
    return Outputs(logits, found[-1].state, embedding)


@pytest.mark.parametrize(("net", "kind"), SHAPES)
@torch.inference_mode()
def test_a_classifier_in_pieces_equals_the_whole(net: str, kind: str) -> None:
    model, audio = classifier(net, kind), noise(3, 60)
    whole = model(audio, model.zero_state(3))
    for pieces in ([1] * 60, [2, 7, 1, 50], [59, 1], [13] * 4 + [8]):
        for found, wanted in zip(in_pieces(model, audio, pieces), whole, strict=True):
            torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)
    assert whole.logits.std() > 0.5, "logits that hardly move would show nothing"
    assert whole.embedding.std((0, 1)).max() > 0.05, "nor would an embedding"


@pytest.mark.parametrize("net", NETS)
@torch.inference_mode()
def test_an_embedding_has_unit_length_and_its_head_changes_nothing_else(net: str) -> None:
    model, audio = classifier(net), noise(2, 30)
    found = model(audio, model.zero_state(2))
    torch.testing.assert_close(found.embedding.norm(dim=-1), torch.ones(2, 30), atol=1e-6, rtol=0)
    assert found.embedding.shape == (2, 30, 8)
    model.network.embedding = None
    without = model(audio, model.zero_state(2))
    assert without.embedding is None
    assert torch.equal(without.logits, found.logits) and torch.equal(without.state, found.state)


def test_every_network_is_among_the_tested() -> None:
    assert {name for name, _ in NETS.values()} == set(NETWORKS) == set(MODELS)


@pytest.mark.parametrize("net", NETS)
@torch.inference_mode()
def test_a_network_in_pieces_equals_the_whole(net: str) -> None:
    network = network_of(net, 16)
    features = torch.randn(2, 31, 16)
    whole, last = network(TorchArrays, features, torch.zeros(2, network.state_size))
    state, found = torch.zeros(2, network.state_size), []
    for piece in features.split([1, 2, 20, 8], 1):
        logits, state = network(TorchArrays, piece, state)
        found.append(logits)
    torch.testing.assert_close(torch.cat(found, 1), whole, atol=2e-6, rtol=0)
    torch.testing.assert_close(state, last, atol=2e-6, rtol=0)


@pytest.mark.parametrize(("net", "kind"), SHAPES)
@torch.inference_mode()
def test_streams_never_share_state(net: str, kind: str) -> None:
    model, audio = classifier(net, kind), noise(4, 30)
    together, state, _ = model(audio, model.zero_state(4))
    for stream in range(4):
        alone, after, _ = model(audio[stream : stream + 1], model.zero_state(1))
        torch.testing.assert_close(together[stream], alone[0], atol=1e-5, rtol=0)
        torch.testing.assert_close(state[stream], after[0], atol=1e-5, rtol=0)
    # Another state in one stream changes that stream alone.
    start = model.zero_state(4)
    start[2] += 0.3
    changed = (model(audio, start)[0] - together).abs().amax((1, 2))
    assert changed[2] > 1e-3 and changed[[0, 1, 3]].max() < 1e-6


@pytest.mark.parametrize(("net", "kind"), SHAPES)
@torch.inference_mode()
def test_nothing_looks_ahead(net: str, kind: str) -> None:
    """Other audio from sample n on changes no frame that ends at n, and the very next frame is changed."""
    model, audio = classifier(net, kind), noise(1, 40)
    before = model(audio, model.zero_state(1))[0]
    for frame in (0, 1, 17, 39):
        other = audio.clone()
        other[:, frame * HOP :] = noise(1, 40 - frame, seed=5)
        after = model(other, model.zero_state(1))[0]
        torch.testing.assert_close(after[:, :frame], before[:, :frame], atol=1e-6, rtol=0)
        assert (after[:, frame] - before[:, frame]).abs().max() > 1e-4


@pytest.mark.parametrize("settings", [LOG_MEL, LINEAR, NO_CARRY], ids=["log_mel", "linear", "no_carry"])
@torch.inference_mode()
def test_the_state_is_the_audio_tail_and_the_layers(settings: SpectrogramSettings) -> None:
    model = classifier("gru of 3 layers", settings=settings)
    tail = settings.carry_samples
    assert model.state_size == tail + 3 * 24 == model.zero_state(1).shape[1]
    audio = noise(2, 9)
    for start in (model.zero_state(2), torch.rand(2, model.state_size)):
        state = model(audio, start).state
        assert state.shape == (2, model.state_size)
        assert torch.equal(state[:, :tail], audio[:, audio.shape[1] - tail :])
    assert settings is not NO_CARRY or tail == 0


@torch.inference_mode()
def test_pieces_shorter_than_the_tail_keep_all_of_it() -> None:
    settings = SpectrogramSettings(window_seconds=0.05, n_fft=1024, bands=16, low_hz=100.0)  # a tail of four hops
    model, audio = classifier(settings=settings), noise(2, 12)
    torch.testing.assert_close(
        in_pieces(model, audio, [1] * 12)[0], model(audio, model.zero_state(2))[0], atol=1e-5, rtol=0
    )


@pytest.mark.parametrize(("net", "kind"), SHAPES)
def test_step_and_forward_are_one_body(net: str, kind: str) -> None:
    model, audio = classifier(net, kind), noise(2, 20)
    state = torch.rand(2, model.state_size) * 0.1
    with torch.inference_mode():
        for a, b in zip(model(audio, state), model.step(TorchArrays, lambda x: x, audio, state), strict=True):
            torch.testing.assert_close(a, b, atol=1e-6, rtol=0)


@pytest.mark.parametrize("config", ["gru", "conv_gru", "tcn"])
def test_the_gradient_reaches_every_parameter_and_no_further_than_the_window(config: str) -> None:
    model = make_classifier(load_config(config, ["spectrogram.hop_seconds=0.01", "model.dropout=0.1"]), 3).train()
    bank = torch.rand(4, model.state_size, requires_grad=True)
    logits, after, _ = model(noise(4, 25), bank.detach())
    logits.square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name
    assert bank.grad is None and after.shape == bank.shape
    assert {name for name, _ in model.named_buffers()} >= {"mean", "deviation"}


def test_features_are_normalised_by_what_was_fitted() -> None:
    model = Classifier(LOG_MEL, make_network("gru", 16, 3))
    audio = noise(8, 200)
    model.fit_normalisation(audio.numpy())
    joined = model.with_tail(TorchArrays, audio, model.zero_state(8))
    values = model.features(joined)
    torch.testing.assert_close(values.mean((0, 1)), torch.zeros(16), atol=1e-3, rtol=0)
    torch.testing.assert_close(values.std((0, 1)), torch.ones(16), atol=1e-2, rtol=0)
    assert not values.requires_grad
    silent = Classifier(LOG_MEL, make_network("gru", 16, 3))
    silent.fit_normalisation(np.zeros((2, 20 * HOP), np.float32))
    assert torch.isfinite(silent(audio, silent.zero_state(8))[0]).all(), "a deviation of 0 divides"


def test_augmentation_sees_the_features_and_only_in_forward() -> None:
    model, audio = classifier(), noise(2, 10)
    seen: list[tuple[int, ...]] = []

    def silence(features: Tensor) -> Tensor:
        seen.append(tuple(features.shape))
        return torch.zeros_like(features)

    with torch.inference_mode():
        hidden = model(audio, model.zero_state(2), silence)[0]
        assert seen == [(2, 10, 16)]
        other = model(noise(2, 10, seed=9), model.zero_state(2), silence)[0]
        assert torch.equal(hidden, other)


def test_an_unknown_network_is_refused() -> None:
    with pytest.raises(SettingsError, match="'transformer'; known networks: .*gru"):
        make_network("transformer", 16, 3)
