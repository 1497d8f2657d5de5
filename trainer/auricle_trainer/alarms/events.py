"""One drawn event: a sound's recipe, a room around it, a level."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from auricle_shared.errors import SettingsError

from .beeps import low_battery_chirp, microwave_beeps, timer_beeps
from .doorbell import doorbell
from .draws import RANGES, Draws
from .drones import car_horn, machine_hum
from .impacts import clatter, footsteps, keyboard, knock
from .music import music
from .reversing import reversing_beeper
from .room import place_in_room
from .siren import siren
from .smoke_and_co import co_alarm, smoke_alarm
from .speech_like import speech_like
from .telephone import telephone_ring
from .tones import fade
from .whistles import bird_chirps, human_whistle, kettle_whistle

Recipe = Callable[[Draws, int], np.ndarray]
"""(draws, rate_hz) -> the dry sound, float32 [n], at any level"""

_ALARMS: tuple[Recipe, ...] = (smoke_alarm, co_alarm, doorbell, telephone_ring, siren, reversing_beeper)
_NEGATIVES: tuple[Recipe, ...] = (
    kettle_whistle,
    human_whistle,
    bird_chirps,
    microwave_beeps,
    timer_beeps,
    low_battery_chirp,
    music,
    speech_like,
    keyboard,
    footsteps,
    knock,
    clatter,
    machine_hum,
    car_horn,
)
RECIPES: dict[str, Recipe] = {recipe.__name__: recipe for recipe in _ALARMS + _NEGATIVES}
CLASSES: tuple[str, ...] = tuple(recipe.__name__ for recipe in _ALARMS)
"""The sounds that are events, by label."""
NEGATIVES: tuple[str, ...] = tuple(recipe.__name__ for recipe in _NEGATIVES)
"""Sounds that resemble them and are none: their label is `background`."""
MIN_RATE_HZ = 8000
"""The piezo horns reach 3.4 kHz."""
LEVEL_DB = (-18.0, -1.0)
"""Peak below full scale; scenes set the level anew against their background."""


@dataclass(frozen=True)
class DrawnEvent:
    samples: np.ndarray
    """float32 [n], peak between LEVEL_DB"""
    variant: str
    parameters: dict[str, list[float]]
    """what was drawn from ranges, by name"""


def draw_with_parameters(kind: str, rng: np.random.Generator, ranges: str, rate_hz: int) -> DrawnEvent:
    """As `draw_event`, and says what it drew."""
    if kind not in RECIPES:
        raise SettingsError(f"{kind!r} is no sound of the alarm set. Known: {', '.join(RECIPES)}.")
    if rate_hz < MIN_RATE_HZ:
        raise SettingsError(f"The alarm set needs a rate of at least {MIN_RATE_HZ} Hz for 3.4 kHz; got {rate_hz}.")
    draws = Draws(rng, ranges)
    dry = fade(RECIPES[kind](draws, rate_hz), rate_hz, 0.001, 0.02)
    heard = place_in_room(dry, draws, rate_hz)
    peak = 10.0 ** (draws.between("level_db", *LEVEL_DB) / 20.0)
    samples = heard * np.float32(peak / np.abs(heard).max())
    return DrawnEvent(samples, draws.variant or "plain", draws.parameters)


def draw_event(kind: str, rng: np.random.Generator, ranges: str, rate_hz: int) -> np.ndarray:
    """One sound of the alarm set.

        draw_event("smoke_alarm", np.random.default_rng(7), "train", 16000)

    Args:
        kind: one of CLASSES or NEGATIVES.
        ranges: 'train' or 'unseen'; no parameter drawn for one can be drawn for the other.

    Returns:
        float32 [n], mono, 1 to about 12 s.

    Raises:
        SettingsError: an unknown kind or set of ranges, or a rate too low to hold the sounds.
    """
    return draw_with_parameters(kind, rng, ranges, rate_hz).samples


def event_rng(seed: int, ranges: str, kind: str, index: int) -> np.random.Generator:
    """The generator of clip `index` of a kind: it depends on these four and on nothing else.

    Raises:
        SettingsError: unknown ranges, or a seed below 0.
    """
    if ranges not in RANGES or seed < 0:
        raise SettingsError(
            f"ranges {ranges!r}, seed {seed}: wanted one of {', '.join(RANGES)}, and a seed of 0 or more."
        )
    return np.random.default_rng([seed, sorted(RANGES).index(ranges), zlib.crc32(kind.encode()), index])
