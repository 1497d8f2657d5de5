"""Leading a person through a session: level check, countdown, take, verdict, and what they want to do with it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from auricle_shared.errors import DataError, DeviceError

from .ear import Ear
from .folder import SessionFolder
from .take import LOUD_ROOM_DB, Take, decibels, judge_room, judge_take, level_of_room

CHECK_SECONDS = 2.0
REFUSED_IN_A_ROW = 5
"""Then something is wrong that another attempt will not mend."""
ROOM_PIECE_SECONDS = 10.0
METER_CELLS, METER_DB = 30, 60.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class SessionSettings:
    takes: int
    seconds: float
    """of a take, before the silence is trimmed"""
    countdown_seconds: int
    play: bool
    """play every take back"""
    review: bool
    """ask after every take"""


class Session:
    """One label, one sitting.

    Args:
        tell: lines for the person.
        meter: the same place in the last line again and again, or None where nobody looks.
        play: plays samples [n], and returns when it has.
        ask: gives the person's answer to a question.
        kept: is told of every file that was written.
    """

    def __init__(
        self,
        ear: Ear,
        folder: SessionFolder,
        rate_hz: int,
        tell: Say,
        meter: Say | None = None,
        play: Callable[[np.ndarray], None] | None = None,
        ask: Callable[[str], str] | None = None,
        kept: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        self._ear, self._folder, self._rate_hz = ear, folder, rate_hz
        self._tell, self._meter, self._play, self._ask, self._kept = tell, meter, play, ask, kept

    def check_level(self) -> float:
        """The room's level in dB. Raises DeviceError: the microphone gives nothing."""
        self._tell(f"Level check: {CHECK_SECONDS:g} s of silence, please.")
        heard = self._ear.take(CHECK_SECONDS, self._look)
        problem = judge_room(heard.samples)
        room_db = level_of_room(heard.samples, self._rate_hz)
        if problem and "full scale" not in problem:
            raise DeviceError(f"The level check heard {problem}.")
        self._tell(f"  the room is at {room_db:.0f} dB re full scale, its peak at {_peak_db(heard.samples):.0f} dB")
        if problem:
            self._tell(f"  Warning: {problem}.")
        elif room_db > LOUD_ROOM_DB:
            self._tell(f"  Warning: that is loud (above {LOUD_ROOM_DB:g} dB): turn the gain down or find a quiet hour.")
        return room_db

    def record_takes(self, room_db: float, settings: SessionSettings) -> None:
        """Until there are enough, or the person has had enough.

        Raises:
            DataError: REFUSED_IN_A_ROW takes were refused one after the other.
        """
        refused, done = 0, 0
        while done < settings.takes:
            self._count_down(done + 1, settings)
            heard = self._ear.take(settings.seconds, self._look)
            take = judge_take(heard.samples, self._rate_hz, room_db, heard.lost)
            if take.problem:
                refused += 1
                self._tell(f"  refused: {take.problem}.")
                if refused == REFUSED_IN_A_ROW:
                    raise DataError(f"{refused} takes in a row were refused; the last one: {take.problem}.")
                continue
            refused = 0
            self._tell(f"  {take.seconds:.2f} s, peak {take.peak_db:.0f} dB")
            answer = self._answer(take, settings)
            if answer == "q":
                return
            if answer != "r":
                self._keep(take.samples, take.to_dict())
                done += 1

    def record_room(self, seconds: float) -> None:
        """The sound of the room, whole, in pieces that lie end to end."""
        left = seconds
        while left > 0:
            heard = self._ear.take(min(left, ROOM_PIECE_SECONDS), self._look)
            left -= len(heard.samples) / self._rate_hz
            problem = judge_room(heard.samples, heard.lost)
            if problem:
                self._tell(f"  left out: {problem}.")
            else:
                self._keep(heard.samples, {"seconds": round(len(heard.samples) / self._rate_hz, 3),
                                           "peak_db": round(_peak_db(heard.samples), 1), "problem": ""})  # fmt: skip
            self._tell(f"  {max(0.0, left):.0f} s to go")
        if not self._folder.count:
            raise DataError("Nothing that was heard can be used, so nothing was written.")

    def _count_down(self, number: int, settings: SessionSettings) -> None:
        self._tell(f"Take {number} of {settings.takes}: get ready.")
        for left in range(settings.countdown_seconds, 0, -1):
            self._tell(f"  {left}")
            time.sleep(1)
        self._tell(f"  now! ({settings.seconds:g} s)")

    def _answer(self, take: Take, settings: SessionSettings) -> str:
        """'' keep, 'r' again, 'q' stop."""
        if settings.play and self._play:
            self._play(take.samples)
        while settings.review and self._ask:
            answer = self._ask("  Enter: keep   p: play   r: record again   q: stop ").strip().lower()[:1]
            if answer != "p":
                return answer
            if self._play:
                self._play(take.samples)
        return ""

    def _keep(self, samples: np.ndarray, facts: dict[str, Any]) -> None:
        path = self._folder.add(samples)
        if self._kept:
            self._kept({"path": str(path), "session": self._folder.session, **facts})

    def _look(self, samples: np.ndarray) -> None:
        if self._meter and len(samples):
            cells = round(METER_CELLS * min(1.0, max(0.0, 1 + _peak_db(samples) / METER_DB)))
            self._meter(f"  |{'#' * cells:{METER_CELLS}}| {_peak_db(samples):4.0f} dB")


def _peak_db(samples: np.ndarray) -> float:
    return decibels(float(np.abs(samples).max(initial=0.0)))
