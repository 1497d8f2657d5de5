"""What kind of scene: how often events come, how loud, over which background."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import SettingsError


@dataclass(frozen=True)
class SceneSettings:
    gap_seconds: float = 0.6
    """mean of the exponentially drawn pause between events, on top of gap_minimum_seconds"""
    gap_minimum_seconds: float = 0.0
    adjoining: float = 0.2
    """share of events that follow the last one without a pause"""
    snr_low_db: float = 3.0
    snr_high_db: float = 30.0
    """event over background, both root mean square, the event's over its active frames"""
    background_low_db: float = -65.0
    background_high_db: float = -35.0
    """level of the background re full scale"""
    clean: float = 0.2
    """share of streams with digital silence for a background; events keep their own level there"""
    gain_low_db: float = -12.0
    gain_high_db: float = 6.0
    """change of an event's own level in a clean stream"""
    piece_seconds: float = 12.0
    """longest piece of one background recording"""
    background_only: float = 0.0
    """share of streams without any event until they begin anew"""
    reset: float = 0.15
    """chance that a stream begins anew at a window's start (training)"""
    starts_at_once: float = 0.5
    """share of streams that begin with an event, the others with a pause"""
    balance: str = "natural"
    """'natural': every clip equally often; 'balanced': every class equally often"""
    clips_per_class: int = 0
    """streams side by side that hear the same class in a window, for losses that compare clips; 0: each its own.
    Only with balance = 'balanced'"""

    def __post_init__(self) -> None:
        for what in ("snr", "background", "gain"):
            low, high = getattr(self, f"{what}_low_db"), getattr(self, f"{what}_high_db")
            if not low <= high:
                raise SettingsError(f"scenes.{what}_low_db = {low} is above scenes.{what}_high_db = {high}.")
        for name in ("adjoining", "clean", "reset", "starts_at_once"):
            if not 0 <= getattr(self, name) <= 1:
                raise SettingsError(f"scenes.{name} is {getattr(self, name)}; a share lies between 0 and 1.")
        if not 0 <= self.background_only <= 0.9:
            raise SettingsError(f"scenes.background_only is {self.background_only}; wanted between 0 and 0.9.")
        for name in ("gap_seconds", "gap_minimum_seconds"):
            if not 0 <= getattr(self, name) <= 3600:
                raise SettingsError(f"scenes.{name} is {getattr(self, name)}; wanted between 0 and 3600 seconds.")
        if not self.piece_seconds > 0:
            raise SettingsError(f"scenes.piece_seconds is {self.piece_seconds}; it must be above 0.")
        if self.balance not in ("natural", "balanced"):
            raise SettingsError(f"scenes.balance is {self.balance!r}; it must be 'natural' or 'balanced'.")
        if not 0 <= self.clips_per_class <= 1000:
            raise SettingsError(f"scenes.clips_per_class is {self.clips_per_class}; wanted between 0 and 1000.")
        if self.clips_per_class and self.balance != "balanced":
            raise SettingsError(
                f"scenes.clips_per_class = {self.clips_per_class} and scenes.balance = {self.balance!r}: several clips "
                "of a class at once need balance = 'balanced'."
            )
