"""The audio of a planned window as operations on whole tensors, on any device: what the plan drew is applied here.

a part of the plan  ->  one or two voices (mixed clips)  ->  speed  ->  room  ->  gain, sum, full scale
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from auricle_shared.pack import Pack
from auricle_shared.scene_window import Parts, Window
from auricle_shared.variation import AugmentSettings
from auricle_trainer.augment.room import Rooms, reverberate
from auricle_trainer.augment.speed import play

from .rows import TILE, add_parts

FULL_SCALE = 32768.0


@dataclass(frozen=True)
class Voices:
    """Sounds in a window; int64 [V] all but the gain."""

    stream: np.ndarray
    start: np.ndarray
    """first sample in the window"""
    count: np.ndarray
    first: np.ndarray
    """first sample within the sound as it is played"""
    low: np.ndarray
    high: np.ndarray
    """where in the pack the sound lies: [low, high)"""
    percent: np.ndarray
    room: np.ndarray
    gain: np.ndarray
    """float32 [V], for samples as int16"""

    def __len__(self) -> int:
        return len(self.stream)

    def __getitem__(self, chosen: np.ndarray) -> Voices:
        return Voices(**{name: values[chosen] for name, values in self.__dict__.items()})


def voices(parts: Parts, pack: Pack) -> Voices:
    """A voice for every part, and another for each second clip that sounds with it."""
    table = parts.table
    both = table[table["other"] >= 0]
    rows = np.concatenate([table, both])
    clip = np.concatenate([table["clip"], both["other"]])
    shift = np.concatenate([np.zeros(len(table), np.int64), both["other_shift_samples"]])
    gain = np.concatenate([table["gain"], both["other_gain"]]) / FULL_SCALE
    low = pack.offsets_samples[clip]
    return Voices(
        stream=rows["stream"],
        start=rows["start_samples"],
        count=rows["length_samples"],
        first=rows["source_samples"] + shift,
        low=low,
        high=low + pack.lengths_samples[clip],
        percent=rows["speed_percent"],
        room=rows["room"],
        gain=gain.astype(np.float32),
    )


@dataclass(frozen=True)
class Sounds:
    """What is heard in a window and, where it does not lie on the device, the samples themselves."""

    background: Voices
    events: Voices
    samples: tuple[Tensor, Tensor] | None = None
    """int16 [n] for each of the two: its voices' places count in it; None: in the packs"""

    def pin_memory(self) -> Sounds:
        return self._changed(lambda samples: samples.pin_memory())

    def to(self, device: torch.device) -> Sounds:
        return self._changed(lambda samples: samples.to(device, non_blocking=True))

    def _changed(self, change: Callable[[Tensor], Tensor]) -> Sounds:
        if self.samples is None:
            return self
        background, events = self.samples
        return replace(self, samples=(change(background), change(events)))


class Planner:
    """From a window's plan to its voices; knows where the clips of two packs lie and never reads them."""

    def __init__(self, pack: Pack, background: Pack) -> None:
        self._pack, self._background = pack, background

    def sounds(self, window: Window) -> Sounds:
        return Sounds(voices(window.background, self._background), voices(window.events, self._pack))


class Mixer:
    """Makes the audio of windows.

    Args:
        samples: all of the background's and of the events' samples, int16 [n], on `device`; None where every `Sounds`
            brings its own.
        augment, seed: the rooms are drawn from them.
    """

    def __init__(
        self,
        samples: tuple[Tensor, Tensor] | None,
        augment: AugmentSettings,
        rate_hz: int,
        seed: int,
        device: torch.device,
    ) -> None:
        self._samples, self._device = samples, device
        self._rooms = Rooms(augment, rate_hz, seed, device) if augment.room else None

    def mix(self, sounds: Sounds, streams: int, window_samples: int) -> Tensor:
        """float32 [B, samples], limited to full scale as a converter does."""
        tiles = -(-window_samples // TILE)
        audio = torch.zeros(streams, tiles * TILE, device=self._device)
        found = sounds.samples or self._samples
        if found is None:
            raise ValueError("this mixer holds no packs: wanted sounds that bring their samples")
        for samples, heard in zip(found, (sounds.background, sounds.events), strict=True):
            plain = (heard.percent == 100) & (heard.room < 0)
            as_recorded, varied = heard[plain], heard[~plain]
            _add(audio, samples, as_recorded.low + as_recorded.first, as_recorded.high, as_recorded)
            if len(varied):
                self._lay_varied(audio, samples, varied)
        return audio[:, :window_samples].clamp_(-1.0, 1.0).contiguous()

    def _lay_varied(self, audio: Tensor, samples: Tensor, heard: Voices) -> None:
        """Voices at other speeds, in rooms, or both."""
        echoes = heard.room >= 0
        history = room_history(heard, self._rooms.samples if self._rooms else 1)
        count = heard.count + history
        played, low = play(samples, heard.first - history, count, heard.low, heard.high, heard.percent)
        begin = low + history
        _add(audio, played, begin[~echoes], (low + count)[~echoes], heard[~echoes])
        if echoes.any() and self._rooms is not None:
            wet = heard[echoes]
            sound, begin = reverberate(played, begin[echoes], low[echoes], wet.count, wet.room, self._rooms)
            _add(audio, sound, begin, begin + wet.count, wet)


def _add(audio: Tensor, samples: Tensor, begin: np.ndarray, high: np.ndarray, heard: Voices) -> None:
    """Add voices to the audio of their streams; a voice that would reach `high` in `samples` ends there."""
    count = np.clip(high - begin, 0, heard.count)
    add_parts(audio, samples, begin, count, heard.stream, heard.start, heard.gain)


def room_history(heard: Voices, room_samples: int) -> np.ndarray:
    """Samples before a part that still sound in it, int64 [V]: a room's length, no more than the sound has."""
    return np.where(heard.room >= 0, np.minimum(heard.first, room_samples - 1), 0)


def resident(pack: Pack, background: Pack, device: torch.device) -> tuple[Tensor, Tensor]:
    """All samples of background and events as a `Mixer` takes them; on the CPU they stay on disk until read."""
    return _tensor(background, device), _tensor(pack, device)


def _tensor(pack: Pack, device: torch.device) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the file cannot be written to; nobody does
        return torch.from_numpy(pack.samples).to(device)
