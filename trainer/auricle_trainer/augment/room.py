"""Sounds as heard in a room: direct sound, and noise that dies away."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from auricle_shared.variation import ROOMS, AugmentSettings, between
from auricle_trainer.batches.rows import TILE, add_parts, spread

SILENT_SECONDS = 0.0025
"""Between direct sound and first reflection: a detour of 0.9 m."""
KEPT_OF_RT60 = 0.5
"""A response is cut where it has fallen by 30 dB."""
FFT_STEP = 10 * TILE
"""Lengths of Fourier transforms are multiples of it; what wraps around falls into the part before that is dropped."""


class Rooms:
    """The drawn rooms of a run: functions of (seed, number).

    Args:
        settings: ranges of reverberation time and of direct over reverberant sound.
    """

    def __init__(self, settings: AugmentSettings, rate_hz: int, seed: int, device: torch.device | None = None) -> None:
        self.samples = room_samples(settings, rate_hz)
        drawn = [draw_room(settings, rate_hz, seed, number, self.samples) for number in range(ROOMS)]
        self.responses = torch.tensor(np.stack(drawn), dtype=torch.float32, device=device)
        self._spectra: dict[int, Tensor] = {}

    def spectra(self, size: int) -> Tensor:
        """complex64 [ROOMS, size // 2 + 1]"""
        if size not in self._spectra:
            self._spectra[size] = torch.fft.rfft(self.responses, n=size)
        return self._spectra[size]


def room_samples(settings: AugmentSettings, rate_hz: int) -> int:
    """Length of a room's response."""
    return max(1, round(KEPT_OF_RT60 * settings.rt60_high_seconds * rate_hz))


def draw_room(settings: AugmentSettings, rate_hz: int, seed: int, number: int, samples: int) -> np.ndarray:
    """A room's response, float64 [samples], of energy 1: direct sound first, then noise under an exponential.

    The tail falls by 60 dB in the drawn time (Polack's model of late reverberation, 1988).
    """
    rng = np.random.default_rng([seed, 23, number])
    rt60 = between(rng.random(), settings.rt60_low_seconds, settings.rt60_high_seconds)
    direct_db = between(rng.random(), settings.direct_low_db, settings.direct_high_db)
    t = np.arange(samples) / rate_hz
    tail = rng.standard_normal(samples) * 10 ** (-3 * t / rt60)
    tail[(t < SILENT_SECONDS) | (t > KEPT_OF_RT60 * rt60)] = 0
    energy = np.square(tail).sum()
    response = tail * (10 ** (-direct_db / 10) / energy) ** 0.5 if energy else tail
    response[0] = 1.0
    return np.asarray(response / np.sqrt(np.square(response).sum()))


def reverberate(
    samples: Tensor, begin: np.ndarray, low: np.ndarray, count: np.ndarray, room: np.ndarray, rooms: Rooms
) -> tuple[Tensor, np.ndarray]:
    """Parts of sounds in rooms; a part is the same samples as in the whole, wherever it is cut.

    What a room adds after a sound's own end is not kept.

    Args:
        samples: float32 [n]: part i is its count[i] samples from begin[i] on, heard with what lies before it from
            low[i] on, where the sound begins.
        room: int64 [N], numbers of rooms.

    Returns:
        float32 [m], and where in it each part begins, int64 [N].
    """
    before = rooms.samples - 1
    size = -(-(before + count) // FFT_STEP) * FFT_STEP
    pieces, begins, written = [], np.zeros(len(begin), np.int64), 0
    for n in np.unique(size).tolist():
        chosen = np.flatnonzero(size == n)
        heard = np.minimum(begin[chosen] - low[chosen], before)
        rows = torch.zeros(len(chosen), n, device=samples.device)
        places = np.arange(len(chosen))
        one = np.ones(len(chosen), np.float32)
        add_parts(rows, samples, begin[chosen] - heard, heard + count[chosen], places, before - heard, one)
        _, numbers = spread(samples.device, np.ones(len(chosen), np.int64), room[chosen])
        response = rooms.spectra(n)[numbers]
        pieces.append(torch.fft.irfft(torch.fft.rfft(rows).mul_(response), n=n).reshape(-1))
        begins[chosen] = written + places * n + before
        written += len(chosen) * n
    return torch.cat(pieces), begins
