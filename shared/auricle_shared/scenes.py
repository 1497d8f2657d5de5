"""A scene: an endless labelled stream in which background runs on and events come at random times.

Everything in it is a function of (seed, stream, time). Training takes the next window of many streams, evaluation and
the demo take minutes of one: the same object with other seeds and other recordings.

    background   ~~~~~~~~~~~~~~~~~~~~~~~~~~~~|~~~~~~~~~~~~~~~~~~~~~~~~     pieces of recordings, one after another
    events            [ yes ]     [ stop ][ go ]           [ no ]          one after another, never two at once
    windows      |--------------|--------------|--------------|            what a training step sees of the stream
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .draws import Purpose, shuffled, uniform
from .errors import DataError
from .metadata import BACKGROUND
from .pack import Pack
from .scene_settings import SceneSettings as SceneSettings
from .scene_window import Placed as Placed
from .scene_window import Window as Window
from .scene_window import cut
from .scene_window import render as render
from .variation import (
    PLAIN,
    ROOMS,
    AugmentSettings,
    Partners,
    Variation,
    amplitude,
    between,
    level_db,
    mixing_gains,
    steps,
)

LOUDEST_DB = -9.0
"""Level to which an event is limited, root mean square of its active frames re full scale."""
LONG_AGO, NEVER = -(2**62), 2**62
"""An event's end in a stream that had none, and the start of one that does not come, in samples."""

EVENT_PURPOSES = np.array(
    [Purpose.SPEED, Purpose.IN_A_ROOM, Purpose.ROOM, Purpose.MIXED, Purpose.MIXED_WITH, Purpose.MIXED_SHARE]
)


class Order:
    """Which clip is the n-th of an endless shuffled list."""

    def __init__(self, seed: int, labels: Sequence[tuple[str, ...]], balance: str) -> None:
        self._seed = seed
        by_class: dict[str, list[int]] = {}
        for i, names in enumerate(labels):
            for name in names if balance == "balanced" else ("",):
                by_class.setdefault(name, []).append(i)
        self._classes = [by_class[name] for name in sorted(by_class)]

    def __getitem__(self, n: int) -> int:
        count = len(self._classes)
        turn, place = divmod(n, count)
        chosen = int(shuffled(self._seed, turn, count, 1)[place]) if count > 1 else 0
        members = self._classes[chosen]
        round_number, position = divmod(turn, len(members))
        return members[int(shuffled(self._seed, round_number, len(members), 2 + chosen)[position])]


