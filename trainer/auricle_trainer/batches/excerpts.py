"""What of a pack a window needs, read from disk: the way of packs that do not fit on the device."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from auricle_trainer.augment.speed import BLOCK, HALF

from .mix import Voices, room_history


def excerpt(samples: np.ndarray, heard: Voices, room_samples: int) -> tuple[Tensor, Voices]:
    """The samples that `heard` need, end to end, and the same voices with places counted in them.

    A sound is cut at whole blocks of its speed, so that what is left of it is played as the whole is:

        pack       |  .  .  |  .  a  b  |  c  d  .  |  .  .  |        low, high: | |
        excerpt          |  .  a  b  |  c  d  .  |                    first counts from the cut

    Args:
        samples: int16 [n], memory-mapped.
        room_samples: length of a room's response.

    Returns:
        int16 [m] and voices.
    """
    begin = heard.first - room_history(heard, room_samples)
    skipped = np.maximum(0, begin // BLOCK - 1)  # one block more, for the filter looks back
    last = np.maximum(heard.first + heard.count - 1, 0) // BLOCK + 1
    low = np.minimum(heard.low + skipped * heard.percent, heard.high)
    high = np.clip(heard.low + (last + 1) * heard.percent + HALF, low, heard.high)
    pieces = [samples[a:b] for a, b in zip(low.tolist(), high.tolist(), strict=True)]
    read = np.concatenate(pieces) if pieces else np.zeros(0, np.int16)
    places = np.cumsum(high - low) - (high - low)
    moved = replace(heard, first=heard.first - skipped * BLOCK, low=places, high=places + high - low)
    return torch.from_numpy(read), moved
