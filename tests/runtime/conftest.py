"""Sounds, a sound server, and a stand-in for what no server can be made to do."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from sound_server import SoundServer

from auricle_shared.audio import write_wav

NEEDED = ("pulseaudio", "pactl", "paplay")


@pytest.fixture(scope="session")
def two_tones(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Writes (once per rate) 8 s of faint noise with a 300 Hz tone from 2 to 3 s and a 3 kHz tone from 5 to 6 s."""
    folder = tmp_path_factory.mktemp("tones")

    def write(rate_hz: int) -> Path:
        path = folder / f"tones_{rate_hz}.wav"
        if not path.exists():
            write_wav(path, tones(rate_hz), rate_hz)
        return path

    return write


def tones(rate_hz: int) -> np.ndarray:
    t = np.arange(8 * rate_hz) / rate_hz
    noise = np.random.default_rng(1).normal(0, 1e-4, len(t))
    low = np.where((t >= 2) & (t < 3), np.sin(2 * np.pi * 300 * t), 0)
    high = np.where((t >= 5) & (t < 6), np.sin(2 * np.pi * 3000 * t), 0)
    return (noise + 0.3 * (low + high)).astype(np.float32)


@pytest.fixture
def sound_server(require_peer: Callable[[str], NoReturn]) -> Iterator[SoundServer]:
    """Fails in CI where PulseAudio is missing; elsewhere skips and says what to install."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    try:
        import sounddevice  # noqa: F401
    except (ImportError, OSError) as error:
        missing.append(f"sounddevice with PortAudio ({error})")
    if missing:
        require_peer(
            f"No virtual microphone: {', '.join(missing)} missing (apt install libportaudio2 pulseaudio "
            "pulseaudio-utils libasound2-plugins; pip install sounddevice)."
        )
    with tempfile.TemporaryDirectory(prefix="auricle-sound-") as folder:  # a socket's path must be short
        server = SoundServer(Path(folder))
        try:
            yield server
        finally:
            server.stop()


FAKE_SOUNDDEVICE = """
import threading, time, types
import numpy as np

class PortAudioError(Exception):
    pass

DEVICES = [
    {"index": 0, "name": "Speakers", "max_input_channels": 0, "default_samplerate": 48000.0},
    {"index": 1, "name": "USB Microphone: Audio (hw:1,0)", "max_input_channels": 2, "default_samplerate": 48000.0},
    {"index": 2, "name": "USB Webcam", "max_input_channels": 1, "default_samplerate": 16000.0},
]

def query_devices(device=None, kind=None):
    if kind == "input":
        if not any(d["max_input_channels"] for d in DEVICES):
            raise PortAudioError("Error querying device -1")
        return DEVICES[1]
    return DEVICES
"""
"""Stands in for the package where no real server can be made to do it: no microphone at all, lost samples."""


@pytest.fixture
def fake_sounddevice(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """Writes a module `sounddevice` with `code` after it; returns the environment in which it is found first."""

    def write(code: str, base: str = FAKE_SOUNDDEVICE) -> dict[str, str]:
        (tmp_path / "sounddevice.py").write_text(base + code, encoding="utf-8")
        return {**os.environ, "PYTHONPATH": str(tmp_path)}

    return write
