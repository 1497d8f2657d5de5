"""The reference network: one or more GRU layers over the features, one linear layer on top."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from .heads import Heads


class GRUNetwork(Heads):
    """Features [B, F, features] and state [B, layers * hidden] -> what the heads read [B, F, hidden], next state."""

    def __init__(
        self,
        features: int,
        classes: int,
        hidden: int = 128,
        layers: int = 1,
        dropout: float = 0.0,
        embedding: int = 0,
    ) -> None:
        super().__init__()
        between = dropout if layers > 1 else 0.0
        self.gru = nn.GRU(features, hidden, layers, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(dropout)
        self.add_heads(hidden, classes, embedding)
        self.state_size = layers * hidden

    def forward(self, xp: Any, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        size = self.gru.hidden_size
        hidden = [state[:, i * size : (i + 1) * size] for i in range(self.gru.num_layers)]
        y, hidden = xp.gru(self.gru, features, hidden)
        return xp.dropout(self.dropout, y), xp.concatenate(hidden, -1)
