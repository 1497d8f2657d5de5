"""The layers of a network, by torch.

A network's `forward` names what it needs from an array namespace: this one in training, a NumPy one as the oracle, and
a recorder that writes ONNX nodes in the export. The network itself is written once.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .recurrence import train_gru


class TorchArrays:
    """torch under the names that NumPy shares, and the layers."""

    concatenate = staticmethod(torch.concatenate)
    flip = staticmethod(torch.flip)
    log = staticmethod(torch.log)

    @staticmethod
    def linear(layer: nn.Linear, x: Tensor) -> Tensor:
        """[B, F, in] -> [B, F, out]"""
        y: Tensor = layer(x)
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
        y, last = train_gru(layer, x, start) if torch.is_grad_enabled() and x.device.type == "cpu" else layer(x, start)
        return y, list(last)
