"""What the demo server allows: every number of visitors, bytes and seconds has a bound, and here is which."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from auricle_shared.errors import SettingsError

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
MIN_TOKEN_CHARACTERS = 16


@dataclass(frozen=True)
class WebSettings:
    token: str | None = None
    """when set, every call below /api must carry it as `Authorization: Bearer TOKEN`"""
    host_names: tuple[str, ...] = LOOPBACK_NAMES
    """names by which a browser may call the server (else another site could point its own name here); () is any"""
    record_folder: Path | None = None
    """where what the microphones hear is stored; None stores nothing"""
    max_sessions: int = 128
    """visitors at once"""
    idle_seconds: float = 30.0
    """a visitor who sends nothing for this long is forgotten"""
    max_session_seconds: float = 4 * 3600.0
    """after this much time a visitor begins anew; the page does so by itself"""
    post_seconds: float = 0.25
    """how much audio the page sends at a time"""
    max_post_seconds: float = 4.0
    """more audio than this in one post is refused"""
    max_ahead_seconds: float = 10.0
    """how far a visitor's audio may run ahead of the clock before posts are refused"""
    max_clip_bytes: int = 32 << 20
    max_clip_seconds: float = 120.0
    max_clips_at_once: int = 2
    """uploads scored at the same time; more are told to come back"""
    read_seconds: float = 20.0
    """a request that takes longer to arrive is dropped"""

    def __post_init__(self) -> None:
        if self.token is not None and len(self.token) < MIN_TOKEN_CHARACTERS:
            raise SettingsError(
                f"The token has {len(self.token)} characters; wanted at least {MIN_TOKEN_CHARACTERS}. "
                "Without --token a good one is made up."
            )
        for name in ("max_sessions", "max_clip_bytes", "max_clips_at_once", "idle_seconds", "post_seconds"):
            if getattr(self, name) <= 0:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must be above 0.")
