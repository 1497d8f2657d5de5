"""The classifier's body run by NumPy alone in float64: what torch and ONNX Runtime would say if they did not round."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from torch import Tensor, nn

from auricle_shared.decision import frame_scores
from auricle_shared.metadata import ModelMetadata
from auricle_shared.scorer import ScoredFrames
from auricle_trainer.models.arrays import Convolution, Norm
from auricle_trainer.models.classifier import Classifier


class NumpyArrays:
    """NumPy, and the layers written out."""

    concatenate = staticmethod(np.concatenate)
    flip = staticmethod(np.flip)
    log = staticmethod(np.log)
    permute = staticmethod(np.transpose)

    @staticmethod
    def relu(x: np.ndarray) -> np.ndarray:
        return np.maximum(x, 0.0)

    @staticmethod
    def unit_length(x: np.ndarray) -> np.ndarray:
        return x / np.sqrt((x * x).sum(-1, keepdims=True))

    @staticmethod
    def convolve(layer: Convolution, norm: Norm | None, x: np.ndarray) -> np.ndarray:
        """Tap by tap: every weight times the samples it meets, and nothing else."""
        y = _correlate(x, number(layer.weight), layer.stride, layer.dilation, layer.groups)
        over = (-1, *[1] * (x.ndim - 2))  # a channel's number, spread over frames and bands
        if layer.bias is not None:
            y = y + number(layer.bias).reshape(over)
        if norm is None:
            return y
        assert norm.running_mean is not None and norm.running_var is not None
        mean, variance, weight, bias = (
            number(v).reshape(over) for v in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
        )
        return (y - mean) / np.sqrt(variance + norm.eps) * weight + bias

    @staticmethod
    def linear(layer: nn.Linear, x: np.ndarray) -> np.ndarray:
        return x @ number(layer.weight).T + number(layer.bias)

    @staticmethod
    def dropout(layer: nn.Dropout, x: np.ndarray) -> np.ndarray:
        return x

    @staticmethod
    def gru(layer: nn.GRU, x: np.ndarray, hidden: Sequence[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
        """Cho et al. (EMNLP 2014) with the reset gate after the product, as cuDNN and torch have it."""
        last = []
        for i, h in enumerate(hidden):
            w, r, b_w, b_r = (
                number(getattr(layer, f"{name}_l{i}")) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            rows = []
            for t in range(x.shape[1]):
                reset_in, update_in, new_in = np.split(x[:, t] @ w.T + b_w, 3, axis=-1)
                reset_h, update_h, new_h = np.split(h @ r.T + b_r, 3, axis=-1)
                reset, update = _sigmoid(reset_in + reset_h), _sigmoid(update_in + update_h)
                h = (1 - update) * np.tanh(new_in + reset * new_h) + update * h
                rows.append(h)
            x = np.stack(rows, axis=1)
            last.append(h)
        return x, last


class NumpyScorer:
    """A scorer in NumPy at float64; slow, exact, and nobody else's kernels."""

    def __init__(self, model: Classifier, metadata: ModelMetadata) -> None:
        self._model, self.metadata = model, metadata

    def __call__(self, audio: np.ndarray, state: np.ndarray) -> ScoredFrames:
        return self.embed(audio, state)._replace(embedding=None)

    def embed(self, audio: np.ndarray, state: np.ndarray) -> ScoredFrames:
        found = self._model.step(NumpyArrays, number, audio.astype(np.float64), state.astype(np.float64))
        scores = frame_scores(found.logits, self.metadata.activation, self.metadata.temperature)
        return ScoredFrames(found.logits, scores, found.state, found.embedding)


def number(value: Tensor) -> np.ndarray:
    array: np.ndarray = value.detach().cpu().numpy()
    return array.astype(np.float64)


def _correlate(
    x: np.ndarray, weight: np.ndarray, stride: Sequence[int], dilation: Sequence[int], groups: int
) -> np.ndarray:
    """x [B, in, *sizes], weight [out, in / groups, *taps] -> [B, out, *what is left], without padding."""
    taps = weight.shape[2:]
    left = [(n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(x.shape[2:], taps, stride, dilation, strict=True)]
    x = x.reshape(len(x), groups, -1, *x.shape[2:])
    weight = weight.reshape(groups, -1, *weight.shape[1:])
    y = np.zeros((len(x), groups, weight.shape[1], math.prod(left)))
    for tap in np.ndindex(*taps):
        places = zip(tap, stride, dilation, left, strict=True)
        met = x[:, :, :, *(slice(k * d, k * d + s * (n - 1) + 1, s) for k, s, d, n in places)]
        y += weight[:, :, :, *tap] @ met.reshape(*met.shape[:3], -1)
    return y.reshape(len(x), -1, *left)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1.0 + np.tanh(0.5 * x))
