"""What was said of each of a list of clips, and what would have been right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .accuracy import report, report_multi_label
from .decision import decide_clip, frame_scores, pool_clip
from .metadata import ModelMetadata
from .pack import Clip


@dataclass(frozen=True)
class Outcome:
    """Of n clips, in labels as they are reported."""

    labels: list[str]
    truth: np.ndarray
    """int [n], indices into labels; bool [n, len(labels)] with several labels at once"""
    said: np.ndarray
    """the same for what the model decided"""

    @property
    def right(self) -> np.ndarray:
        """bool [n]: a clip with several labels is right when all of them are."""
        same = np.equal(self.truth, self.said)
        return np.asarray(same if same.ndim == 1 else same.all(axis=1))

    def report(self) -> dict[str, Any]:
        """The figures of `accuracy.report`."""
        if self.truth.ndim == 2:
            return report_multi_label(self.truth, self.said, self.labels)
        return report(self.truth.tolist(), self.said.tolist(), self.labels)

    def words(self, i: int) -> str:
        """What was said of clip i."""
        if self.said.ndim == 1:
            return self.labels[int(self.said[i])]
        return ";".join(label for label, on in zip(self.labels, self.said[i], strict=True) if on)


def pooled(outcomes: Sequence[Outcome]) -> Outcome:
    """The same clips judged several times, as one list."""
    truth, said = (np.concatenate([getattr(o, name) for o in outcomes]) for name in ("truth", "said"))
    return Outcome(outcomes[0].labels, truth, said)


def decide(
    metadata: ModelMetadata,
    clips: Sequence[Clip],
    labels: Sequence[str],
    scored: Iterable[tuple[int, np.ndarray]],
) -> Outcome:
    """Decide every clip as its frames come; a clip is right when the labels agree as they are reported.

    Args:
        labels: the pack's labels: what a clip can be at all.
        scored: (place in clips, logits [F, C]) of every clip once, in any order.
    """
    if metadata.activation == "sigmoid":
        return _decide_several(metadata, clips, scored)
    known, coarse = metadata.labels, metadata.report_as
    wanted = {coarse.get(label, label) for label in labels}
    candidates = [i for i, label in enumerate(known) if coarse.get(label, label) in wanted]
    reported = list(dict.fromkeys(coarse.get(known[i], known[i]) for i in candidates))
    truth = [reported.index(coarse.get(clip.labels[0], clip.labels[0])) for clip in clips]
    said = np.full(len(clips), -1)
    for i, logits in scored:
        winner, _ = decide_clip(logits, candidates, metadata.spectrogram.hop_seconds)
        said[i] = reported.index(coarse.get(known[winner], known[winner]))
    return Outcome(reported, np.array(truth, np.int64), said)


def _decide_several(
    metadata: ModelMetadata, clips: Sequence[Clip], scored: Iterable[tuple[int, np.ndarray]]
) -> Outcome:
    names = [metadata.report_as.get(label, label) for label in metadata.labels]
    reported = list(dict.fromkeys(names))
    coarse = [{metadata.report_as.get(label, label) for label in c.labels} for c in clips]
    truth = np.array([[label in found for label in reported] for found in coarse]).reshape(len(clips), len(reported))
    outputs = np.array([[name == label for name in names] for label in reported])
    said = np.zeros_like(truth)
    for i, logits in scored:
        whole = pool_clip(logits, metadata.spectrogram.hop_seconds)
        over = frame_scores(whole, "sigmoid", metadata.temperature) >= 0.5
        said[i] = (over & outputs).any(-1)
    return Outcome(reported, truth, said)
