"""What is wrong with the level: a gain turned too high, a microphone that is muted or dead."""

from __future__ import annotations

import numpy as np

from auricle_shared.levels import CLIPPED_SHARE, FULL_SCALE, SILENT_PEAK
from auricle_shared.stream import StreamFrames

from ..sources import Block
from . import Sink, Tell

WINDOW_SECONDS = 5.0
LOOK_EVERY = 3
"""One block in so many is looked at: enough for what goes on for seconds, and a device counts its microseconds."""
REPEAT_SECONDS = 300.0
"""The same warning comes again only after this long."""


class LevelWatch(Sink):
    """Warns once when sound is cut off, or when there is none at all; says when it is there again.

    Args:
        tell: warnings go here.
        rate_hz: of the blocks.
    """

    def __init__(self, tell: Tell, rate_hz: int) -> None:
        self._tell, self._rate_hz = tell, rate_hz
        self._window_samples = round(WINDOW_SECONDS * rate_hz)
        self._silent_samples = 0
        self._said_silent = False
        self._blocks = self._passed = 0  # since the last look; passed are samples
        self._samples = self._looked_at = self._clipped = 0
        self._next_warning_seconds = 0.0

    def heard(self, block: Block, frames: StreamFrames) -> None:
        samples = block.samples
        self._passed += len(samples)
        self._blocks += 1
        if self._blocks < LOOK_EVERY or not len(samples):
            return
        # The highest alone tells whether to look closer; argmax takes half of what max does.
        highest = samples.item(samples.argmax())
        self._watch_silence(highest < SILENT_PEAK and samples.min() > -SILENT_PEAK)
        self._watch_clipping(samples, highest >= FULL_SCALE, block.start_seconds)
        self._blocks = self._passed = 0

    def _watch_silence(self, is_silent: bool) -> None:
        if not is_silent:
            if self._said_silent:
                self._tell("There is sound again")
            self._silent_samples, self._said_silent = 0, False
            return
        self._silent_samples += self._passed
        if self._silent_samples >= self._window_samples and not self._said_silent:
            self._said_silent = True
            self._tell(f"Nothing but digital silence for {WINDOW_SECONDS:g} s: is the microphone muted or dead?")

    def _watch_clipping(self, samples: np.ndarray, clips: bool, at_seconds: float) -> None:
        if clips:
            self._clipped += int((np.abs(samples) >= FULL_SCALE).sum())
        self._samples += self._passed
        self._looked_at += len(samples)
        if self._samples < self._window_samples:
            return
        share = self._clipped / self._looked_at
        self._samples = self._looked_at = self._clipped = 0
        if share > CLIPPED_SHARE and at_seconds >= self._next_warning_seconds:
            self._next_warning_seconds = at_seconds + REPEAT_SECONDS
            self._tell(
                f"{100 * share:.1f} % of the last {WINDOW_SECONDS:g} s are cut off at full scale: turn the input gain "
                "down"
            )
