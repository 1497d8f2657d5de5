"""Hide bands and frames (SpecAugment, Park et al., Interspeech 2019)."""

from __future__ import annotations

import torch
from torch import Tensor

from auricle_trainer.config import MaskSettings


def draw_spans(most: int, size: int, rows: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """One span a row as a mask, bool [rows, size]: up to `most` neighbours, anywhere."""
    width = torch.randint(0, most + 1, (rows, 1), generator=generator, device=device)
    start = (torch.rand(rows, 1, generator=generator, device=device) * (size - width + 1)).long()
    place = torch.arange(size, device=device)
    return (place >= start) & (place < start + width)


def mask(features: Tensor, settings: MaskSettings, hop_seconds: float, generator: torch.Generator) -> Tensor:
    """Normalised features [B, F, bands] with drawn bands and frames set to 0, the mean of the training data.

    What is hidden is measured in seconds and in shares of the bands, so it is the same for a net with longer hops.

    Hazard: a mask as long as a short sound hides the sound, and the label becomes a lie.
    """
    rows, frames, bands = features.shape
    widest, longest = round(settings.band_share * bands), min(round(settings.seconds / hop_seconds), frames)
    hidden = torch.zeros_like(features, dtype=torch.bool)
    for _ in range(settings.band_masks):
        hidden |= draw_spans(widest, bands, rows, generator, features.device)[:, None, :]
    for _ in range(settings.time_masks):
        hidden |= draw_spans(longest, frames, rows, generator, features.device)[:, :, None]
    return features.masked_fill(hidden, 0.0)
