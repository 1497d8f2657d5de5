"""The front end for training on a CPU: `auricle_shared.spectrogram` with its DFT done by a fast Fourier transform.

The same numbers to rounding (a test holds it to that) in a third of the time; a step on a CPU would otherwise spend as
long on features as on mixing the audio. It feeds training steps and nothing else: validation, evaluation, parity and
the exported graph run the one function. On a GPU that is the faster one too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from auricle_shared.mel import mel_bands
from auricle_shared.settings import SpectrogramSettings
from auricle_shared.spectrogram import window

STREAMS_AT_ONCE = 4
"""Their frames stay in a core's second-level cache."""
BANDS_AT_ONCE = 16
"""Neighbouring bands share most of their bins and need few of all: a product for each such group takes half the time of
one for all, twice as many are slower again."""


@dataclass(frozen=True)
class Bands:
    """Some neighbouring bands, and what adds squared real and imaginary parts to them."""

    low: int
    high: int
    first: int
    """of the parts that reach these bands"""
    weights: Tensor
    """[parts, high - low]"""

    def fill(self, bands: Tensor, squares: Tensor) -> None:
        """squares [N, n_fft + 2] into their columns of bands [N, all bands]."""
        parts = squares[:, self.first : self.first + len(self.weights)]
        torch.mm(parts, self.weights, out=bands[:, self.low : self.high])


@lru_cache(maxsize=16)
def constants(settings: SpectrogramSettings) -> tuple[Tensor, list[Bands]]:
    """The window [window_samples], and the bands in groups."""
    bins = settings.n_fft // 2 + 1
    if settings.kind == "log_mel":
        rate_hz, n_fft, bands = settings.rate_hz, settings.n_fft, settings.bands
        to_bands = torch.tensor(mel_bands(rate_hz, n_fft, bands, settings.low_hz, settings.high_hz))
    else:
        to_bands = torch.eye(bins, settings.bands)
    return torch.tensor(window(settings)).float(), grouped(to_bands.float().repeat_interleave(2, 0))


def grouped(to_bands: Tensor) -> list[Bands]:
    """[n_fft + 2, bands] in groups from the highest band down; the last one takes what is left."""
    groups, high = [], to_bands.shape[1]
    while high:
        low = high - BANDS_AT_ONCE if high >= 2 * BANDS_AT_ONCE else 0
        used = to_bands[:, low:high].any(1).nonzero()[:, 0].tolist() or [0]
        weights = to_bands[used[0] : used[-1] + 1, low:high].contiguous()
        groups.append(Bands(low, high, used[0], weights))
        high = low
    return groups


def fourier_spectrogram(audio: Tensor, settings: SpectrogramSettings) -> Tensor:
    """audio [B, carry + F * hop] -> [B, F, bands]: what `spectrogram` gives, up to rounding."""
    weights, groups = constants(settings)
    length, hop = settings.window_samples, settings.hop_samples
    frames_each = audio.shape[1] // hop - settings.blocks + 1
    # Made once: rfft itself would pad by a copy each time.
    padded = torch.zeros(STREAMS_AT_ONCE, frames_each, settings.n_fft)
    found = torch.empty(len(audio), frames_each, settings.bands)
    for some, bands in zip(audio.split(STREAMS_AT_ONCE), found.split(STREAMS_AT_ONCE), strict=True):
        frames = some.unfold(1, settings.blocks * hop, hop)[:, :, :length]
        torch.mul(frames, weights, out=padded[: len(some), :, :length])
        bins = torch.fft.rfft(padded[: len(some)])
        squares = torch.view_as_real(bins).flatten(-2).square_()
        for group in groups:
            group.fill(bands.flatten(0, 1), squares.flatten(0, 1))
        bands.add_(settings.eps).log_()
    return found
