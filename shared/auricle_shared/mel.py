"""Mel bands as Slaney's Auditory Toolbox defines them, the same numbers as `librosa.filters.mel`."""

from __future__ import annotations

import numpy as np

# Slaney, Auditory Toolbox (Interval Technical Report 1998-010): linear below 1 kHz, 200/3 Hz a mel,
# logarithmic above it, 27 mels for a factor of 6.4.
LINEAR_HZ_PER_MEL = 200.0 / 3.0
LOG_START_HZ = 1000.0
LOG_START_MEL = LOG_START_HZ / LINEAR_HZ_PER_MEL
LOG_STEP = np.log(6.4) / 27.0


def hz_to_mel(hz: np.ndarray | float) -> np.ndarray:
    hz = np.asarray(hz, dtype=np.float64)
    above = LOG_START_MEL + np.log(np.maximum(hz, LOG_START_HZ) / LOG_START_HZ) / LOG_STEP
    return np.where(hz < LOG_START_HZ, hz / LINEAR_HZ_PER_MEL, above)


def mel_to_hz(mel: np.ndarray | float) -> np.ndarray:
    mel = np.asarray(mel, dtype=np.float64)
    above = LOG_START_HZ * np.exp(LOG_STEP * (np.maximum(mel, LOG_START_MEL) - LOG_START_MEL))
    return np.where(mel < LOG_START_MEL, mel * LINEAR_HZ_PER_MEL, above)


def mel_bands(rate_hz: int, n_fft: int, bands: int, low_hz: float, high_hz: float) -> np.ndarray:
    """Triangular band weights, float64 [n_fft // 2 + 1, bands]; each band has unit area over Hz (norm='slaney')."""
    bin_hz = np.arange(n_fft // 2 + 1) * (rate_hz / n_fft)
    edges_hz = mel_to_hz(np.linspace(hz_to_mel(low_hz), hz_to_mel(high_hz), bands + 2))
    low, centre, high = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    rising = (bin_hz[:, None] - low) / (centre - low)
    falling = (high - bin_hz[:, None]) / (high - centre)
    return np.maximum(0.0, np.minimum(rising, falling)) * (2.0 / (high - low))
