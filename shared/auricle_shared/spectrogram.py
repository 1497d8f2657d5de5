"""The front end: one function, run by NumPy, by torch and inside the ONNX graph.

`spectrogram` is written with reshape, slices, `concatenate`, `flip`, `@` and `log` only, in the names that NumPy and
torch share; `xp` is the module, or anything else with these names: the export passes a recorder of ONNX nodes.
No library's own spectrogram is ever called, so there is no second one to disagree with.

    audio      |<- carry ->|<- hop ->|<- hop ->|<- hop ->|      carry = (ceil(window / hop) - 1) * hop
    frame 0    [=====window======]...|
    frame 1              [=====window======]...|
    frame 2                        [=====window======]...|

Nothing is padded at the centre and nothing looks ahead: a frame is known as soon as its last hop is there, so a stream
and a whole clip give the same frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from .errors import SettingsError
from .mel import mel_bands
from .settings import SpectrogramSettings


@dataclass(frozen=True)
class SpectrogramConstants:
    """The numbers the spectrogram multiplies with, as arrays of whatever library `xp` is.

    With M = window // 2 and K = bins that are used:
    """

    cosines: Any
    """[M, K] (folded) or [window, K]: window times cosine, the window divided by its sum"""
    sines: Any
    """the same with sines"""
    mel: Any | None
    """[K, bands], or None for linear bins"""


def window(settings: SpectrogramSettings) -> np.ndarray:
    """Periodic Hann window divided by its sum, float64 [window_samples].

    Divided by the sum, a full-scale sine has the power 0.25 in its bin whatever the window's length, so that eps
    and thresholds mean the same for all settings.
    """
    n = np.arange(settings.window_samples)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * n / settings.window_samples)
    return hann / hann.sum()


def is_folded(settings: SpectrogramSettings) -> bool:
    """Whether the DFT uses the window's symmetry: half the multiplications, two more small nodes.

    Worth it only where the matrix is large; at 256 x 64 the plain product is faster.
    """
    return settings.kind == "log_mel"


@lru_cache(maxsize=16)
def constants(settings: SpectrogramSettings) -> SpectrogramConstants:
    """The constants in float64; round them to the precision of the audio with `convert`."""
    if settings.kind == "log_mel":
        mel = mel_bands(settings.rate_hz, settings.n_fft, settings.bands, settings.low_hz, settings.high_hz)
        used = np.flatnonzero(mel.any(axis=1))  # bins that no band looks at are never computed
        if not mel.any(axis=0).all():
            empty = int(np.flatnonzero(~mel.any(axis=0))[0])
            raise SettingsError(
                f"Mel band {empty} of {settings.bands} lies between two bins of n_fft = {settings.n_fft} and would "
                "always be empty. Use fewer bands, a larger n_fft or a higher low_hz."
            )
        bins, mel = np.arange(used[0], used[-1] + 1), mel[used[0] : used[-1] + 1]
    else:
        bins, mel = np.arange(settings.bands), None
    weights = window(settings)
    middle = settings.window_samples // 2
    # Power does not depend on where a frame's time zero lies; in the middle, the window is even around it.
    n = np.arange(settings.window_samples) - middle
    angle = 2 * np.pi * np.outer(n, bins) / settings.n_fft
    cosines, sines = weights[:, None] * np.cos(angle), weights[:, None] * np.sin(angle)
    if is_folded(settings):
        # weights[0] is 0 (a periodic Hann window begins at zero), so sample -M has no partner and needs none. Sample 0
        # is its own partner and would count twice.
        cosines, sines = cosines[middle:], sines[middle:]
        cosines[0] /= 2
    return SpectrogramConstants(cosines, sines, mel)


def convert(values: SpectrogramConstants, array: Any) -> SpectrogramConstants:
    """The same constants through `array`, for instance `np.float32` or a function that makes tensors."""
    mel = None if values.mel is None else array(values.mel)
    return SpectrogramConstants(array(values.cosines), array(values.sines), mel)


def frames(xp: Any, audio: Any, settings: SpectrogramSettings, *spans: tuple[int, int]) -> list[Any]:
    """Cut audio [B, carry + F * hop] into overlapping frames without a gather.

    Args:
        spans: which of a frame's samples, from and before; for instance (0, window_samples).

    Returns:
        [B, F, length] for each span. Every slice has constant ends, so the traced graph needs no shapes.
    """
    hop, last = settings.hop_samples, settings.blocks - 1
    hops = audio.reshape(audio.shape[0], -1, hop)
    found = []
    for start, stop in spans:
        parts = []
        for i in range(settings.blocks):  # what lies in a frame's hop i
            begin, end = max(start - i * hop, 0), min(stop - i * hop, hop)
            if begin < end:
                parts.append(hops[:, i or None : (i - last) or None, begin or None : end if end < hop else None])
        found.append(xp.concatenate(parts, -1) if len(parts) > 1 else parts[0])
    return found


def spectrogram(xp: Any, audio: Any, values: SpectrogramConstants, settings: SpectrogramSettings) -> Any:
    """Natural logarithm of the power in each band.

    Args:
        audio: [B, carry + F * hop] in [-1, 1], the first `carry` samples being the end of what came before
            (zeros at the start of a stream).
        values: `constants(settings)` in the audio's own precision and library.

    Returns:
        [B, F, bands], ln(power + eps). A full-scale sine in the middle of a linear bin gives ln(0.25).
    """
    length = settings.window_samples
    if is_folded(settings):
        middle = length // 2
        after, before = frames(xp, audio, settings, (middle, length), (1, middle + 1))
        before = xp.flip(before, (-1,))
        real, imaginary = (after + before) @ values.cosines, (after - before) @ values.sines
    else:
        (y,) = frames(xp, audio, settings, (0, length))
        real, imaginary = y @ values.cosines, y @ values.sines
    power = real * real + imaginary * imaginary
    if values.mel is not None:
        power = power @ values.mel
    return xp.log(power + settings.eps)


def clip_spectrogram(clip: np.ndarray, settings: SpectrogramSettings) -> np.ndarray:
    """Spectrogram of one whole clip from the start of a stream, float32 [F, bands], by NumPy.

    Args:
        clip: [samples] float in [-1, 1]; a length off the hop is zero-padded at its end.
    """
    audio = np.concatenate([np.zeros(settings.carry_samples, np.float32), pad_to_hop(clip, settings.hop_samples)])
    values = convert(constants(settings), lambda x: x.astype(np.float32))
    return spectrogram(np, audio[None].astype(np.float32), values, settings)[0]


def pad_to_hop(clip: np.ndarray, hop_samples: int) -> np.ndarray:
    """Zeros at the end, up to a whole number of hops: the one place where a clip's length is rounded."""
    return np.pad(clip, (0, -len(clip) % hop_samples))
