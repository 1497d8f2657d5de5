"""Many stretches out of one long row of samples, read and added at once on any device."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

TILE = 800
"""Samples that are added at once."""


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


def add_parts(
    audio: Tensor,
    samples: Tensor,
    begin: np.ndarray,
    count: np.ndarray,
    row: np.ndarray,
    start: np.ndarray,
    gain: np.ndarray,
) -> None:
    """Add parts of one long row of samples to places in many rows: on a CPU one after another, elsewhere all at once,
    tile by tile:

        part                a b c d e f g h i
        audio    | . . . . | . . a b | c d e f | g h i . |         a tile begins at every bar

    Args:
        audio: float32 [B, tiles * TILE].
        samples: [n], int16 or float32.
        begin, count: int64 [N], samples [begin, begin + count) of each part.
        row, start: int64 [N], where its first sample goes.
        gain: float32 [N].
    """
    if audio.device.type == "cpu":
        _add_each(audio.numpy(), samples.numpy(), begin, count, row, start, gain)
    else:
        add_tiles(audio, samples, begin, count, row, start, gain)


def add_tiles(
    audio: Tensor,
    samples: Tensor,
    begin: np.ndarray,
    count: np.ndarray,
    row: np.ndarray,
    start: np.ndarray,
    gain: np.ndarray,
) -> None:
    """`add_parts` by few large operations, whatever the number of parts."""
    first = start // TILE
    tiles = np.where(count > 0, (start + count - 1) // TILE - first + 1, 0)
    if not tiles.sum():
        return
    tile = np.repeat(first, tiles) + ramps(tiles)
    limits = [np.repeat(x, tiles) for x in (begin, begin + count)]
    rows = read_rows(samples, np.repeat(begin - start, tiles) + tile * TILE, TILE, *limits)
    rows *= torch.from_numpy(np.repeat(gain, tiles)).to(audio.device)[:, None]
    place = torch.from_numpy(np.repeat(row, tiles) * (audio.shape[1] // TILE) + tile).to(audio.device)
    audio.view(-1, TILE).index_add_(0, place, rows)


def _add_each(audio: np.ndarray, samples: np.ndarray, *columns: np.ndarray) -> None:
    """A part and its place stay in the processor's cache, which all parts at once do not."""
    for begin, count, row, start, gain in zip(*(c.tolist() for c in columns), strict=True):
        audio[row, start : start + count] += samples[begin : begin + count] * np.float32(gain)


def ramps(counts: np.ndarray) -> np.ndarray:
    """0, 1, ... counts[0] - 1, 0, 1, ... counts[1] - 1, and so on."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
