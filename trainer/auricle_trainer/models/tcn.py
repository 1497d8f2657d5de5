"""A temporal convolutional network: causal depthwise-separable blocks with growing dilation, no recurrence.

After Bai, Kolter and Koltun (2018), with depthwise-separable convolutions (Chollet, 2017) for few parameters. Each
block sees (kernel - 1) * dilation frames back, and the state keeps just these:

    state [B, S]:   | frames of the first layer | frames of block 1 | frames of block 2 | ...
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from .heads import Heads


class Block(nn.Module):
    """x [B, channels, tail + F] -> x + separable convolution of it, [B, channels, F]."""

    def __init__(self, channels: int, kernel_frames: int, dilation: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(channels, channels, kernel_frames, dilation=dilation, groups=channels, bias=False)
        self.depthwise_norm = nn.BatchNorm1d(channels)
        self.pointwise = nn.Conv1d(channels, channels, 1, bias=False)
        self.pointwise_norm = nn.BatchNorm1d(channels)
        self.tail_frames = (kernel_frames - 1) * dilation

    def forward(self, xp: Any, joined: Tensor) -> Tensor:
        y = xp.relu(xp.convolve(self.depthwise, self.depthwise_norm, joined))
        y = xp.convolve(self.pointwise, self.pointwise_norm, y)
        return xp.relu(joined[:, :, self.tail_frames :] + y)


class TCNNetwork(Heads):
    """Features [B, F, bands] and state [B, S] -> what the heads read [B, F, channels], next state.

    Args:
        channels: of every block.
        kernel_frames: frames a block sees at once, `dilation` apart.
        dilations: one block each.
    """

    def __init__(
        self,
        features: int,
        classes: int,
        channels: int = 96,
        kernel_frames: int = 5,
        dilations: tuple[int, ...] = (1, 2, 4, 8, 1, 2, 4, 8),
        dropout: float = 0.0,
        embedding: int = 0,
    ) -> None:
        super().__init__()
        self.first = nn.Conv1d(features, channels, kernel_frames, bias=False)
        self.first_norm = nn.BatchNorm1d(channels)
        self.blocks = nn.ModuleList(Block(channels, kernel_frames, d) for d in dilations)
        self.dropout = nn.Dropout(dropout)
        self.add_heads(channels, classes, embedding)
        # [channels, frames] of every layer's tail
        self.tails: list[tuple[int, int]] = [(features, kernel_frames - 1)]
        self.tails += [(channels, (kernel_frames - 1) * dilation) for dilation in dilations]
        self.state_size = sum(count * frames for count, frames in self.tails)

    def forward(self, xp: Any, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        batch, x, tails, place = features.shape[0], xp.permute(features, (0, 2, 1)), [], 0
        for i, (count, frames) in enumerate(self.tails):
            size = count * frames
            joined = xp.concatenate([state[:, place : place + size].reshape(batch, count, frames), x], 2)
            tails.append(joined[:, :, -frames:].reshape(batch, size))
            place += size
            if i == 0:
                x = xp.relu(xp.convolve(self.first, self.first_norm, joined))
            else:
                x = self.blocks[i - 1](xp, joined)
        y = xp.permute(x, (0, 2, 1))
        return xp.dropout(self.dropout, y), xp.concatenate(tails, -1)
