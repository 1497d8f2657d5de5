"""Which microphones there are, and whether the wanted one gives anything."""

from __future__ import annotations

import numpy as np

from auricle_shared.errors import AuricleError

from ..record.ear import Ear
from ..record.take import LOUD_ROOM_DB, decibels, judge_room, level_of_room
from ..sources.microphone import Microphone, list_microphones
from ..sources.portaudio import NO_MICROPHONE
from . import Finding

LISTEN_SECONDS = 1.0
RATE_HZ = 16000


def findings(device: str | None) -> list[Finding]:
    try:
        found = list_microphones()
    except AuricleError as error:
        return [Finding("microphone", "problem", "no access to the sound system", str(error))]
    if not found:
        return [Finding("microphone", "problem", "none", NO_MICROPHONE)]
    names = "; ".join(f"{m.index}: {m.name} ({m.rate_hz:g} Hz{', default' if m.is_default else ''})" for m in found)
    return [Finding("microphones", "ok", names), _level(device)]


def _level(device: str | None) -> Finding:
    try:
        source = Microphone(RATE_HZ, device)
        ear = Ear(source, RATE_HZ)
        try:
            heard = ear.take(LISTEN_SECONDS)
        finally:
            ear.close()
    except AuricleError as error:
        return Finding("level", "problem", "the microphone gives nothing", str(error))
    problem = judge_room(heard.samples, heard.lost)
    room_db = level_of_room(heard.samples, RATE_HZ)
    found = f"{source.info.name}: {room_db:.0f} dB, peak {decibels(float(np.abs(heard.samples).max(initial=0))):.0f} dB"
    if problem:
        return Finding("level", "problem", found, problem)
    if room_db > LOUD_ROOM_DB:
        return Finding("level", "warning", found, "that is loud for a room: turn the gain down")
    return Finding("level", "ok", found)
