"""Clips that cannot teach what their label says, whatever it is: silent, very short, cut off at full scale."""

from __future__ import annotations

import math

import numpy as np

from auricle_shared.levels import CLIPPED_SHARE, SILENT_PEAK, clipped_share
from auricle_shared.metadata import BACKGROUND
from auricle_shared.pack import Clip, Pack, to_float

from .finding import DROP, LISTEN, Finding

QUIET_DB = -60.0
"""Active level re full scale; speech and alarms recorded with a sensible gain lie 20 dB and more above"""


def fault(pack: Pack, i: int, shortest_seconds: float) -> Finding | None:
    """What is wrong with the audio of clip i; the gravest where several are."""
    clip = pack.clips[i]
    samples = to_float(np.asarray(pack.audio(i)))
    middle = float(samples.mean()) if len(samples) else 0.0
    if float(np.abs(samples - middle).max(initial=0.0)) < SILENT_PEAK:
        return Finding(i, "silent", DROP, "nothing but digital silence")
    seconds = len(samples) / pack.rate_hz
    if seconds < shortest_seconds:
        return Finding(
            i, "short", LISTEN, f"{seconds:.3f} s long; wanted {shortest_seconds:g} s", 1 - seconds / shortest_seconds
        )
    if _is_quiet(clip):
        told = f"active level {20 * math.log10(clip.active_rms):.0f} dB re full scale; wanted {QUIET_DB:g} dB"
        return Finding(i, "silent", LISTEN, told, 0.5)
    share = clipped_share(samples)
    if share > CLIPPED_SHARE:
        told = f"{100 * share:.2f} % of the samples at full scale; wanted {100 * CLIPPED_SHARE:g} % at most"
        return Finding(i, "clipped", LISTEN, told, share)
    return None


def _is_quiet(clip: Clip) -> bool:
    return BACKGROUND not in clip.labels and 0 < clip.active_rms < 10 ** (QUIET_DB / 20)
