"""PortAudio through the package sounddevice: which microphones there are, and starting the library anew.

PortAudio lists the devices once, when it starts. So it is started anew to find what was plugged in again.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from auricle_shared.errors import DeviceError

from ..attempt import Attempt

STDERR = 2
START_SECONDS = 1.0
"""PortAudio takes a twentieth of this on a laptop; who then still waits for it does so in its own time"""

NO_MICROPHONE = (
    "No microphone was found. Plug one in, or start the sound server (PipeWire, PulseAudio) of this user; in a "
    "container, pass the sound devices through. Recordings (--wav) and pipes (--stdin) work without."
)


@dataclass(frozen=True)
class MicrophoneInfo:
    index: int
    name: str
    channels: int
    rate_hz: float
    """the device's native rate; audio is captured at it and resampled here"""
    is_default: bool

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def needs_sounddevice() -> Any:
    """The package sounddevice with its PortAudio, or a DeviceError that says which of the two is missing."""
    try:
        import sounddevice
    except ImportError as error:
        raise DeviceError(
            "The microphone needs the package sounddevice: pip install 'auricle-runtime[mic]'. "
            "Recordings (--wav) and pipes (--stdin) need nothing."
        ) from error
    except OSError as error:
        raise DeviceError(
            f"The PortAudio library cannot be loaded ({error}). On Debian, Ubuntu and Raspberry Pi OS: "
            "sudo apt install libportaudio2. Recordings (--wav) and pipes (--stdin) need nothing."
        ) from error
    return sounddevice


def list_microphones() -> list[MicrophoneInfo]:
    """Every device with at least one input channel. Raises DeviceError: no sounddevice or no PortAudio."""
    sounddevice = needs_sounddevice()
    default = _default_index(sounddevice)
    return [
        MicrophoneInfo(
            int(d["index"]),
            d["name"],
            int(d["max_input_channels"]),
            float(d["default_samplerate"]),
            int(d["index"]) == default,
        )
        for d in sounddevice.query_devices()
        if d["max_input_channels"] > 0
    ]


def find_microphone(wanted: str | None) -> MicrophoneInfo:
    """The microphone of an index, a name or a part of a name; None is the default one.

    Raises:
        DeviceError: none there, no such one (lists the real ones), or several that fit.
    """
    found = list_microphones()
    if not found:
        raise DeviceError(NO_MICROPHONE)
    if wanted is None:
        fitting = [m for m in found if m.is_default] or found[:1]
    elif wanted.isdecimal():
        fitting = [m for m in found if m.index == int(wanted)]
    else:
        fitting = [m for m in found if m.name == wanted][:1]
        fitting = fitting or [m for m in found if wanted.casefold() in m.name.casefold()]
    if len(fitting) == 1:
        return fitting[0]
    said = "fits several microphones" if fitting else "is no microphone here"
    names = "; ".join(f"{m.index}: {m.name}" for m in fitting or found)
    raise DeviceError(f"{wanted!r} {said}. {'These' if fitting else 'There are'}: {names}. Give an index or a name.")


def start_anew() -> None:
    """Let PortAudio look again which devices there are; no stream may be open."""
    sounddevice = needs_sounddevice()
    try:
        sounddevice._terminate()
        sounddevice._initialize()
    except sounddevice.PortAudioError as error:
        raise DeviceError(f"The sound system cannot be started anew ({error}).") from error


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """PortAudio and ALSA themselves write a dozen lines to standard error at every attempt in vain."""
    try:
        kept, nowhere = os.dup(STDERR), os.open(os.devnull, os.O_WRONLY)
    except OSError:  # there is no standard error
        yield
        return
    os.dup2(nowhere, STDERR)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(kept, STDERR)
        os.close(kept)


@contextmanager
def starting() -> Iterator[None]:
    """PortAudio starts and looks for devices while something else is done, with standard error shut.

    What goes wrong is told when it is used.
    """
    with quiet_stderr():
        attempt = Attempt(needs_sounddevice)
        try:
            yield
        finally:
            attempt.done_within(START_SECONDS)


def leave_portaudio_behind() -> None:
    """Take back sounddevice's clean-up at exit: it would wait for the same hanging server, for ever."""
    clean_up = getattr(sys.modules.get("sounddevice"), "_exit_handler", None)  # no import: that may be what hangs
    if clean_up is not None:
        atexit.unregister(clean_up)


def _default_index(sounddevice: Any) -> int | None:
    try:
        return int(sounddevice.query_devices(kind="input")["index"])
    except (sounddevice.PortAudioError, ValueError):  # PortAudio has no default input
        return None
