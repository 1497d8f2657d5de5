"""A scene: an endless labelled stream in which background runs on and events come at random times.

Everything in it is a function of (seed, stream, time). Training takes the next window of many streams, evaluation and
the demo take minutes of one: the same object with other seeds and other recordings.

    background   ~~~~~~~~~~~~~~~~~~~~~~~~~~~~|~~~~~~~~~~~~~~~~~~~~~~~~     pieces of recordings, one after another
    events            [ yes ]     [ stop ][ go ]           [ no ]          one after another, never two at once
    windows      |--------------|--------------|--------------|            what a training step sees of the stream
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .draws import Draws, Purpose
from .errors import DataError
from .metadata import BACKGROUND
from .pack import Pack
from .scene_order import Order
from .scene_settings import SceneSettings as SceneSettings
from .scene_window import COLUMNS, Parts, play_window
from .scene_window import Placed as Placed
from .scene_window import Window as Window
from .scene_window import render as render
from .variation import ROOMS, AugmentSettings, Partners, amplitude, between, level_db, mixing_gains, steps

LOUDEST_DB = -9.0
"""Level to which an event is limited, root mean square of its active frames re full scale."""
LONG_AGO, NEVER = -(2**62), 2**62
"""An event's end in a stream that had none, and the start of one that does not come, in samples."""

BEGIN_PURPOSES = np.array(
    [Purpose.CLEAN, Purpose.BACKGROUND_LEVEL, Purpose.STREAM_GAIN, Purpose.STARTS_AT_ONCE, Purpose.BACKGROUND_ONLY]
)
LEVEL_PURPOSES = np.array([Purpose.GAIN, Purpose.SNR])
EVENT_PURPOSES = np.array(
    [Purpose.SPEED, Purpose.IN_A_ROOM, Purpose.ROOM, Purpose.MIXED, Purpose.MIXED_WITH, Purpose.MIXED_SHARE]
)
PIECE_PURPOSES = np.array([Purpose.RECORDING, Purpose.PIECE_LENGTH, Purpose.RECORDING_START])
AMBIENT_PURPOSES = np.array([Purpose.AMBIENT_RECORDING, Purpose.AMBIENT_START, Purpose.AMBIENT_LEVEL])


