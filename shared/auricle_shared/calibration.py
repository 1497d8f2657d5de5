"""Temperature: one number by which logits are divided, so that a score of 0.8 is right in 8 of 10 frames.

Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks, ICML 2017. One temperature for all classes moves
no frame's winner; and the clip decision pools raw logits, so no clip's winner either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .decision import frame_scores
from .metadata import BACKGROUND, ModelMetadata

if TYPE_CHECKING:
    from .scored_scenes import ScoredScene

BINS = 15
"""of equal width between 0 and 1, as in Guo et al."""
COLDEST, HOTTEST = 0.2, 5.0
"""Where the search for a temperature ends; answers that are all right or all wrong would drive it to 0 or infinity."""
RELEASE_SECONDS = 0.3


@dataclass(frozen=True)
class Reliability:
    """How often answers of a confidence were right, in bins."""

    frames: np.ndarray
    """int [bins]"""
    confidence: np.ndarray
    """float [bins]: mean of the bin's answers; 0 where there are none"""
    right: np.ndarray
    """float [bins]: share of them"""

    @property
    def ece(self) -> float:
        """Expected calibration error: mean distance of confidence from share right, each bin by its answers."""
        weights = self.frames / max(1, self.frames.sum())
        return float((weights * np.abs(self.confidence - self.right)).sum())

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name).round(6).tolist() for name in ("frames", "confidence", "right")}


def reliability(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> Reliability:
    """Bins of equal width over answers: confidence [N] from 0 to 1, right [N] bool; (a, b] as in Guo et al."""
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    frames = np.bincount(place, minlength=bins)
    many = np.maximum(1, frames)
    said = np.bincount(place, confidence, bins) / many
    return Reliability(frames, said, np.bincount(place, right, bins) / many)


def ece(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error of answers; see `reliability`."""
    return reliability(confidence, right, bins).ece


def fit_temperature(logits: np.ndarray, targets: np.ndarray) -> float:
    """The temperature with the lowest cross entropy; the loss is convex in its inverse, so bisection finds it.

    Args:
        logits: [N, C] and targets int [N] for softmax; both [N] with targets of 0 and 1 for sigmoid.

    Returns:
        A number from COLDEST to HOTTEST; 1.0 without any answers.
    """
    if not len(logits):
        return 1.0
    z = np.asarray(logits, np.float64)
    low, high = 1 / HOTTEST, 1 / COLDEST
    for _ in range(40):
        middle = 0.5 * (low + high)
        if _slope(z, targets, middle) < 0:
            low = middle
        else:
            high = middle
    return round(1 / (0.5 * (low + high)), 6)


def _slope(z: np.ndarray, targets: np.ndarray, inverse: float) -> float:
    """Derivative of the mean cross entropy with respect to 1 / temperature."""
    if z.ndim == 1:
        return float(((frame_scores(z * inverse, "sigmoid", 1.0) - targets) * z).mean())
    expected = (frame_scores(z * inverse, "softmax", 1.0) * z).sum(-1)
    return float((expected - z[np.arange(len(z)), targets]).mean())


@dataclass(frozen=True)
class Answers:
    """Frames in which the model names a sound, with what was true; see `answers`."""

    logits: np.ndarray
    """[N, C] for softmax, [N] for sigmoid"""
    targets: np.ndarray
    """int [N]: index of the class that was true; for sigmoid 0 and 1"""
    activation: str

    def reliability(self, temperature: float, bins: int = BINS) -> Reliability:
        """Of the score that the graph gives out at this temperature for the class it names."""
        scores = frame_scores(self.logits.astype(np.float64), self.activation, temperature)
        if self.activation == "sigmoid":
            return reliability(scores, self.targets == 1, bins)
        return reliability(scores.max(-1), self.logits.argmax(-1) == self.targets, bins)


def answers(
    scenes: Sequence[ScoredScene], metadata: ModelMetadata, release_seconds: float = RELEASE_SECONDS
) -> Answers:
    """The frames by which a model's confidence is judged: those in which it names a sound, wherever they lie.

    Such an answer is right while an event of that label lasts, and wrong in any other event and where nothing happens.
    Not judged are the `release_seconds` after an event, events of labels that the model does not know, and frames that
    say background (sigmoid: classes below one half): a clip's label says that the sound is somewhere in the clip, so
    silence before it is known and after it is over is neither right nor wrong, and outside of events, where it is
    right, there is so much of it that it would hide everything else. Misses are counted by event instead.
    """
    logits, targets = [], []
    for scene in scenes:
        present, known = frame_truth(scene, metadata.labels, release_seconds)
        z = scene.logits
        if metadata.activation == "sigmoid":
            chosen = (z > 0) & known[:, None]
            logits.append(z[chosen])
            targets.append(present[chosen].astype(int))
        else:
            background = metadata.labels.index(BACKGROUND)
            truth = np.where(present.any(-1), present.argmax(-1), background)
            chosen = known & (z.argmax(-1) != background)
            logits.append(z[chosen])
            targets.append(truth[chosen])
    return Answers(np.concatenate(logits), np.concatenate(targets), metadata.activation)


def frame_truth(
    scene: ScoredScene, labels: Sequence[str], release_seconds: float = RELEASE_SECONDS
) -> tuple[np.ndarray, np.ndarray]:
    """bool [F, C]: classes with an event in the frame; bool [F]: frames whose truth is known."""
    frames = len(scene.logits)
    present = np.zeros((frames, len(labels)), bool)
    known = np.ones(frames, bool)
    place = {label: i for i, label in enumerate(labels)}
    release = int(np.ceil(release_seconds / scene.frame_seconds - 1e-6))
    spans = []
    for event in scene.truth:
        first = int(event.onset_seconds / scene.frame_seconds + 1e-6)
        last = int(np.ceil(event.offset_seconds / scene.frame_seconds - 1e-6))
        known[last : last + release] = False
        spans.append((first, last, event.label))
    for first, last, label in spans:  # an event that follows at once is known in its own frames
        if label in place:
            present[first:last, place[label]] = True
            known[first:last] = True
    for first, last, label in spans:
        if label not in place:
            known[first:last] = False
    return present, known
