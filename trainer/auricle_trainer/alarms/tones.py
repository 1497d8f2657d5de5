"""What sounds are made of: tones, gates, struck bodies, noise. NumPy only; arrays are float32 [n]."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

Numbers = Sequence[float] | np.ndarray
EDGE = 0.46
"""Partials above this share of the rate are left out, so that nothing folds back."""


def seconds_axis(seconds: float, rate_hz: int) -> np.ndarray:
    """Times of the samples of so many seconds, float64 [n]."""
    return np.arange(max(1, round(seconds * rate_hz))) / rate_hz


def tone(frequency_hz: np.ndarray, rate_hz: int, harmonics: Numbers = (1.0,)) -> np.ndarray:
    """A tone that follows `frequency_hz` [n], with amplitudes for its 1st, 2nd, ... harmonic."""
    cycles = np.cumsum(frequency_hz) / rate_hz
    phase = (2 * np.pi * (cycles - np.floor(cycles))).astype(np.float32)
    lowest, highest = float(frequency_hz.min()), float(frequency_hz.max())
    # sin((k + 1) x) = 2 cos(x) sin(k x) - sin((k - 1) x): two calls of the sine, however many harmonics there are
    before, partial, twice_cosine = np.zeros_like(phase), np.sin(phase), 2 * np.cos(phase)
    total = np.zeros_like(phase)
    for number, amplitude in enumerate(harmonics, start=1):
        if number * lowest > EDGE * rate_hz:
            break
        if amplitude and number * highest > EDGE * rate_hz:
            total += np.float32(amplitude) * partial * (number * frequency_hz < EDGE * rate_hz)
        elif amplitude:
            total += np.float32(amplitude) * partial
        before, partial = partial, twice_cosine * partial - before
    return total


def square_harmonics(count: int) -> tuple[float, ...]:
    """Amplitudes of a square wave's first harmonics: odd ones only, falling as 1 / number (its Fourier series)."""
    return tuple(1.0 / k if k % 2 else 0.0 for k in range(1, count + 1))


def steady(seconds: float, frequency_hz: float, drift: float, rate_hz: int) -> np.ndarray:
    """A frequency [n] that wanders by `drift` (relative, end to end) around its middle."""
    n = len(seconds_axis(seconds, rate_hz))
    return frequency_hz * (1.0 + drift * np.linspace(-0.5, 0.5, n))


def gate(n: int, rate_hz: int, starts: np.ndarray, lengths: np.ndarray, edge_seconds: float) -> np.ndarray:
    r"""Loudness 1 during each pulse, 0 between them, with straight edges; at half its height a pulse has its length.

         ____________
        /            \
    ___/              \___
       |--| edge      |--|
       |- length -----|

    Args:
        starts: [p] seconds, rising; lengths: [p] seconds, an edge or more; the next start is an edge away or more.
    """
    corners = starts[:, None] + np.stack(
        [0 * lengths, 0 * lengths + edge_seconds, lengths, lengths + edge_seconds], axis=1
    )
    levels = np.tile([0.0, 1.0, 1.0, 0.0], len(starts))
    return np.interp(np.arange(n) / rate_hz, corners.ravel(), levels, left=0.0, right=0.0).astype(np.float32)


def struck(seconds: float, rate_hz: int, frequencies_hz: Numbers, amplitudes: Numbers, decays: Numbers) -> np.ndarray:
    """A struck body: partials that start together and die away, each with its own decay (seconds to 1/e)."""
    t = seconds_axis(seconds, rate_hz)
    total = np.zeros(len(t), np.float32)
    for frequency_hz, amplitude, decay in zip(frequencies_hz, amplitudes, decays, strict=True):
        if frequency_hz < EDGE * rate_hz:
            phase = (2 * np.pi * np.remainder(frequency_hz * t, 1.0)).astype(np.float32)
            total += np.float32(amplitude) * np.exp((-t / decay).astype(np.float32)) * np.sin(phase)
    return fade(total, rate_hz, 0.002, 0.25 * seconds)


def add_at(target: np.ndarray, samples: np.ndarray, start: int) -> None:
    """Mix `samples` into `target` from sample `start` on; what hangs over the end is cut off."""
    kept = samples[: max(0, len(target) - start)]
    target[start : start + len(kept)] += kept


def fast_length(n: int) -> int:
    """The next length of at least n whose Fourier transform is quick: 2, 3 or 5 times a power of two."""
    power = 1 << max(0, n - 1).bit_length()
    return min(length for length in (power, power * 3 // 4, power * 5 // 8) if length >= n)


def convolve(samples: np.ndarray, response: np.ndarray) -> np.ndarray:
    """Full convolution through the Fourier transform, [n] * [m] -> [n + m - 1]."""
    n = len(samples) + len(response) - 1
    size = fast_length(n)
    product = np.fft.rfft(samples, size) * np.fft.rfft(response, size)
    return np.fft.irfft(product, size)[:n].astype(np.float32)


def filtered(samples: np.ndarray, rate_hz: int, gain: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """`samples` with its spectrum multiplied by gain(frequencies in Hz); zero phase, padded against wrapping round."""
    n = len(samples)
    size = fast_length(n + round(0.05 * rate_hz))
    spectrum = np.fft.rfft(samples, size) * gain(np.fft.rfftfreq(size, 1.0 / rate_hz))
    return np.fft.irfft(spectrum, size)[:n].astype(np.float32)


def noise(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.standard_normal(n, dtype=np.float32)


def band(low_hz: float, high_hz: float, order: int = 4) -> Callable[[np.ndarray], np.ndarray]:
    """The gain of a band-pass with Butterworth-like edges, for `filtered`."""

    def gain(hz: np.ndarray) -> np.ndarray:
        ratio = np.maximum(hz, 1e-3)
        return 1.0 / np.sqrt((1 + (low_hz / ratio) ** (2 * order)) * (1 + (ratio / high_hz) ** (2 * order)))

    return gain


def fade(samples: np.ndarray, rate_hz: int, in_seconds: float, out_seconds: float) -> np.ndarray:
    """A copy of `samples` with straight fades at both ends, neither longer than half of it."""
    faded, half = samples.copy(), len(samples) // 2
    rise, fall = (min(half, max(2, round(seconds * rate_hz))) for seconds in (in_seconds, out_seconds))
    faded[:rise] *= np.linspace(0, 1, rise, dtype=np.float32)
    faded[len(faded) - fall :] *= np.linspace(1, 0, fall, dtype=np.float32)
    return faded
