"""The picture of an embedding: clips as points in the plane in which the classes lie farthest apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .plots import new_figure

MARKERS = "osD^vP"


def plane(vectors: np.ndarray, labels: Sequence[str]) -> tuple[np.ndarray, float]:
    """[n, D] projected on the two main axes of the classes' means, [n, 2], and the share of the means' spread in it."""
    names = sorted(set(labels))
    means = np.stack([vectors[np.array(labels) == name].mean(0) for name in names])
    centre = means.mean(0)
    _, sizes, axes = np.linalg.svd(means - centre, full_matrices=False)
    spread = np.square(sizes)
    return (vectors - centre) @ axes[:2].T, float(spread[:2].sum() / max(spread.sum(), 1e-12))


def embedding_figure(vectors: np.ndarray, labels: Sequence[str]) -> Any:
    """A point a clip, a colour and marker a class, its name at the mean."""
    points, share = plane(vectors, labels)
    figure = new_figure(7.5, 6)
    axes = figure.add_subplot()
    for number, name in enumerate(sorted(set(labels))):
        own = points[np.array(labels) == name]
        colour, marker = f"C{number % 10}", MARKERS[number // 10 % len(MARKERS)]
        axes.scatter(*own.T, s=16, alpha=0.6, color=colour, marker=marker)
        axes.annotate(name, own.mean(0), color=colour, weight="bold", ha="center", va="center")
    axes.set_title(f"{len(labels)} clips; the plane holds {100 * share:.0f} % of the classes' spread")
    axes.set_aspect("equal", "datalim")
    axes.grid(alpha=0.3)
    return figure
