"""Move a spectrum up or down a little: another pitch of the same sound."""

from __future__ import annotations

import torch
from torch import Tensor


def draw_shift(rows: int, most_bands: float, generator: torch.Generator, device: torch.device) -> Tensor:
    """One shift a row in bands, float32 [rows], evenly from -most_bands to most_bands."""
    return (2 * torch.rand(rows, generator=generator, device=device) - 1) * most_bands


def shift(features: Tensor, bands: Tensor) -> Tensor:
    """Features [B, F, bands] moved up by `bands` [B], between two bands by their weighted mean; the edge is repeated.

    Hazard: pitch that is the label (a note, an alarm's standard frequency) must not move as far as to the next label.
    """
    count = features.shape[-1]
    source = torch.arange(count, device=features.device) - bands[:, None]
    low = source.floor().clamp(0, count - 1)
    share = (source - low).clamp(0, 1)[:, None, :]
    index = low.long()[:, None, :].expand_as(features)
    above = (index + 1).clamp(max=count - 1)
    return features.gather(-1, index) * (1 - share) + features.gather(-1, above) * share
