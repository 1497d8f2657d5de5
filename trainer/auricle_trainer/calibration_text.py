"""What a calibration did, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def as_text(record: dict[str, Any]) -> str:
    """What was fitted and what was not, for a person."""
    if "defaults" in record:
        whose = "the config's" if record["set_by_config"] else "the default"
        return f"calibration: {whose} thresholds are used, and nothing was fitted ({record['defaults']})"
    lines = [
        f"calibration: temperature {record['temperature']:.2f}; confidence is off by {100 * record['ece_after']:.1f} % "
        f"on average ({100 * record['ece_before']:.1f} % before; {record['frames']} frames that name a sound)"
    ]
    fitted = {label: e for label, e in record["events"].items() if not e["defaults"]}
    if fitted:
        lines += [*_table(fitted), _rate(record), *_deaf(fitted)]
    reasons: dict[str, list[str]] = {}
    for label, e in record["events"].items():
        reasons.setdefault(e["defaults"], []).append(label)
    for reason in sorted(set(reasons) - {""}):
        lines.append(f"default thresholds for {', '.join(reasons[reason])}: {reason}")
    if any("negatives" in reason for reason in reasons):
        lines.append(
            "  to fit them: auricle calibrate RUN --negatives FOLDER, recordings of the place without any of the events"
        )
    if record["set_by_config"]:
        lines.append(f"thresholds of the config for {', '.join(record['set_by_config'])}")
    return "\n".join(lines)


def _deaf(fitted: Mapping[str, Any]) -> list[str]:
    """A target that only deaf classes reach is no success, and the maker should hear it here."""
    names = [label for label, e in fitted.items() if 2 * e["after"]["misses"] > e["after"]["events"]]
    if not names:
        return []
    return [
        f"more than half of the events of {', '.join(names)} are missed at so few false alarms: allow more with "
        "--false-alarms-per-hour, or train with recordings like these negatives as --background"
    ]


def _table(fitted: Mapping[str, Any]) -> list[str]:
    width = max(len("class"), *(len(label) for label in fitted))
    lines = [
        "before -> after:",
        f"{'class':{width}}  events       missed   other class  false alarms  threshold  smoothing  minimum",
    ]
    for label, e in fitted.items():
        s = e["settings"]
        lines.append(
            f"{label:{width}}  {e['after']['events']:6d}  {_change(e, 'misses')}  {_change(e, 'confused'):>12}"
            f"  {_change(e, 'false_alarms'):>12}  {s['on_threshold']:9.3f}  {s['smoothing_seconds']:7.2f} s"
            f"  {s['minimum_seconds']:5.1f} s"
        )
    return lines


def _change(e: Mapping[str, Any], what: str) -> str:
    return f"{e['before'][what]:4d} -> {e['after'][what]:3d}"


def _rate(record: dict[str, Any]) -> str:
    rate = record["false_alarms_per_hour"]
    hours, n = rate["hours_without_events"], rate["false_alarms"]
    measured = f"{n / hours:.2f} an hour" if n else f"below {3 / hours:.2f} an hour with 95 % confidence"
    return f"false alarms: {n} in {hours:.2f} hours without events, {measured}; wanted {rate['wanted']:g} an hour"
