"""From logits to decisions: scores of frames, and the one decision over a whole clip.

Training's loss, evaluation on torch and on ONNX, and uploads all call these functions, so that the number which was
optimised is the number which is reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

MASKED = 1e4
"""Taken from the logits of frames that do not count; e**-10000 is 0 in every float."""

REACH_SECONDS = 0.1
"""For so long after a clip's start, features and convolutions still look at what was before it (a spectrum of 32 ms
and a convolution over 60 ms), so these frames are not the clip's own. Where clips follow each other without a pause,
deciding by them too cost the default network on Speech Commands 3.2 points."""


def clip_logits(xp: Any, logits: Any, counts: Any) -> Any:
    """Log-mean-exp over the frames that count: [..., F, C] and counts [..., F] of 0 and 1 -> [..., C].

    The mean inside the logarithm makes a long clip's score no higher than a short one's; the exponential lets the few
    frames in which a short sound is recognised outweigh the silence around it. Array-API style: `xp` is numpy or torch.
    """
    kept = logits - (1.0 - counts[..., None]) * MASKED
    top = xp.amax(kept, -2)
    total = xp.exp(kept - top[..., None, :]).sum(-2)
    return top + xp.log(total / counts.sum(-1)[..., None])


def frame_scores(logits: np.ndarray, activation: str, temperature: float) -> np.ndarray:
    """Probabilities [..., C] of logits [..., C] at the model's temperature."""
    scaled = logits / np.float32(temperature)
    if activation == "sigmoid":
        return 0.5 * (1.0 + np.tanh(0.5 * scaled))  # the overflow-free form of 1 / (1 + exp(-x))
    exponentials = np.exp(scaled - scaled.max(-1, keepdims=True))
    return exponentials / exponentials.sum(-1, keepdims=True)


def pool_clip(logits: np.ndarray, hop_seconds: float) -> np.ndarray:
    """A clip's logits [C] from its frames [F, C], without the REACH_SECONDS after its start, at most half of it."""
    own = logits[min(round(REACH_SECONDS / hop_seconds), len(logits) // 2) :]
    found: np.ndarray = clip_logits(np, own, np.ones(len(own), own.dtype))
    return found


def decide_clip(logits: np.ndarray, candidates: Sequence[int], hop_seconds: float) -> tuple[int, np.ndarray]:
    """The class of one clip among `candidates`.

    Args:
        logits: [F, C], frames from the clip's start to its end.
        candidates: indices of the classes the clip can be (a set of digits has no background clips to mistake).

    Returns:
        Index of the winner in C, and the clip's logits [C].
    """
    pooled = pool_clip(logits, hop_seconds)
    return int(candidates[int(np.argmax(pooled[list(candidates)]))]), pooled
