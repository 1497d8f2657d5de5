"""What a search may change: a TOML file in the words of a config, with choices and ranges for values.

config = "gru"
set = ["training.epochs=20"]            the same for every trial

[training]
learning_rate = {low = 1e-3, high = 1e-2, log = true}
[model]
hidden = [64, 96, 128]                  one of these
layers = {low = 1, high = 2}            whole numbers, as both ends are
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auricle_shared.errors import SettingsError

from ..config import Config, load_config

if TYPE_CHECKING:
    from optuna import Trial

WANTED = "wanted a list of choices, or {low = 1, high = 10}, with log = true or step = 2 if need be"


@dataclass(frozen=True)
class Choice:
    values: tuple[Any, ...]

    def suggest(self, trial: Trial, name: str) -> Any:
        # Optuna keeps plain values only: a list travels as its text.
        texts = [json.dumps(value) for value in self.values]
        return json.loads(trial.suggest_categorical(name, texts))

    def ends(self) -> tuple[Any, Any]:
        return self.values[0], self.values[-1]


@dataclass(frozen=True)
class Range:
    low: float
    high: float
    log: bool = False
    step: float | None = None

    def suggest(self, trial: Trial, name: str) -> Any:
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(name, self.low, self.high, step=int(self.step or 1), log=self.log)
        return trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log)

    def ends(self) -> tuple[Any, Any]:
        return self.low, self.high


@dataclass(frozen=True)
class Space:
    config: str
    """a shipped config's name, or a TOML file; everything that is not searched comes from it"""
    fixed: tuple[str, ...]
    """changes as `auricle train --set` takes them"""
    settings: Mapping[str, Choice | Range]
    """by TABLE.KEY"""

    def changes(self, trial: Trial) -> tuple[str, ...]:
        """What the trial is to try, as `auricle train --set` takes it."""
        return self._as_changes({name: setting.suggest(trial, name) for name, setting in self.settings.items()})

    def config_of(self, changes: tuple[str, ...]) -> Config:
        return load_config(self.config, (*self.fixed, *changes))

    def check(self) -> None:
        """Raises SettingsError where a first or last value does not fit the config, before any time is spent."""
        for place in (0, 1):
            self.config_of(self._as_changes({name: s.ends()[place] for name, s in self.settings.items()}))

    def to_dict(self) -> dict[str, Any]:
        return {"config": self.config, "set": list(self.fixed), **{k: asdict(v) for k, v in self.settings.items()}}

    def _as_changes(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(f"{name}={json.dumps(value)}" for name, value in values.items())


def load_space(path: Path) -> Space:
    """Raises SettingsError: no such file, not TOML, nothing to search, or values that do not fit the config."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"The search space {path} cannot be read ({error.strerror}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}.") from error
    config, fixed = table.pop("config", "conv_gru"), table.pop("set", [])
    if not isinstance(config, str) or not isinstance(fixed, list) or not all(isinstance(c, str) for c in fixed):
        raise SettingsError(f'{path}: wanted config = "NAME" and set = ["TABLE.KEY=VALUE", ...].')
    beside = path.parent / config
    space = Space(str(beside) if beside.suffix == ".toml" else config, tuple(fixed), dict(_settings(table, "")))
    if not space.settings:
        raise SettingsError(f"{path} names nothing to search. For instance [model] with hidden = [64, 128].")
    space.check()
    return space


def _settings(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Choice | Range]]:
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, list) and value:
            yield name, Choice(tuple(value))
        elif isinstance(value, Mapping) and "low" in value:
            yield name, _range(value, name)
        elif isinstance(value, Mapping):
            yield from _settings(value, f"{name}.")
        else:
            raise SettingsError(f"{name} is {value!r}; {WANTED}. What is the same for every trial goes into set.")


def _range(table: Mapping[str, Any], name: str) -> Range:
    unknown = set(table) - {"low", "high", "log", "step"}
    numbers = [table.get("low"), table.get("high"), table.get("step", 1)]
    fits = all(isinstance(n, int | float) and not isinstance(n, bool) and math.isfinite(n) for n in numbers)
    if unknown or not fits or not table["low"] < table["high"] or numbers[2] <= 0:
        raise SettingsError(f"{name} is {dict(table)}; {WANTED}, and low below high.")
    log = bool(table.get("log", False))
    if log and (table["low"] <= 0 or "step" in table):
        raise SettingsError(f"{name}: log = true wants low above 0 and no step.")
    return Range(table["low"], table["high"], log, table.get("step"))
