"""Event settings in force: the model's own, changed by a TOML next to it, changed by the command line.

model.onnx            settings per class travel in it
model.events.toml     on_threshold = 0.6          for every sound
                      [doorbell]                  for this one
                      on_threshold = 0.8
--set doorbell.on_threshold=0.9
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

from auricle_shared.errors import SettingsError
from auricle_shared.metadata import ModelMetadata
from auricle_shared.settings import EventSettings, from_table

MAX_FILE_BYTES = 1 << 18


class EventsInForce(NamedTuple):
    metadata: ModelMetadata
    origins: dict[str, str]
    """label -> where its settings come from, in words"""
    file: Path | None
    """the TOML that was read"""


class Change(NamedTuple):
    """One table of settings for one sound, or for all of them."""

    label: str | None
    values: dict[str, Any]
    origin: str


def events_file(model: Path) -> Path:
    """alarms.onnx -> alarms.events.toml"""
    return model.with_suffix(".events.toml")


def events_in_force(model: Path, metadata: ModelMetadata, assignments: Sequence[str] = ()) -> EventsInForce:
    """The settings that hold, and where each comes from.

    Args:
        model: path of the model, next to which the TOML may lie.
        assignments: '[LABEL.]KEY=VALUE' from the command line; without a label, for every sound.

    Raises:
        SettingsError: no such sound, no such setting, a value that cannot be, or no TOML.
    """
    file = events_file(model)
    changes = _changes_of_file(file) if file.is_file() else []
    changes += [_change_of_assignment(text) for text in assignments]
    origins = {label: "the model" if label in metadata.events else "default" for label in metadata.event_labels}
    settings = {label: metadata.event_settings(label) for label in metadata.event_labels}
    for change in changes:
        if change.label is not None and change.label not in settings:
            raise SettingsError(
                f"{change.origin}: {change.label!r} is no sound of this model. It has: {', '.join(settings)}."
            )
        for label in settings if change.label is None else (change.label,):
            settings[label] = _changed(settings[label], change)
            origins[label] += f", {change.origin}" if change.origin not in origins[label] else ""
    return EventsInForce(replace(metadata, events=settings), origins, file if file.is_file() else None)


def _changed(settings: EventSettings, change: Change) -> EventSettings:
    values = {**asdict(settings), **change.values}
    if "off_threshold" not in change.values:  # a threshold that is only lowered takes its lower edge with it
        values["off_threshold"] = min(values["off_threshold"], _number(values["on_threshold"]))
    try:
        return from_table(EventSettings, values, change.label or "every sound")
    except SettingsError as error:
        raise SettingsError(f"{change.origin}: {error}") from error


def _number(value: Any) -> float:
    return value if isinstance(value, (int, float)) else float("inf")


def _changes_of_file(file: Path) -> list[Change]:
    import tomllib

    if file.stat().st_size > MAX_FILE_BYTES:
        raise SettingsError(f"{file} has {file.stat().st_size} bytes; wanted a few lines of event settings.")
    try:
        table = tomllib.loads(file.read_bytes().decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is no TOML: {error}.") from error
    common = {key: value for key, value in table.items() if not isinstance(value, dict)}
    own = [Change(label, values, file.name) for label, values in table.items() if isinstance(values, dict)]
    return [Change(None, common, file.name), *own] if common else own


def _change_of_assignment(text: str) -> Change:
    name, equals, value = text.partition("=")
    label, dot, key = name.strip().rpartition(".")
    try:
        number = float(value)
    except ValueError:
        number = None
    if not equals or number is None:
        raise SettingsError(f"--set {text}: wanted [LABEL.]KEY=NUMBER, for instance doorbell.on_threshold=0.8.")
    return Change(label if dot else None, {key: number}, f"--set {text}")
