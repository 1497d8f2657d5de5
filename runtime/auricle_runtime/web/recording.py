"""Keeping what a visitor's microphone heard: only where the person who starts the server asked for it."""

from __future__ import annotations

import os
import time
import wave
from pathlib import Path

import numpy as np

from auricle_shared.files import aside, sync_folder
from auricle_shared.pcm import to_int16


class Recording:
    """A 16-bit mono WAV that grows with the stream; it has its name when it is complete.

    The name is made of the time and chance; nothing a visitor sends gets into it.
    """

    def __init__(self, folder: Path, rate_hz: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"visitor-{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(4).hex()}.wav"
        self._partial = aside(self.path)
        self._file = wave.open(str(self._partial), "wb")  # noqa: SIM115
        self._file.setnchannels(1)
        self._file.setsampwidth(2)
        self._file.setframerate(rate_hz)

    def write(self, samples: np.ndarray) -> None:
        """samples [n] float32 in [-1, 1]."""
        self._file.writeframes(to_int16(samples).tobytes())

    def close(self) -> None:
        self._file.close()
        os.replace(self._partial, self.path)
        sync_folder(self.path.parent)
