"""Settings of the front end and of events: what is written is seconds and Hz; samples and frames are derived."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal, TypeVar

from .errors import SettingsError

T = TypeVar("T")


@dataclass(frozen=True)
class SpectrogramSettings:
    """The front end. Everything the spectrogram depends on is here, and nothing else is."""

    kind: Literal["log_mel", "linear"] = "log_mel"
    rate_hz: int = 16000
    """samples a second of the audio that goes in"""
    window_seconds: float = 0.025
    hop_seconds: float = 0.010
    n_fft: int = 512
    """length of the Fourier transform in samples; the window is zero-padded to it"""
    bands: int = 40
    """log_mel: number of mel bands; linear: number of bins kept, counted from 0 Hz"""
    low_hz: float = 20.0
    """log_mel only: lower edge of the first band"""
    high_hz: float = 8000.0
    """log_mel only: upper edge of the last band"""
    eps: float = 1e-9
    """added to the power before the logarithm; full scale is a power of 0.25 for a sine"""

    def __post_init__(self) -> None:
        if self.kind not in ("log_mel", "linear"):
            raise SettingsError(f"spectrogram.kind is {self.kind!r}; it must be 'log_mel' or 'linear'.")
        if not 1000 <= self.rate_hz <= 192000:
            raise SettingsError(f"spectrogram.rate_hz is {self.rate_hz}; it must lie between 1000 and 192000.")
        for name in ("window_seconds", "hop_seconds"):
            samples = getattr(self, name) * self.rate_hz
            if abs(samples - round(samples)) > 1e-6 or round(samples) < 1:
                raise SettingsError(
                    f"spectrogram.{name} = {getattr(self, name)} is {samples:g} samples at {self.rate_hz} Hz; "
                    "it must be a whole number of at least 1."
                )
        if self.window_samples % 2:
            raise SettingsError(f"The window has {self.window_samples} samples; it must be an even number.")
        if self.hop_samples > self.window_samples:
            raise SettingsError(
                f"hop_seconds ({self.hop_seconds}) is longer than window_seconds ({self.window_seconds}): "
                "audio between two windows would never be looked at."
            )
        if self.n_fft < self.window_samples or self.n_fft % 2:
            raise SettingsError(
                f"spectrogram.n_fft is {self.n_fft}; it must be even and at least the window, {self.window_samples}."
            )
        if self.eps <= 0:
            raise SettingsError(f"spectrogram.eps is {self.eps}; it must be above 0, or silence has no logarithm.")
        if self.kind == "linear" and not 1 <= self.bands <= self.n_fft // 2:
            raise SettingsError(
                f"spectrogram.bands is {self.bands}; linear bins run from 0 to {self.n_fft // 2 - 1} "
                f"(the Nyquist bin is never kept), so 1 to {self.n_fft // 2} can be kept."
            )
        if self.kind == "log_mel" and not 0 <= self.low_hz < self.high_hz <= self.rate_hz / 2:
            raise SettingsError(
                f"low_hz = {self.low_hz:g} and high_hz = {self.high_hz:g}: wanted 0 <= low_hz < high_hz <= "
                f"{self.rate_hz / 2:g} (half the rate)."
            )

    @property
    def window_samples(self) -> int:
        return round(self.window_seconds * self.rate_hz)

    @property
    def hop_samples(self) -> int:
        return round(self.hop_seconds * self.rate_hz)

    @property
    def blocks(self) -> int:
        """Hops that one window touches."""
        return -(-self.window_samples // self.hop_samples)

    @property
    def carry_samples(self) -> int:
        """Samples kept from one block of audio to the next, so that no frame is lost between them."""
        return (self.blocks - 1) * self.hop_samples

    @property
    def frames_per_second(self) -> float:
        return self.rate_hz / self.hop_samples

    @property
    def hash(self) -> str:
        return settings_hash(self)


@dataclass(frozen=True)
class EventSettings:
    """When frame scores of one class become an event."""

    on_threshold: float = 0.5
    """smoothed score at or above which an event may begin, 0 to 1"""
    off_threshold: float = 0.3
    """smoothed score below which it may end; not above on_threshold"""
    smoothing_seconds: float = 0.08
    """length of the moving mean over frame scores"""
    minimum_seconds: float = 0.0
    """the smoothed score must stay above on_threshold this long; shorter is no event"""
    release_seconds: float = 0.3
    """an event ends when the score was below off_threshold this long; a rhythm's pauses are shorter than it"""
    hold_off_seconds: float = 0.0
    """no new event of the class begins within this time after the last one's end"""

    def __post_init__(self) -> None:
        if not 0 < self.off_threshold <= self.on_threshold <= 1:
            raise SettingsError(
                f"on_threshold = {self.on_threshold}, off_threshold = {self.off_threshold}: "
                "wanted 0 < off_threshold <= on_threshold <= 1."
            )
        for name in ("smoothing_seconds", "minimum_seconds", "release_seconds", "hold_off_seconds"):
            if not 0 <= getattr(self, name) <= 3600:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must lie between 0 and 3600 seconds.")


def from_table(kind: type[T], table: dict[str, Any], where: str) -> T:
    """Build settings of type `kind` from a parsed table; an unknown key or a value of the wrong type is an error.

    `where` names the table in messages, in the words of the file the user wrote.
    """
    known = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            raise SettingsError(f"{where}.{key} is not a setting. Known here: {', '.join(sorted(known))}.")
        wanted = str(known[key].type)
        if wanted == "float" and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if wanted == "str" and isinstance(value, int) and not isinstance(value, bool):
            value = str(value)  # fold = 1 means the fold named "1"
        plain = {"int": int, "float": float, "str": str, "bool": bool, "dict": dict}.get(wanted.split("[")[0])
        if isinstance(value, float) and not math.isfinite(value):
            raise SettingsError(f"{where}.{key} is {value}; it must be a finite number.")
        if plain is not None and (not isinstance(value, plain) or (plain is int and isinstance(value, bool))):
            raise SettingsError(f"{where}.{key} is {value!r}; it must be of type {wanted}.")
        if wanted.startswith("tuple") and isinstance(value, list):
            value = tuple(value)
        values[key] = value
    return kind(**values)


def settings_hash(settings: Any) -> str:
    """First 16 hex digits of the SHA-256 of the settings as canonical JSON."""
    text = json.dumps(_canonical(settings), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _canonical(value: Any) -> Any:
    """Plain types; a float field is written as a float even where Python code gave it 20 for 20.0."""
    if is_dataclass(value):
        pairs = ((f, getattr(value, f.name)) for f in fields(value))
        return {f.name: float(v) if str(f.type) == "float" else _canonical(v) for f, v in pairs}
    if isinstance(value, Mapping):
        return {key: _canonical(v) for key, v in value.items()}
    return list(value) if isinstance(value, tuple) else value