class SceneStreams:
    """The next window of B streams, and the next, and the next.

    All streams are planned at once, by columns: what follows takes `streams`, the rows of those that are meant.

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
        self._clips, self._recordings = np.array(clips, np.int64), np.array(recordings, np.int64)
        self._order = Order(seed, pack.label_codes[self._clips], pack.label_sets, settings.balance)
        self._lengths, self._rms = pack.lengths_samples, pack.levels
        self._is_background = np.array([labels == (BACKGROUND,) for labels in pack.label_sets])[pack.label_codes]
        self._room_lengths, self._room_rms = background.lengths_samples, background.levels
        self._streams = np.arange(streams) + first_stream
        self._draw = Draws(seed, self._streams)
        self._all_streams = all_streams or streams
        if self._streams[-1] >= self._all_streams:
            raise ValueError(
                f"stream {self._streams[-1]} of {self._all_streams}: wanted first_stream + streams <= all_streams"
            )
        self._number = 0
        self._event = np.zeros(streams, np.int64)  # number of the stream's next event
        self._piece = np.zeros(streams, np.int64)  # number of the stream's next background piece
        # What each stream plays at the moment, and whether it does.
        self._events, self._in_event = np.zeros(streams, COLUMNS), np.zeros(streams, bool)
        self._pieces, self._in_piece = np.zeros(streams, COLUMNS), np.zeros(streams, bool)
        # From the start of the coming window: where the next event begins, and where the last one ended.
        self._next_start = np.zeros(streams, np.int64)
        self._ended = np.full(streams, LONG_AGO)
        self._level_db = np.zeros(streams)
        self._clean = np.zeros(streams, bool)
        self._gain_db = np.zeros(streams)

    @property
    def mean_period_seconds(self) -> float:
        """Expected time from one event to the next."""
        seconds = self._lengths[self._clips].mean() / self.rate_hz
        played = np.mean([100 / percent for percent in self.augment.speeds_percent])
        gap = self.settings.gap_minimum_seconds + self.settings.gap_seconds
        period = float(seconds * played) + (1 - self.settings.adjoining) * gap
        return period / (1 - self.settings.background_only)

    def skip_to(self, number: int) -> None:
        """Go forward to window `number` without rendering."""
        while self._number < number:
            self.next_window()

    def next_window(self) -> Window:
        everyone = np.arange(len(self._streams))
        reset = self._draw(Purpose.RESET, everyone, self._number) < self.settings.reset
        reset |= self._number == 0
        self._begin(np.flatnonzero(reset))
        ended = self._ended.copy()
        events = self._events_of(everyone)
        background = self._background_of(np.flatnonzero(~self._clean))
        self._number += 1
        return Window(self._number - 1, reset, ended, events, background)

    def _begin(self, streams: np.ndarray) -> None:
        """Streams begin: new background, new level; some begin with an event."""
        if not len(streams):
            return
        settings, augment = self.settings, self.augment
        self._in_event[streams] = self._in_piece[streams] = False
        self._ended[streams] = LONG_AGO
        clean, level, gain, at_once, alone = self._draw(BEGIN_PURPOSES, streams, self._number)
        self._clean[streams] = clean < settings.clean
        self._level_db[streams] = between(level, settings.background_low_db, settings.background_high_db)
        self._gain_db[streams] = between(gain, augment.gain_low_db, augment.gain_high_db)
        start = np.where(at_once < settings.starts_at_once, 0, self._gap(streams))
        self._next_start[streams] = np.where(alone < settings.background_only, NEVER, start)

    def _gap(self, streams: np.ndarray) -> np.ndarray:
        u = self._draw(Purpose.GAP, streams, self._event[streams])
        seconds = self.settings.gap_minimum_seconds - np.log1p(-u) * self.settings.gap_seconds
        return (seconds * self.rate_hz).astype(np.int64)

    def _events_of(self, streams: np.ndarray) -> Parts:
        """Parts of events in this window; afterwards all times count from the next window's start."""
        found = []
        while len(streams := streams[self._in_event[streams] | (self._next_start[streams] < self.window_samples)]):
            self._new_events(streams[~self._in_event[streams]])
            parts, over = play_window(self._events, streams, self.window_samples)
            found.append(parts)
            streams, parts = streams[~over], parts[~over]
            end = parts["start_samples"] + parts["length_samples"]
            heard = ~self._is_background[parts["clip"]]
            self._ended[streams[heard]] = end[heard]
            self._in_event[streams] = False
            adjoins = self._draw(Purpose.ADJOINS, streams, self._event[streams]) < self.settings.adjoining
            self._next_start[streams] = end + np.where(adjoins, 0, self._gap(streams))
        self._next_start[~self._in_event] -= self.window_samples
        self._ended = np.maximum(LONG_AGO, self._ended - self.window_samples)
        return in_order(found)

    def _new_events(self, streams: np.ndarray) -> None:
        if not len(streams):
            return
        numbers, start = self._event[streams], self._next_start[streams]
        self._event[streams] += 1
        clips = self._clips[self._choose(streams, numbers)]
        new = np.zeros(len(streams), COLUMNS)
        new["stream"], new["clip"], new["start_samples"], new["begun_samples"] = streams, clips, start, start
        new["gain"] = self._event_gain(streams, numbers, clips)
        self._vary(new, streams, numbers)
        new["length_samples"] = -(-self._lengths[clips] * 100 // new["speed_percent"])
        self._events[streams], self._in_event[streams] = new, True

    def _choose(self, streams: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """Which of the clips are these streams' events number `numbers`."""
        places, together = self._streams[streams], self.settings.clips_per_class
        turns = numbers * self._all_streams + places
        if not together:
            return self._order[turns]
        groups = -(-self._all_streams // together)
        return self._order.of_groups(self._number * groups + places // together, turns)

    def _event_gain(self, streams: np.ndarray, numbers: np.ndarray, clips: np.ndarray) -> np.ndarray:
        """Gains that bring events to their drawn places over the background, limited to LOUDEST_DB."""
        settings, own_db = self.settings, level_db(self._rms[clips])
        gain, snr = self._draw(LEVEL_PURPOSES, streams, numbers)
        in_silence_db = between(gain, settings.gain_low_db, settings.gain_high_db)
        snr_db = between(snr, settings.snr_low_db, settings.snr_high_db)
        change_db = np.where(self._clean[streams], in_silence_db, self._level_db[streams] + snr_db - own_db)
        return np.asarray(amplitude(np.minimum(change_db + self._gain_db[streams], LOUDEST_DB - own_db)))

    def _vary(self, new: np.ndarray, streams: np.ndarray, numbers: np.ndarray) -> None:
        """What is drawn for events; where a second clip sounds beside the first, the first one's gain is less."""
        new["speed_percent"], new["room"], new["other"], new["share"] = 100, -1, -1, 1.0
        if not self._varies:
            return
        augment, clips = self.augment, new["clip"]
        speed, in_a_room, room, mixed, mixed_with, share = self._draw(EVENT_PURPOSES, streams, numbers)
        new["speed_percent"] = steps(speed, augment.speeds_percent)
        new["room"] = np.where(in_a_room < augment.room, (room * ROOMS).astype(np.int64), -1)
        other = np.where(mixed < augment.mix, self._partners.partner(clips, mixed_with), -1)
        both = other >= 0
        first, second = mixing_gains(share)
        levels = [np.maximum(self._rms[i], 1e-6) for i in (clips, other)]
        new["other"] = other
        new["share"] = np.where(both, share, 1.0)
        new["other_gain"] = np.where(both, second * new["gain"] * levels[0] / levels[1], 0.0)
        new["gain"] *= np.where(both, first, 1.0)

    def _background_of(self, streams: np.ndarray) -> Parts:
        found, position = [], np.zeros(len(self._streams), np.int64)
        while len(streams):
            self._new_pieces(streams[~self._in_piece[streams]], position)
            parts, over = play_window(self._pieces, streams, self.window_samples)
            found.append(parts)
            self._in_piece[streams] = over
            position[streams] = parts["start_samples"] + parts["length_samples"]
            streams = streams[position[streams] < self.window_samples]
        return in_order(found)

    def _new_pieces(self, streams: np.ndarray, position: np.ndarray) -> None:
        if not len(streams):
            return
        numbers = self._piece[streams]
        self._piece[streams] += 1
        recording, share, start = self._draw(PIECE_PURPOSES, streams, numbers)
        clips = self._recordings[(recording * len(self._recordings)).astype(np.int64)]
        wanted = (0.3 + 0.7 * share) * self.settings.piece_seconds
        whole = self._room_lengths[clips]
        length = np.maximum(1, np.minimum(whole, (wanted * self.rate_hz).astype(np.int64)))
        new = np.zeros(len(streams), COLUMNS)
        new["stream"], new["clip"], new["length_samples"] = streams, clips, length
        new["start_samples"] = new["begun_samples"] = position[streams]
        new["source_samples"] = start * (whole - length + 1)
        level_db = self._level_db[streams] + self._gain_db[streams]
        new["gain"] = amplitude(level_db) / np.maximum(self._room_rms[clips], 1e-6)
        new["speed_percent"], new["room"], new["other"], new["share"] = 100, -1, -1, 1.0
        if self.augment.ambient and len(self._recordings) > 1:
            self._lay_under(new, streams, numbers)
        self._pieces[streams], self._in_piece[streams] = new, True

    def _lay_under(self, new: np.ndarray, streams: np.ndarray, numbers: np.ndarray) -> None:
        """A second recording under some pieces; together they are as loud as the first was alone."""
        under = self._draw(Purpose.AMBIENT, streams, numbers) < self.augment.ambient
        if not under.any():
            return
        pieces = new[under]
        recording, start, level = self._draw(AMBIENT_PURPOSES, streams[under], numbers[under])
        place = (recording * (len(self._recordings) - 1)).astype(np.int64)
        own = np.argmax(self._recordings == pieces["clip"][:, None], axis=1)
        others = self._recordings[place + (place >= own)]
        rest = np.maximum(1, self._room_lengths[others] - pieces["length_samples"] + 1)
        ratio = amplitude(between(level, self.augment.ambient_low_db, self.augment.ambient_high_db))
        levels = [np.maximum(self._room_rms[i], 1e-6) for i in (pieces["clip"], others)]
        pieces["gain"] /= (1 + ratio**2) ** 0.5
        pieces["other"] = others
        pieces["other_shift_samples"] = (start * rest).astype(np.int64) - pieces["source_samples"]
        pieces["other_gain"] = pieces["gain"] * ratio * levels[0] / levels[1]
        new[under] = pieces


def in_order(found: list[np.ndarray]) -> Parts:
    """Parts found round by round, stream by stream and in each by time."""
    parts = np.concatenate(found) if found else np.zeros(0, COLUMNS)
    return Parts(parts[np.argsort(parts["stream"], kind="stable")])
