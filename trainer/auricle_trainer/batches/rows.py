"""Many short stretches out of one long row of samples, at once."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def read_rows(samples: Tensor, start: np.ndarray, width: int, low: np.ndarray, high: np.ndarray) -> Tensor:
    """Rows of `width` neighbours, float32 [N, width], in the units of `samples`.

        samples   . . . . . a b c d e . . . . .         start = 3, low = 5, high = 10
        row             0 0 a b c d                     width = 6

    Args:
        samples: [n], int16 or float32, on any device.
        start: int64 [N], where each row begins; may lie outside.
        low, high: int64 [N], within 0 and n: what a row may see is [low, high), the rest of it is 0.
    """
    if len(samples) < width:
        samples = torch.nn.functional.pad(samples, (0, width - len(samples)))
    begin = np.clip(start, 0, len(samples) - width)
    view = samples.as_strided((len(samples) - width + 1, width), (1, 1), samples.storage_offset())
    rows = view.index_select(0, torch.from_numpy(begin).to(samples.device)).float()
    cut = np.flatnonzero((start < low) | (start + width > high) | (start != begin))
    if len(cut):
        _show_only(rows, samples, cut, start[cut], low[cut], high[cut])
    return rows


def _show_only(
    rows: Tensor, samples: Tensor, cut: np.ndarray, start: np.ndarray, low: np.ndarray, high: np.ndarray
) -> None:
    """Read the rows numbered `cut` again, with care for what they may not see."""
    numbers, first, least, most = (torch.from_numpy(x).to(samples.device) for x in (cut, start, low, high))
    place = first[:, None] + torch.arange(rows.shape[1], device=samples.device)
    seen = (place >= least[:, None]) & (place < most[:, None])
    values = samples[place.clamp(0, len(samples) - 1)].float()
    rows[numbers] = torch.where(seen, values, values.new_zeros(()))


def ramps(counts: np.ndarray) -> np.ndarray:
    """0, 1, ... counts[0] - 1, 0, 1, ... counts[1] - 1, and so on."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