class SceneStreams:
    """The next window of B streams, and the next, and the next.

    Args:
        pack, clips: where events come from, and which of its clips.
        background, recordings: where the background comes from; its labels do not matter.
        streams: B.
        window_samples: samples in a window.
        seed: everything is drawn from it.
        first_stream: number of the first stream, so that several processes can own different ones.
        all_streams: streams of all these processes together; None: this one owns them all. The clips are dealt to them.
        augment: how events and background differ from their recordings.
    """

    def __init__(
        self,
        pack: Pack,
        clips: Sequence[int],
        background: Pack,
        recordings: Sequence[int],
        settings: SceneSettings,
        streams: int,
        window_samples: int,
        seed: int,
        first_stream: int = 0,
        all_streams: int | None = None,
        augment: AugmentSettings | None = None,
    ) -> None:
        if not len(clips) or not len(recordings):
            raise DataError("A scene needs at least one clip for events and one recording for the background.")
        self.pack, self.background, self.settings = pack, background, settings
        self.augment = augment or AugmentSettings()
        self._varies = bool(self.augment.mix) or not self.augment.copies_alone
        self._partners = Partners(pack.clips, clips if self.augment.mix else (), BACKGROUND)
        self.window_samples, self.rate_hz, self._seed = window_samples, pack.rate_hz, seed
        self._clips, self._recordings = list(clips), list(recordings)
        self._order = Order(seed, [pack.clips[i].labels for i in clips], settings.balance)
        self._streams = np.arange(streams) + first_stream
        self._all_streams = all_streams or streams
        if self._streams[-1] >= self._all_streams:
            raise ValueError(
                f"stream {self._streams[-1]} of {self._all_streams}: wanted first_stream + streams <= all_streams"
            )
        self._number = 0
        self._event = np.zeros(streams, np.int64)  # number of the stream's next event
        self._piece = np.zeros(streams, np.int64)  # number of the stream's next background piece
        self._current: list[Placed | None] = [None] * streams
        self._playing: list[Placed | None] = [None] * streams
        # From the start of the coming window: where the next event begins, and where the last one ended.
        self._next_start = np.zeros(streams, np.int64)
        self._ended = np.full(streams, LONG_AGO)
        self._level_db = np.zeros(streams)
        self._clean = np.zeros(streams, bool)
        self._gain_db = np.zeros(streams)

    @property
    def mean_period_seconds(self) -> float:
        """Expected time from one event to the next."""
        seconds = np.mean([self.pack.clips[i].length_samples for i in self._clips]) / self.rate_hz
        played = np.mean([100 / percent for percent in self.augment.speeds_percent])
        gap = self.settings.gap_minimum_seconds + self.settings.gap_seconds
        period = float(seconds * played) + (1 - self.settings.adjoining) * gap
        return period / (1 - self.settings.background_only)

    def skip_to(self, number: int) -> None:
        """Go forward to window `number` without rendering."""
        while self._number < number:
            self.next_window()

    def next_window(self) -> Window:
        reset = self._draw(Purpose.RESET, self._number) < self.settings.reset
        reset |= self._number == 0
        for stream in np.flatnonzero(reset):
            self._begin(int(stream))
        ended = self._ended.copy()
        events: list[Placed] = []
        background: list[Placed] = []
        for k in range(len(self._streams)):
            events += self._events_of(k)
            if not self._clean[k]:
                background += self._background_of(k)
        self._number += 1
        return Window(self._number - 1, reset, ended, events, background)

    def _draw(self, purpose: Purpose, number: int | np.ndarray) -> np.ndarray:
        return uniform(self._seed, purpose, self._streams, np.asarray(number))

    def _one(self, purpose: Purpose, stream: int, number: int) -> float:
        return float(uniform(self._seed, purpose, self._streams[stream], np.asarray(number)))

    def _begin(self, stream: int) -> None:
        """A stream begins: new background, new level; some begin with an event."""
        self._current[stream] = self._playing[stream] = None
        self._ended[stream] = LONG_AGO
        settings = self.settings
        self._clean[stream] = self._one(Purpose.CLEAN, stream, self._number) < settings.clean
        u = self._one(Purpose.BACKGROUND_LEVEL, stream, self._number)
        self._level_db[stream] = between(u, settings.background_low_db, settings.background_high_db)
        u = self._one(Purpose.STREAM_GAIN, stream, self._number)
        self._gain_db[stream] = between(u, self.augment.gain_low_db, self.augment.gain_high_db)
        at_once = self._one(Purpose.STARTS_AT_ONCE, stream, self._number) < settings.starts_at_once
        self._next_start[stream] = 0 if at_once else self._gap(stream)
        if self._one(Purpose.BACKGROUND_ONLY, stream, self._number) < settings.background_only:
            self._next_start[stream] = NEVER

    def _gap(self, stream: int) -> int:
        u = self._one(Purpose.GAP, stream, int(self._event[stream]))
        settings = self.settings
        return int((settings.gap_minimum_seconds - np.log1p(-u) * settings.gap_seconds) * self.rate_hz)

    def _events_of(self, stream: int) -> list[Placed]:
        """Parts of events in this window; afterwards all times count from the next window's start."""
        found = []
        current = self._current[stream]
        while True:
            if current is None:
                if self._next_start[stream] >= self.window_samples:
                    break
                current = self._new_event(stream, int(self._next_start[stream]))
            part, current = cut(current, self.window_samples)
            found.append(part)
            if current is not None:
                break
            end = part.start_samples + part.length_samples
            if self.pack.clips[part.clip].labels != (BACKGROUND,):
                self._ended[stream] = end
            adjoins = self._one(Purpose.ADJOINS, stream, int(self._event[stream])) < self.settings.adjoining
            self._next_start[stream] = end + (0 if adjoins else self._gap(stream))
        self._current[stream] = current
        if current is None:
            self._next_start[stream] -= self.window_samples
        self._ended[stream] = max(LONG_AGO, self._ended[stream] - self.window_samples)
        return found

    def _new_event(self, stream: int, start: int) -> Placed:
        number = int(self._event[stream])
        self._event[stream] += 1
        clip_number = self._clips[self._order[number * self._all_streams + int(self._streams[stream])]]
        clip = self.pack.clips[clip_number]
        gain = self._event_gain(stream, number, clip.active_rms)
        variation, gain = self._variation(stream, number, clip_number, gain)
        length = variation.played_samples(clip.length_samples)
        return Placed(stream, clip_number, 0, start, length, gain, start, variation=variation)

    def _event_gain(self, stream: int, number: int, active_rms: float) -> float:
        """Gain that brings an event of this level to its drawn place over the background, limited to LOUDEST_DB."""
        settings = self.settings
        own_db = level_db(active_rms)
        if self._clean[stream]:
            change_db = between(self._one(Purpose.GAIN, stream, number), settings.gain_low_db, settings.gain_high_db)
        else:
            snr_db = between(self._one(Purpose.SNR, stream, number), settings.snr_low_db, settings.snr_high_db)
            change_db = self._level_db[stream] + snr_db - own_db
        return amplitude(min(change_db + self._gain_db[stream], LOUDEST_DB - own_db))

    def _variation(self, stream: int, number: int, clip: int, gain: float) -> tuple[Variation, float]:
        """What is drawn for an event, and its clip's gain: less where a second clip sounds beside it."""
        augment = self.augment
        if not self._varies:
            return PLAIN, gain
        speed, in_a_room, room, mixed, mixed_with, share = uniform(
            self._seed, EVENT_PURPOSES, self._streams[stream], np.asarray(number)
        ).tolist()
        percent = steps(speed, augment.speeds_percent)
        place = int(room * ROOMS) if in_a_room < augment.room else -1
        other = self._partners.partner(clip, mixed_with) if mixed < augment.mix else -1
        if other < 0:
            return Variation(percent, place), gain
        levels = [max(self.pack.clips[i].active_rms, 1e-6) for i in (clip, other)]
        first, second = mixing_gains(share)
        other_gain = second * gain * levels[0] / levels[1]
        return Variation(percent, place, other, other_gain=other_gain, share=share), first * gain

    def _background_of(self, stream: int) -> list[Placed]:
        found, position = [], 0
        while position < self.window_samples:
            playing = self._playing[stream] or self._new_piece(stream, position)
            part, self._playing[stream] = cut(playing, self.window_samples)
            found.append(part)
            position = part.start_samples + part.length_samples
        return found

    def _new_piece(self, stream: int, start: int) -> Placed:
        number = int(self._piece[stream])
        self._piece[stream] += 1
        chosen = self._recordings[int(self._one(Purpose.RECORDING, stream, number) * len(self._recordings))]
        clip = self.background.clips[chosen]
        wanted = (0.3 + 0.7 * self._one(Purpose.PIECE_LENGTH, stream, number)) * self.settings.piece_seconds
        length = max(1, min(clip.length_samples, int(wanted * self.rate_hz)))
        source = int(self._one(Purpose.RECORDING_START, stream, number) * (clip.length_samples - length + 1))
        gain = 10 ** ((self._level_db[stream] + self._gain_db[stream]) / 20) / max(clip.active_rms, 1e-6)
        piece = Placed(stream, chosen, source, start, length, float(gain), begun_samples=start)
        if self.augment.ambient and self._one(Purpose.AMBIENT, stream, number) < self.augment.ambient:
            return self._with_ambient(piece, number)
        return piece

    def _with_ambient(self, piece: Placed, number: int) -> Placed:
        """The piece with a second recording under it; together they are as loud as it was alone."""
        purposes = np.array([Purpose.AMBIENT_RECORDING, Purpose.AMBIENT_START, Purpose.AMBIENT_LEVEL])
        recording, start, level = uniform(self._seed, purposes, self._streams[piece.stream], np.asarray(number))
        others = [i for i in self._recordings if i != piece.clip]
        if not others:
            return piece
        other = others[int(recording * len(others))]
        clip, first = self.background.clips[other], self.background.clips[piece.clip]
        begin = int(start * max(1, clip.length_samples - piece.length_samples + 1))
        ratio = amplitude(between(level, self.augment.ambient_low_db, self.augment.ambient_high_db))
        gain = piece.gain / (1 + ratio**2) ** 0.5
        variation = Variation(
            other=other,
            other_shift_samples=begin - piece.source_samples,
            other_gain=gain * ratio * max(first.active_rms, 1e-6) / max(clip.active_rms, 1e-6),
        )
        return replace(piece, gain=gain, variation=variation)
