"""Many stretches out of one long row of samples, read and added at once on any device."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

TILE = 800
"""Samples that are added at once."""


def spread(device: torch.device, times: np.ndarray, *columns: np.ndarray) -> list[Tensor]:
    """0, 1, ... times[0] - 1, 0, 1, ... times[1] - 1, and so on; and each column's entries as often; int64 on `device`.

    What is small is copied there at once, and nothing is waited for: a GPU would stand still meanwhile.

    Args:
        times, columns: int64 [N].
    """
    total, begin = int(times.sum()), np.cumsum(times) - times
    table = torch.from_numpy(np.stack([times, begin, *columns]))
    if device.type == "cuda":
        table = table.pin_memory().to(device, non_blocking=True)
    else:
        table = table.to(device)
    number = torch.repeat_interleave(table[0], output_size=total)
    place, *repeated = table[1:, number].unbind(0)
    return [torch.arange(total, device=device) - place, *repeated]


def read_rows(
    samples: Tensor,
    start: np.ndarray,
    step: np.ndarray,
    count: np.ndarray,
    width: int,
    low: np.ndarray,
    high: np.ndarray,
) -> Tensor:
    """Rows of `width` neighbours, float32 [sum of counts, width], in the units of `samples`.

        samples   . . . . . a b c d e . . . . .         start = 3, step = 2, count = 2, low = 5, high = 10
        rows            0 0 a b c d                     width = 6
                            a b c d e 0

    Args:
        samples: [n], int16 or float32, on any device.
        start, step, count: int64 [N], where each one's rows begin; they may lie outside.
        low, high: int64 [N], within 0 and n: what these rows may see is [low, high), the rest of them is 0.
    """
    if len(samples) < width:
        samples = torch.nn.functional.pad(samples, (0, width - len(samples)))
    number, first, steps = spread(samples.device, count, start, step)
    begin = (first + number * steps).clamp_(0, len(samples) - width)
    view = samples.as_strided((len(samples) - width + 1, width), (1, 1), samples.storage_offset())
    rows = view.index_select(0, begin).float()
    # The first rows begin too early, those from `whole` on end too late: they are read again with care.
    early = np.clip(-((start - low) // step), 0, count)
    whole = np.clip((high - width - start) // step + 1, early, count)
    cut = early + count - whole
    if cut.any():
        base = np.cumsum(count) - count
        _show_only(rows, samples, *spread(samples.device, cut, base, early, whole - early, start, step, low, high))
    return rows


def _show_only(
    rows: Tensor,
    samples: Tensor,
    number: Tensor,
    base: Tensor,
    early: Tensor,
    skipped: Tensor,
    start: Tensor,
    step: Tensor,
    low: Tensor,
    high: Tensor,
) -> None:
    """Read the cut rows again: of each one's rows the first `early`, and those after `skipped` whole ones."""
    number = number + torch.where(number < early, 0, skipped)
    place = (start + number * step)[:, None] + torch.arange(rows.shape[1], device=samples.device)
    seen = (place >= low[:, None]) & (place < high[:, None])
    values = samples[place.clamp_(0, len(samples) - 1)].float()
    rows[base + number] = torch.where(seen, values, values.new_zeros(()))


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
    if not tiles.any():
        return
    each = np.full(len(tiles), TILE)
    rows = read_rows(samples, begin - start + first * TILE, each, tiles, TILE, begin, begin + count)
    bits = gain.astype(np.float64).view(np.int64)  # in one table with the places
    number, place, loud = spread(audio.device, tiles, row * (audio.shape[1] // TILE) + first, bits)
    rows *= loud.view(torch.float64).float()[:, None]
    audio.view(-1, TILE).index_add_(0, place + number, rows)


def _add_each(audio: np.ndarray, samples: np.ndarray, *columns: np.ndarray) -> None:
    """A part and its place stay in the processor's cache, which all parts at once do not."""
    for begin, count, row, start, gain in zip(*(c.tolist() for c in columns), strict=True):
        audio[row, start : start + count] += samples[begin : begin + count] * np.float32(gain)
