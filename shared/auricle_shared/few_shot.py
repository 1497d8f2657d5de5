"""Few-shot evaluation: classes that training never heard, told apart by a few examples of each.

An episode draws N classes, K examples (shots) of each and some further clips (queries). A class is the direction of the
mean of its shots' embeddings; a query belongs to the class that it is most similar to (cosine). Snell, Swersky, Zemel:
Prototypical networks, NIPS 2017. The open set adds queries of classes that were not drawn: their similarity to the
nearest class should be lower than that of queries that belong to one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .embeddings import unit
from .errors import DataError

QUERIES = 5
"""Most queries a class in an episode"""
FALSE_ACCEPTS = (0.01, 0.05)


@dataclass(frozen=True)
class FewShot:
    """Figures of all episodes with the same number of classes and shots."""

    ways: int
    shots: int
    episodes: int
    accuracy: float
    """closed set: share of right queries, mean over episodes"""
    half_width_95: float
    """of the mean, from the episodes' spread"""
    open_accuracy: dict[str, float]
    """by share of false accepts: queries that belong to a class and are both accepted and right"""
    auroc: float
    """chance that a query that belongs to a class is more similar to one than a query that does not"""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def few_shot(
    embeddings: np.ndarray, labels: Sequence[str], ways: int, shots: int, episodes: int, seed: int = 0
) -> FewShot:
    """Draw and judge episodes.

    Args:
        embeddings: [n, D], each of unit length.
        labels: of each of them.

    Raises:
        DataError: too few classes, or too few clips of them.
    """
    members = {name: np.flatnonzero(np.array(labels) == name) for name in sorted(set(labels))}
    usable = [clips for clips in members.values() if len(clips) > shots]
    if len(usable) < ways:
        raise DataError(
            f"{ways} classes with more than {shots} clips each are wanted for {shots}-shot episodes; "
            f"{len(usable)} of {len(members)} classes have so many."
        )
    rng = np.random.default_rng([seed, ways, shots])
    right, accepted, similar_known, similar_unknown = [], [], [], []
    for _ in range(episodes):
        order = rng.permutation(len(usable))
        drawn = [rng.permutation(usable[i])[: shots + QUERIES] for i in order]
        classes = np.stack([unit(embeddings[clips[:shots]].mean(0)) for clips in drawn[:ways]])
        queries = np.concatenate([clips[shots:] for clips in drawn[:ways]])
        truth = np.repeat(np.arange(ways), [len(clips) - shots for clips in drawn[:ways]])
        similar = embeddings[queries] @ classes.T
        is_right = similar.argmax(-1) == truth
        right.append(is_right.mean())
        accepted.append(is_right)
        similar_known.append(similar.max(-1))
        similar_unknown += [(embeddings[clips[shots:]] @ classes.T).max(-1) for clips in drawn[ways:]]
    known, is_right = np.concatenate(similar_known), np.concatenate(accepted)
    unknown = np.concatenate(similar_unknown) if similar_unknown else np.zeros(0)
    half = 1.96 * float(np.std(right, ddof=1)) / episodes**0.5 if episodes > 1 else 1.0
    return FewShot(
        ways, shots, episodes, float(np.mean(right)), half, open_set(known, is_right, unknown), auroc(known, unknown)
    )


def open_set(known: np.ndarray, is_right: np.ndarray, unknown: np.ndarray) -> dict[str, float]:
    """Share of queries accepted and right, at thresholds that accept a given share of the unknown ones.

    Args:
        known: similarity of queries that belong to a class; is_right: whether it is the nearest one.
        unknown: similarity of queries that belong to none; the same threshold is used in all episodes.
    """
    if not len(unknown):
        return {}
    found, falling = {}, np.sort(unknown)[::-1]
    for share in FALSE_ACCEPTS:
        threshold = falling[int(share * len(unknown) + 1e-9)]  # so many lie above it, and it accepts what lies above
        found[f"{share:g}"] = float((is_right & (known > threshold)).mean())
    return found


def auroc(known: np.ndarray, unknown: np.ndarray) -> float:
    """Area under the ROC curve, from ranks (Mann and Whitney); ties count half. NaN without both kinds."""
    if not len(known) or not len(unknown):
        return float("nan")
    values, place, counts = np.unique(np.concatenate([known, unknown]), return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2  # mean rank of each value, from 1
    total = ranks[place[: len(known)]].sum()
    return float((total - len(known) * (len(known) + 1) / 2) / (len(known) * len(unknown)))


def as_text(found: Sequence[FewShot], labels: Sequence[str], left_out: Sequence[str]) -> str:
    """A table for people."""
    lines = [f"{len(labels)} classes that the model was not trained on: {', '.join(labels)}"]
    if left_out:
        lines.append(f"left out, as the model knows them: {', '.join(left_out)}")
    lines.append(f"{'':15}  closed set       open set: right, at false accepts of    AUROC")
    for f in found:
        opened = "   ".join(
            f"{100 * float(share):g} %: {100 * right:5.1f} %" for share, right in f.open_accuracy.items()
        )
        closed = f"{100 * f.accuracy:5.1f} ± {100 * f.half_width_95:.1f} %"
        lines.append(f"{f.ways}-way {f.shots:2}-shot  {closed:15}  {opened:38}  {f.auroc:.3f}")
    lines.append(f"{found[0].episodes} episodes each; ± is the 95 % interval of the mean over episodes")
    return "\n".join(lines)
