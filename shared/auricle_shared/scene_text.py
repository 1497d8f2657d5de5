"""The report on scenes, for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def as_text(report: Mapping[str, Any]) -> str:
    """The model's own thresholds class by class, the curve, and the lowest threshold that keeps quiet."""
    lines = [_audio(report), "", "at the model's own thresholds:"]
    lines += _per_class(report["shipped"], report["shipped"]["on_thresholds"])
    lines += ["", "one threshold for all classes:", *_curve(report), ""]
    return "\n".join([*lines, *_quiet(report)])


def _audio(report: Mapping[str, Any]) -> str:
    hours, negatives = report["hours_of_scenes"], report["hours_of_negatives"]
    events = report["shipped"]["overall"]["events"]
    told = f"scenes: {events} events in {_hours(hours)}"
    if not negatives:
        return f"{told}\nnegatives: none (with --negatives FOLDER false alarms are counted on long recordings)"
    return (
        f"{told}\nnegatives: T = {_hours(negatives)} without events; "
        f"a rate below 1/T = {short(1 / negatives)} an hour cannot be measured"
    )


def _hours(hours: float) -> str:
    return f"{hours:.2f} hours" if hours >= 1 else f"{60 * hours:.1f} minutes"


ABOVE = ("", "", "in negatives", "", "in scenes", "", "detected", "")
HEADS = ("events", "missed", "false alarms", "an hour", "false alarms", "an hour", "after p50", "p95")


def _row(figures: Mapping[str, Any]) -> list[str]:
    missed = "-" if figures["miss_share"] is None else f"{figures['misses']} = {100 * figures['miss_share']:.1f} %"
    delay = figures["seconds_to_detect"]
    times = [f"{delay[p]:.2f} s" for p in ("p50", "p95")] if delay else ["-", "-"]
    alarms = [*_alarms(figures["false_alarms_in_negatives"]), *_alarms(figures["false_alarms_in_scenes"])]
    return [str(figures["events"]), missed, *alarms, *times]


def _alarms(found: Mapping[str, Any] | None) -> list[str]:
    if found is None or not found["hours"]:
        return ["-", "-"]
    an_hour = found["an_hour"]
    return [str(found["alarms"]), f"< {short(1 / found['hours'])}" if an_hour is None else short(an_hour)]


def short(an_hour: float) -> str:
    """A rate with as many digits as a count can carry."""
    return f"{an_hour:.0f}" if an_hour >= 100 else f"{an_hour:.2g}"


def _per_class(figures: Mapping[str, Any], thresholds: Mapping[str, float]) -> list[str]:
    rows = [["", "", *ABOVE], ["class", "threshold", *HEADS]]
    for label, own in figures["per_class"].items():
        threshold = thresholds.get(label)
        rows.append([label, "" if threshold is None else f"{threshold:.3f}", *_row(own)])
    rows.append(["all", "", *_row(figures["overall"])])
    return _table(rows)


def _curve(report: Mapping[str, Any]) -> list[str]:
    rows = [["", *ABOVE], ["threshold", *HEADS]]
    rows += [[f"{point['threshold']:g}", *_row(point["overall"])] for point in report["curve"]]
    return _table(rows)


def _table(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return lines


def _quiet(report: Mapping[str, Any]) -> list[str]:
    hours, quiet = report["hours_of_negatives"], report["quiet"]
    if not hours:
        return ["no negatives, so no threshold is known to keep quiet"]
    if quiet is None:
        return [f"no threshold is without an alarm in the {_hours(hours)} of negatives"]
    overall = quiet["overall"]
    low, high = overall["miss_share_interval_95"]
    share = "" if overall["miss_share"] is None else f" = {100 * overall['miss_share']:.1f} %"
    return [
        f"lowest threshold without an alarm in all the negatives: {quiet['threshold']:.7g}",
        f"  missed there: {overall['misses']} of {overall['events']} events{share} "
        f"(95 % interval {100 * low:.1f} to {100 * high:.1f} %)",
        f"  no alarm in T = {_hours(hours)}: below 3/T = {short(3 / hours)} an hour with 95 % confidence",
    ]
