"""DET: how many events are missed at how many false alarms an hour, as the threshold moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .plots import new_figure

MOST_CLASSES = 20
"""More lines than that can no longer be told apart; then only the sum of all classes is drawn"""
NONE_AT = 0.5
"""Where points without any alarm are drawn, as a multiple of 1/T"""


def det_figure(report: Mapping[str, Any]) -> Any:
    """The curves of a `scene_report`, one line a class and one for all; over negatives, or scenes where there are none.

    Points without an alarm stand in a strip of their own left of 1/T, the lowest rate that T hours can show.
    """
    from matplotlib import colormaps

    kind = "negatives" if report["hours_of_negatives"] else "scenes"
    hours = report[f"hours_of_{kind}"]
    figure = new_figure(8.5, 5)
    axes = figure.add_subplot()
    overall = [_point(p["overall"], kind, hours) for p in report["curve"]]
    _line(axes, overall, color="black", linewidth=2.4, markersize=4.5, label="all classes", zorder=4)
    _mark(axes, _point(report["shipped"]["overall"], kind, hours), "D", "all, the model's thresholds")
    if report["quiet"]:
        threshold = report["quiet"]["threshold"]
        _mark(axes, _point(report["quiet"]["overall"], kind, hours), "*", f"all, threshold {threshold:.4g}")
    labels = report["labels"] if 1 < len(report["labels"]) <= MOST_CLASSES else []
    for i, label in enumerate(labels):
        points = [_point(p["per_class"][label], kind, hours) for p in report["curve"]]
        told = f" {label}" if label.startswith("_") else label  # matplotlib leaves such names out of a legend
        _line(axes, points, color=colormaps["tab20"](i % 20), linewidth=1.2, markersize=3, label=told)
    _finish(axes, kind, hours)
    figure.legend(loc="outside right upper", fontsize=8, frameon=False)
    return figure


Point = tuple[float, float] | None
"""(false alarms an hour, misses in per cent); None where no event happens"""


def _point(figures: Mapping[str, Any], kind: str, hours: float) -> Point:
    if figures["miss_share"] is None:
        return None
    an_hour = figures[f"false_alarms_in_{kind}"]["an_hour"]
    return (NONE_AT / hours if an_hour is None else an_hour), 100 * figures["miss_share"]


def _line(axes: Any, points: Sequence[Point], **style: Any) -> None:
    """From the lowest threshold to the first without an alarm: the higher ones only miss more."""
    drawn = []
    least = min((p[0] for p in points if p), default=0.0)
    for point in points:
        if point is None:
            continue
        drawn.append(point)
        if point[0] == least:
            break
    if drawn:
        axes.plot(*zip(*drawn, strict=True), marker="o", **style)


def _mark(axes: Any, point: Point, marker: str, label: str) -> None:
    if point:
        size = 15 if marker == "*" else 9
        axes.plot(*point, marker, markersize=size, color="white", markeredgecolor="black", label=label, zorder=5)


def _finish(axes: Any, kind: str, hours: float) -> None:
    axes.set_xscale("log")
    left, right = 0.3 / hours, max(axes.get_xlim()[1], 20 / hours)
    axes.set_xlim(left, right)
    axes.axvspan(left, 1 / hours, color="#eeeeee", zorder=0)
    axes.axvline(1 / hours, color="#999999", linewidth=0.8, linestyle="--")
    bound = f"no alarm:\n< {3 / hours:.2g} an hour"
    where = {"transform": axes.get_xaxis_transform(), "ha": "center", "va": "bottom"}
    axes.text((left / hours) ** 0.5, 1.01, bound, fontsize=8, color="#555555", **where)
    axes.set_ylim(bottom=-1)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel(f"false alarms an hour of {kind} (T = {hours:.2f} hours; dashed: 1/T)")
    axes.set_ylabel("missed events in %")
    axes.grid(alpha=0.3, which="both", linewidth=0.5)
