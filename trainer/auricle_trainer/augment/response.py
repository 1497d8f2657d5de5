"""Hear through another microphone: a smooth boost and cut along the bands.

After FilterAugment (Nam, Kim, Park, ICASSP 2022), in its linear form.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

LN_POWER_OF_DB = math.log(10) / 10


def draw_response(
    rows: int, bands: int, most_db: float, points: int, generator: torch.Generator, device: torch.device
) -> Tensor:
    """One response a row in dB, float32 [rows, bands]: evenly between -most_db and most_db at `points` bands that are
    spread evenly over all, straight lines between them."""
    level_db = (2 * torch.rand(rows, 1, points, generator=generator, device=device) - 1) * most_db
    return torch.nn.functional.interpolate(level_db, bands, mode="linear", align_corners=True)[:, 0]


def respond(features: Tensor, response_db: Tensor, deviation: Tensor) -> Tensor:
    """Normalised log-power features [B, F, bands] as if heard through `response_db` [B, bands].

    Args:
        deviation: [bands], by which the natural logarithm of the power was divided.

    Hazard: the noise of the microphone itself, which its response does not change, moves along.
    """
    return features + (response_db * LN_POWER_OF_DB / deviation)[:, None, :]
