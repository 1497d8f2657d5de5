"""Audio in, logits out: the front end, the training data's mean and deviation, and a network, with one flat state.

state [B, S]:   | audio tail (carry samples) | the network's own state |
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from auricle_shared.settings import SpectrogramSettings
from auricle_shared.spectrogram import SpectrogramConstants, constants, spectrogram

from .arrays import TorchArrays
from .fourier import fourier_spectrogram
from .heads import Heads

Augment = Callable[[Tensor], Tensor]


class Outputs(NamedTuple):
    """What a classifier says of F frames: tensors, or whatever the array namespace computes with."""

    logits: Any
    """[B, F, C]"""
    state: Any
    """[B, S], for the next call"""
    embedding: Any = None
    """[B, F, D], each of unit length; None for a network without the head"""


class Classifier(nn.Module):
    """A streaming classifier.

    `forward` runs it on torch tensors; `step` is the same body for any array namespace.
    """

    mean: Tensor
    deviation: Tensor
    cosines: Tensor
    sines: Tensor
    mel: Tensor | None

    def __init__(self, settings: SpectrogramSettings, network: Heads) -> None:
        super().__init__()
        self.settings, self.network = settings, network
        values = constants(settings)
        for name in ("cosines", "sines", "mel"):
            value = getattr(values, name)
            tensor = None if value is None else torch.tensor(value, dtype=torch.float32)
            self.register_buffer(name, tensor, persistent=False)  # a function of the settings, not of training
        self.register_buffer("mean", torch.zeros(settings.bands))
        self.register_buffer("deviation", torch.ones(settings.bands))

    @property
    def state_size(self) -> int:
        return self.settings.carry_samples + int(self.network.state_size)  # type: ignore[arg-type]

    def zero_state(self, streams: int) -> Tensor:
        return torch.zeros(streams, self.state_size, device=self.mean.device)

    @property
    def front_end(self) -> SpectrogramConstants:
        return SpectrogramConstants(self.cosines, self.sines, self.mel)

    def with_tail(self, xp: Any, audio: Any, state: Any) -> Any:
        """Audio [B, carry + samples]: what was kept of the audio before, then the audio."""
        carry = self.settings.carry_samples
        return xp.concatenate([state[:, :carry], audio], -1) if carry else audio

    def next_state(self, xp: Any, joined: Any, network_state: Any) -> Any:
        carry = self.settings.carry_samples
        return xp.concatenate([joined[:, -carry:], network_state], -1) if carry else network_state

    def step(self, xp: Any, number: Callable[[Any], Any], audio: Any, state: Any) -> Outputs:
        """audio [B, F * hop], state [B, S] -> all outputs; `number` converts this module's tensors."""
        joined = self.with_tail(xp, audio, state)
        front_end = SpectrogramConstants(
            *(None if x is None else number(x) for x in (self.cosines, self.sines, self.mel))
        )
        features = (spectrogram(xp, joined, front_end, self.settings) - number(self.mean)) / number(self.deviation)
        return self._outputs(xp, joined, features, state)

    def _outputs(self, xp: Any, joined: Any, features: Any, state: Any) -> Outputs:
        values, network_state = self.network(xp, features, state[:, self.settings.carry_samples :])
        after = self.next_state(xp, joined, network_state)
        return Outputs(self.network.logits(xp, values), after, self.network.embed(xp, values))

    def features(self, joined: Tensor) -> Tensor:
        """Normalised features of audio with its tail: float32 also under autocast, and without a gradient."""
        with torch.no_grad(), torch.autocast(joined.device.type, enabled=False):
            if self.training and joined.device.type == "cpu":
                values = fourier_spectrogram(joined.float(), self.settings)
            else:
                values = spectrogram(TorchArrays, joined.float(), self.front_end, self.settings)
            return (values - self.mean) / self.deviation

    def forward(self, audio: Tensor, state: Tensor, augment: Augment | None = None) -> Outputs:
        """audio [B, F * hop], state [B, S] -> logits [B, F, C], next state, embedding [B, F, D].

        `augment` changes the features [B, F, bands] in training.
        """
        joined = self.with_tail(TorchArrays, audio, state)
        features = self.features(joined)
        if augment is not None:
            features = augment(features)
        return self._outputs(TorchArrays, joined, features, state)

    def fit_normalisation(self, audio: np.ndarray) -> None:
        """Set mean and deviation per band from audio [B, F * hop] of the training streams."""
        with torch.no_grad():
            joined = self.with_tail(TorchArrays, torch.from_numpy(audio), torch.zeros(len(audio), self.state_size))
            values = spectrogram(TorchArrays, joined, self.front_end, self.settings).reshape(-1, self.settings.bands)
            self.mean.copy_(values.mean(0))
            self.deviation.copy_(values.std(0).clamp(min=0.1))
