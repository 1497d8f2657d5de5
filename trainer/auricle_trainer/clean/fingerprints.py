"""A vector for every clip that gain, a small shift and light noise hardly change: copies lie next to each other.

Level above a floor 25 dB below the clip's loudest band and moment, in mel bands over time; of each band the magnitude
of its Fourier sum over time at a few frequencies:

    gain        the floor moves with it
    shift       only the phase of the sums changes; what is below the floor (silence, light noise) adds nothing
    light noise stays below the floor

It says where to look, no more; `copies.py` compares the audio itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from auricle_shared.pack import Pack, to_float
from auricle_shared.settings import SpectrogramSettings
from auricle_shared.spectrogram import clip_spectrogram

BANDS = 16
FLOOR_DB = 25.0
MODULATION_HZ = (0.0, 1.0, 2.0, 4.0, 8.0)
"""Syllables and beeps lie here"""
LONGEST_SECONDS = 10.0
"""Of longer clips, the beginning"""


def fingerprints(
    pack: Pack, clips: Sequence[int], progress: Callable[[int, int], object] = lambda done, total: None
) -> np.ndarray:
    """[clips, BANDS * len(MODULATION_HZ)] float32 of unit length, what all clips have in common taken off."""
    rate = pack.rate_hz
    settings = SpectrogramSettings(
        rate_hz=rate, window_seconds=0.032, hop_seconds=0.016, n_fft=round(0.032 * rate), bands=BANDS,
        low_hz=min(100.0, rate / 20), high_hz=min(8000.0, rate / 2), eps=1e-12,
    )  # fmt: skip
    found = np.zeros((len(clips), BANDS * len(MODULATION_HZ)), np.float32)
    for place, i in enumerate(clips):
        samples = to_float(np.asarray(pack.audio(i)[: round(LONGEST_SECONDS * rate)]))
        found[place] = _fingerprint(samples, settings)
        progress(place + 1, len(clips))
    found -= found.mean(axis=0)
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)


def _fingerprint(samples: np.ndarray, settings: SpectrogramSettings) -> np.ndarray:
    if not samples.any():
        return np.zeros(BANDS * len(MODULATION_HZ), np.float32)
    level_db = 10 / np.log(10) * clip_spectrogram(samples, settings)  # [F, bands]
    above = np.maximum(level_db - level_db.max() + FLOOR_DB, 0.0)
    seconds = np.arange(len(above)) * settings.hop_seconds
    turns = np.exp(-2j * np.pi * np.outer(MODULATION_HZ, seconds))
    sums = np.abs(turns @ above).ravel()
    return np.asarray(sums / np.linalg.norm(sums), np.float32)
