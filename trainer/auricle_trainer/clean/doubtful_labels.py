"""Labels that networks trained on other clips contradict: confident learning.

After Northcutt, Jiang and Chuang, "Confident learning: estimating uncertainty in dataset labels", JAIR 70 (2021): a
clip is confidently of another label when the network gives that label at least as much as it gives, on average, to the
clips that carry it. What a label's own clips get is the yardstick, so a label that is hard to hear is not accused.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

METHOD = "confident learning on out-of-fold probabilities, ranked by normalised margin (Northcutt et al., 2021)"


@dataclass(frozen=True)
class Doubt:
    """A label that is probably wrong."""

    place: int
    """in the rows of the probabilities"""
    proposed: int
    """label"""
    margin: float
    """probability of the proposed label less that of the present one, 0 to 1"""


def doubtful(probabilities: np.ndarray, present: np.ndarray) -> list[Doubt]:
    """The doubtful labels, the most doubtful first.

    Args:
        probabilities: [clips, labels] of clips that the network was not trained on.
        present: [clips], label of each; one that no clip has is never proposed.
    """
    labels = probabilities.shape[1]
    own = [probabilities[present == label, label] for label in range(labels)]
    usual = np.array([values.mean() if len(values) else np.inf for values in own])
    confident = np.where(probabilities >= usual, probabilities, -1.0)
    proposed = confident.argmax(axis=1)
    rows = np.arange(len(present))
    margins = probabilities[rows, proposed] - probabilities[rows, present]
    wrong = np.flatnonzero((confident[rows, proposed] >= 0) & (proposed != present) & (margins > 0))
    found = [Doubt(int(i), int(proposed[i]), float(margins[i])) for i in wrong]
    return sorted(found, key=lambda doubt: -doubt.margin)
