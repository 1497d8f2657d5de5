"""The reliability picture: how often answers of a confidence are right, before and after calibration."""

from __future__ import annotations

from typing import Any

import numpy as np

from auricle_shared.calibration import Reliability

from .plots import new_figure


def reliability_figure(before: Reliability, after: Reliability, temperature: float) -> Any:
    """Two panels, each a bar a bin against the diagonal, and below them how many frames a bin has."""
    figure = new_figure(8, 4.6)
    grid = figure.add_gridspec(2, 2, height_ratios=(4, 1))
    titles = [f"temperature {t:.2f}: ECE {100 * r.ece:.1f} %" for t, r in ((1.0, before), (temperature, after))]
    for column, (found, title) in enumerate(zip((before, after), titles, strict=True)):
        bins = len(found.frames)
        centres = (np.arange(bins) + 0.5) / bins
        axes = figure.add_subplot(grid[0, column])
        axes.bar(centres, found.right, width=0.9 / bins, color="#4477aa", label="right")
        axes.plot([0, 1], [0, 1], color="black", linewidth=0.8, linestyle="--")
        some = found.frames > 0
        axes.plot(found.confidence[some], found.right[some], "o", markersize=3, color="#aa3377")
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.set_title(title)
        axes.set_ylabel("share right")
        below = figure.add_subplot(grid[1, column], sharex=axes)
        below.bar(centres, found.frames, width=0.9 / bins, color="#bbbbbb")
        below.set_xlabel("score of the sound that a frame names")
        below.set_ylabel("frames")
    return figure
