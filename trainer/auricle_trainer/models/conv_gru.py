"""Convolutions over a fixed stretch of frames and bands, then a GRU.

A convolution sees the frames before the newest one and none after it, so a stream and a clip give the same numbers; the
frames it needs again are part of the state:

    state [B, S]:   | last frames of the features | last frames of the first convolution's output | ... | GRU |
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from .heads import Heads


class ConvGRUNetwork(Heads):
    """Features [B, F, bands] and state [B, S] -> what the heads read [B, F, hidden], next state.

    Args:
        channels: of each convolution, one after another.
        kernel_frames, kernel_bands: what a convolution sees at once.
        stride_bands: every so many bands one output; the frames all stay.
    """

    def __init__(
        self,
        features: int,
        classes: int,
        hidden: int = 128,
        layers: int = 1,
        dropout: float = 0.0,
        channels: tuple[int, ...] = (16, 32),
        kernel_frames: int = 3,
        kernel_bands: int = 5,
        stride_bands: int = 2,
        embedding: int = 0,
    ) -> None:
        super().__init__()
        self.kernel_frames = kernel_frames
        self.convolutions, self.norms = nn.ModuleList(), nn.ModuleList()
        self.shapes: list[tuple[int, int]] = []
        before, bands = 1, features
        for count in channels:
            self.shapes.append((before, bands))
            shape, stride = (kernel_frames, min(kernel_bands, bands)), (1, stride_bands)
            self.convolutions.append(nn.Conv2d(before, count, shape, stride, bias=False))
            self.norms.append(nn.BatchNorm2d(count))
            before, bands = count, (bands - shape[1]) // stride_bands + 1
        self.gru_features = before * bands
        between = dropout if layers > 1 else 0.0
        self.gru = nn.GRU(self.gru_features, hidden, layers, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(dropout)
        self.add_heads(hidden, classes, embedding)
        self.tail_sizes = [(kernel_frames - 1) * c * n for c, n in self.shapes]
        self.state_size = sum(self.tail_sizes) + layers * hidden

    def forward(self, xp: Any, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        batch, frames = features.shape[0], features.shape[1]
        x, tails, place = features.reshape(batch, frames, 1, self.shapes[0][1]), [], 0
        x = xp.permute(x, (0, 2, 1, 3))  # [B, channels, frames, bands]
        for convolution, norm, (count, bands), size in zip(
            self.convolutions, self.norms, self.shapes, self.tail_sizes, strict=True
        ):
            tail = state[:, place : place + size].reshape(batch, count, self.kernel_frames - 1, bands)
            joined = xp.concatenate([tail, x], 2)
            tails.append(joined[:, :, 1 - self.kernel_frames :].reshape(batch, size))
            x, place = xp.relu(xp.convolve(convolution, norm, joined)), place + size
        y = xp.permute(x, (0, 2, 1, 3)).reshape(batch, frames, self.gru_features)
        y = xp.dropout(self.dropout, y)
        size = self.gru.hidden_size
        hidden = [state[:, place + i * size : place + (i + 1) * size] for i in range(self.gru.num_layers)]
        y, hidden = xp.gru(self.gru, y, hidden)
        return xp.dropout(self.dropout, y), xp.concatenate([*tails, *hidden], -1)
