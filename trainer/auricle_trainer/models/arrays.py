"""The layers of a network, by torch.

A network's `forward` names what it needs from an array namespace: this one in training, a NumPy one as the oracle, and
a recorder that writes ONNX nodes in the export. The network itself is written once.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .recurrence import train_gru

Convolution = nn.Conv1d | nn.Conv2d
Norm = nn.BatchNorm1d | nn.BatchNorm2d


def folded(layer: Convolution, norm: Norm | None) -> tuple[Tensor, Tensor]:
    """Weight and bias of the convolution that does what `layer` and then `norm` do outside training."""
    bias = layer.bias if layer.bias is not None else layer.weight.new_zeros(layer.out_channels)
    if norm is None:
        return layer.weight, bias
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    weight = layer.weight * scale.reshape(-1, *[1] * (layer.weight.ndim - 1))
    return weight, (bias - norm.running_mean) * scale + norm.bias


class TorchArrays:
    """torch under the names that NumPy shares, and the layers."""

    concatenate = staticmethod(torch.concatenate)
    flip = staticmethod(torch.flip)
    log = staticmethod(torch.log)
    permute = staticmethod(torch.permute)
    relu = staticmethod(torch.relu)

    @staticmethod
    def linear(layer: nn.Linear, x: Tensor) -> Tensor:
        """[B, F, in] -> [B, F, out]"""
        y: Tensor = layer(x)
        return y

    @staticmethod
    def unit_length(x: Tensor) -> Tensor:
        """Along the last axis; zeros stay zeros."""
        return nn.functional.normalize(x, dim=-1)

    @staticmethod
    def convolve(layer: Convolution, norm: Norm | None, x: Tensor) -> Tensor:
        """A convolution without padding, then a batch norm: [B, in, F, ...] -> [B, out, F', ...]."""
        y: Tensor = layer(x) if norm is None else norm(layer(x))
        return y

    @staticmethod
    def dropout(layer: nn.Dropout, x: Tensor) -> Tensor:
        """Nothing outside training."""
        y: Tensor = layer(x)
        return y

    @staticmethod
    def gru(layer: nn.GRU, x: Tensor, hidden: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """x [B, F, in], hidden one [B, H] a layer -> y [B, F, H], hidden after the last frame."""
        start = torch.stack(list(hidden))
        if x.device.type == "cpu" and torch.is_grad_enabled():
            y, last = train_gru(layer, x, start)
        elif x.device.type == "cpu":
            y, last = layer(x, start)
        else:  # under autocast cuDNN's GRU would compute in float16, whatever was asked for, and its gradient overflow
            with torch.autocast(x.device.type, enabled=False):
                y, last = layer(x.float(), start.float())
        return y, list(last)
