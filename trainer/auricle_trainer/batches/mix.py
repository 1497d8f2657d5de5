"""The audio of a planned window as operations on whole tensors, on any device: what the plan drew is applied here.

a part of the plan  ->  one or two voices (mixed clips)  ->  speed  ->  room  ->  gain, sum, full scale
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from auricle_shared.pack import Pack
from auricle_shared.scene_window import Parts, Window, render
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


def voices(parts: Parts, offsets: np.ndarray, lengths: np.ndarray) -> Voices:
    """A voice for every part, and another for each second clip that sounds with it.

    Args:
        offsets, lengths: int64, where each clip of the pack lies.
    """
    table = parts.table
    both = table[table["other"] >= 0]
    rows = np.concatenate([table, both])
    clip = np.concatenate([table["clip"], both["other"]])
    shift = np.concatenate([np.zeros(len(table), np.int64), both["other_shift_samples"]])
    gain = np.concatenate([table["gain"], both["other_gain"]]) / FULL_SCALE
    low = offsets[clip]
    return Voices(
        stream=rows["stream"],
        start=rows["start_samples"],
        count=rows["length_samples"],
        first=rows["source_samples"] + shift,
        low=low,
        high=low + lengths[clip],
        percent=rows["speed_percent"],
        room=rows["room"],
        gain=gain.astype(np.float32),
    )


class Mixer:
    """Renders windows of one pair of packs.

    Args:
        seed: the rooms are drawn from it.
    """

    def __init__(self, pack: Pack, background: Pack, augment: AugmentSettings, seed: int, device: torch.device) -> None:
        self._packs = (background, pack)
        self._samples = tuple(_tensor(p, device) for p in self._packs)
        self._places = tuple(places(p) for p in self._packs)
        self._rooms = Rooms(augment, pack.rate_hz, seed, device) if augment.room else None
        self._device = device

    def mix(self, window: Window, streams: int, window_samples: int) -> Tensor:
        """float32 [B, samples], limited to full scale as a converter does."""
        tiles = -(-window_samples // TILE)
        audio = torch.zeros(streams, tiles * TILE, device=self._device)
        planned = (window.background, window.events)
        for samples, where, parts in zip(self._samples, self._places, planned, strict=True):
            heard = voices(parts, *where)
            plain = (heard.percent == 100) & (heard.room < 0)
            as_recorded, varied = heard[plain], heard[~plain]
            _add(audio, samples, as_recorded.low + as_recorded.first, as_recorded.high, as_recorded)
            if len(varied):
                self._lay_varied(audio, samples, varied)
        return audio[:, :window_samples].clamp_(-1.0, 1.0).contiguous()

    def _lay_varied(self, audio: Tensor, samples: Tensor, heard: Voices) -> None:
        """Voices at other speeds, in rooms, or both."""
        echoes = heard.room >= 0
        history = np.where(echoes, np.minimum(heard.first, self._rooms.samples - 1 if self._rooms else 0), 0)
        count = heard.count + history
        played, low = play(samples, heard.first - history, count, heard.low, heard.high, heard.percent)
        begin = low + history
        _add(audio, played, begin[~echoes], (low + count)[~echoes], heard[~echoes])
        if echoes.any() and self._rooms is not None:
            wet = heard[echoes]
            sound, begin = reverberate(played, begin[echoes], low[echoes], wet.count, wet.room, self._rooms)
            _add(audio, sound, begin, begin + wet.count, wet)


def places(pack: Pack) -> tuple[np.ndarray, np.ndarray]:
    """Offset and length of every clip, int64."""
    return np.array([c.offset_samples for c in pack.clips]), np.array([c.length_samples for c in pack.clips])


def _add(audio: Tensor, samples: Tensor, begin: np.ndarray, high: np.ndarray, heard: Voices) -> None:
    """Add voices to the audio of their streams; a voice that would reach `high` in `samples` ends there."""
    count = np.clip(high - begin, 0, heard.count)
    add_parts(audio, samples, begin, count, heard.stream, heard.start, heard.gain)


def renderer(
    pack: Pack, background: Pack, augment: AugmentSettings, seed: int, streams: int, window_samples: int
) -> Callable[[Window], Tensor]:
    """What makes the audio of planned windows on the CPU, [B, samples]: NumPy's copies where nothing else is asked."""
    if augment.copies_alone:
        return lambda window: torch.from_numpy(render(window, pack, background, streams, window_samples))
    mixer = Mixer(pack, background, augment, seed, torch.device("cpu"))
    return lambda window: mixer.mix(window, streams, window_samples)


def _tensor(pack: Pack, device: torch.device) -> Tensor:
    """All samples of a pack; on the CPU they stay on disk until they are read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the file cannot be written to; nobody does
        return torch.from_numpy(pack.samples).to(device)
