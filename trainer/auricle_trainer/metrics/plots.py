"""Pictures of a run: the curves and the confusion matrix. matplotlib without a screen."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from auricle_shared.files import write_whole


def new_figure(width: float, height: float) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save(figure: Any, path: Path) -> None:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    write_whole(path, lambda file: file.write(buffer.getvalue()))


def confusion_figure(result: dict[str, Any]) -> Any:
    """The confusion matrix of a report, shares by colour and counts in the cells."""
    matrix, labels = np.asarray(result["confusion"]), result["labels"]
    size = max(4.0, 1.6 + 0.45 * len(labels))
    figure = new_figure(size + 1, size)
    axes = figure.add_subplot()
    shares = matrix / np.maximum(1, matrix.sum(axis=1, keepdims=True))
    axes.imshow(shares, vmin=0, vmax=1, cmap="Blues")
    axes.set_xticks(range(len(labels)), labels, rotation=60, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("predicted")
    axes.set_ylabel("truth")
    axes.set_title(f"{result['correct']} of {result['n']}: {100 * result['accuracy']:.2f} %")
    if len(labels) <= 24:
        for row, col in np.argwhere(matrix > 0):
            shade = "white" if shares[row, col] > 0.5 else "black"
            axes.text(col, row, str(matrix[row, col]), ha="center", va="center", color=shade, fontsize=7)
    return figure


def curves_figure(metrics: Sequence[dict[str, Any]]) -> Any:
    """Loss and validation accuracy over the steps of a run."""
    figure = new_figure(8, 3.2)
    for place, (key, title) in enumerate(
        [("train/loss", "training loss"), ("validation/accuracy", "validation accuracy")]
    ):
        axes = figure.add_subplot(1, 2, place + 1)
        points = [(m["step"], m[key]) for m in metrics if key in m]
        if points:
            axes.plot(*zip(*points, strict=True), linewidth=1.2)
        axes.set_xlabel("step")
        axes.set_title(title)
        axes.grid(alpha=0.3)
    return figure
