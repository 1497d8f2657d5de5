"""What every network ends in: a logit for each class, and an embedding where one is asked for."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


class Heads(nn.Module):
    """The base of all networks: `forward` of a network gives the values [B, F, size] that the heads read."""

    output: nn.Linear
    embedding: nn.Linear | None

    def add_heads(self, size: int, classes: int, embedding: int) -> None:
        """Called after a network's own layers are made.

        Args:
            size: values a frame.
            classes: logits a frame.
            embedding: length of the embedding, a vector of unit length a frame; 0: the network has none.
        """
        self.output = nn.Linear(size, classes)
        self.embedding = nn.Linear(size, embedding) if embedding else None

    def logits(self, xp: Any, values: Tensor) -> Tensor:
        """[B, F, size] -> [B, F, classes]"""
        found: Tensor = xp.linear(self.output, values)
        return found

    def embed(self, xp: Any, values: Tensor) -> Tensor | None:
        """[B, F, size] -> [B, F, embedding], each frame of unit length; None without the head."""
        return None if self.embedding is None else xp.unit_length(xp.linear(self.embedding, values))
