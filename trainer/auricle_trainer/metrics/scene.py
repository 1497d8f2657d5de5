"""A stretch of a scene: what the model sees, what it scores, what happens and what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from auricle_shared.events import Event
from auricle_shared.mel import hz_to_mel, mel_to_hz
from auricle_shared.metadata import ModelMetadata
from auricle_shared.settings import SpectrogramSettings
from auricle_shared.write_scene import SceneEvent

from .plots import new_figure

HAPPENED, SCORE, HEARD = "#f4c95d", "#1f4e79", "#c0392b"
COLOURS = 5.0, 99.9
"""Percentiles of the power between which the colours run"""


@dataclass(frozen=True)
class _Excerpt:
    metadata: ModelMetadata
    spectrogram: np.ndarray
    scores: np.ndarray
    truth: Sequence[SceneEvent]
    heard: Sequence[Event]


def scene_figure(
    metadata: ModelMetadata,
    labels: Sequence[str],
    spectrogram: np.ndarray,
    scores: np.ndarray,
    truth: Sequence[SceneEvent],
    heard: Sequence[Event],
) -> Any:
    """The model's own spectrogram, and below it a lane a class: score and threshold, true and heard events as bars.

    Args:
        labels: outputs that get a lane.
        spectrogram: [F, bands], natural logarithm of the power.
        scores: [F, C].
        heard: events of both phases.
    """
    excerpt = _Excerpt(metadata, spectrogram, scores, truth, heard)
    figure = new_figure(13, 2.6 + 0.42 * max(3, len(labels)))
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[5, 1.1 * max(3, len(labels))])
    seconds = len(excerpt.scores) * excerpt.metadata.hop_samples / excerpt.metadata.rate_hz
    _spectrogram(figure, above, excerpt, seconds)
    for lane, label in enumerate(labels):
        _lane(below, excerpt, len(labels) - 1 - lane, label)
    below.set_yticks([len(labels) - 1 - lane + 0.45 for lane in range(len(labels))], labels)
    below.set_ylim(-0.1, len(labels))
    below.set_xlim(0, seconds)
    below.set_xlabel("time in seconds")
    below.tick_params(axis="y", length=0)
    _legend(figure)
    return figure


def _spectrogram(figure: Any, axes: Any, excerpt: _Excerpt, seconds: float) -> None:
    settings = excerpt.metadata.spectrogram
    power_db = 10 / np.log(10) * excerpt.spectrogram.T
    low, high = np.percentile(power_db, COLOURS)
    extent = (0, seconds, -0.5, len(power_db) - 0.5)
    image = axes.imshow(
        power_db,
        origin="lower",
        aspect="auto",
        extent=extent,
        vmin=low,
        vmax=high,
        cmap="magma",
        interpolation="nearest",
    )
    places = np.linspace(0, len(power_db) - 1, 5).round().astype(int)
    axes.set_yticks(places, [f"{band_hz(settings, int(i)):.0f}" for i in places])
    axes.set_ylabel("Hz")
    figure.colorbar(image, ax=axes, label="power in dB", pad=0.01)


def band_hz(settings: SpectrogramSettings, band: int) -> float:
    """Middle of a band."""
    if settings.kind == "linear":
        return band * settings.rate_hz / settings.n_fft
    edges = mel_to_hz(np.linspace(hz_to_mel(settings.low_hz), hz_to_mel(settings.high_hz), settings.bands + 2))
    return float(edges[band + 1])


def _lane(axes: Any, excerpt: _Excerpt, floor: int, label: str) -> None:
    """One class between floor and floor + 0.9: its score from 0 to 1, true events behind it, heard ones at its foot."""
    metadata = excerpt.metadata
    frame_seconds, height = metadata.hop_samples / metadata.rate_hz, 0.85
    scores = excerpt.scores[:, metadata.labels.index(label)]
    times = (np.arange(len(scores)) + 1) * frame_seconds
    for event in excerpt.truth:
        if event.label in (label, metadata.report_as.get(label, label)):
            axes.broken_barh(
                [(event.onset_seconds, event.offset_seconds - event.onset_seconds)], (floor, height), color=HAPPENED
            )
    for begin, length in _bars(excerpt.heard, label):
        axes.broken_barh([(begin, length)], (floor - 0.08, 0.12), color=HEARD, zorder=4)
    axes.plot(times, floor + height * scores, color=SCORE, linewidth=1, zorder=3)
    threshold = metadata.event_settings(label).on_threshold
    axes.axhline(floor + height * threshold, color="#999999", linewidth=0.6, linestyle=":", zorder=2)
    axes.axhline(floor - 0.1, color="#cccccc", linewidth=0.6)


def _bars(heard: Sequence[Event], label: str) -> list[tuple[float, float]]:
    """(onset, length) of the events that have ended."""
    ended = [e for e in heard if e.phase == "off" and e.label == label and e.offset_seconds is not None]
    return [(e.onset_seconds, max(0.05, (e.offset_seconds or 0.0) - e.onset_seconds)) for e in ended]


def _legend(figure: Any) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = [
        Patch(color=HAPPENED, label="happened"),
        Patch(color=HEARD, label="heard"),
        Line2D([], [], color=SCORE, label="score, 0 to 1"),
        Line2D([], [], color="#999999", linestyle=":", label="threshold"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=4, frameon=False, fontsize=9)
