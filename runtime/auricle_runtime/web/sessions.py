"""Visitors: each has a resampler, a classifier's state and an event detector of their own, for a bounded time."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from auricle_shared.audio import MAX_RATE_HZ, MIN_RATE_HZ, Resampler
from auricle_shared.events import EventDetector
from auricle_shared.stream import StreamingClassifier

from .batching import BatchingScorer
from .errors import RefusedError
from .recording import Recording
from .settings import WebSettings

log = logging.getLogger(__name__)

SCORE_DECIMALS = 6
LOOK_SECONDS = 1.0
"""How often visitors are looked through for those who went away."""
LOUDEST = 8.0
"""A browser's samples may pass 1 a little; what is beyond this is no sound."""


class Session:
    """One visitor's stream, at the rate of their microphone.

    Blocks are numbered from 0. A block that is sent again, because its answer got lost, gets the same answer and is not
    heard twice.
    """

    def __init__(self, scorer: BatchingScorer, rate_hz: int, settings: WebSettings, now_seconds: float) -> None:
        self.id = secrets.token_urlsafe(16)
        self.rate_hz = rate_hz
        self._settings = settings
        self._seat = scorer.seat()
        self._resampler = Resampler(rate_hz, scorer.metadata.rate_hz)
        self._classifier = StreamingClassifier(self._seat)
        self._detector = EventDetector.for_model(scorer.metadata)
        self._recording = Recording(settings.record_folder, scorer.metadata.rate_hz) if settings.record_folder else None
        self._lock = threading.Lock()
        self._next_block = 0
        self._answer: dict[str, Any] = {}
        self._heard_samples = 0
        self.opened_seconds = self.last_seconds = now_seconds

    def hear(self, number: int, samples: np.ndarray, now_seconds: float) -> dict[str, Any]:
        """Score block `number`, samples [n] float32 at the visitor's rate; returns what the page is told.

        Raises:
            RefusedError: not the next block (409), audio that is none (400), or much faster than time (429).
        """
        if not self._lock.acquire(blocking=False):
            raise RefusedError(409, "The block before this one is still being scored. Send one at a time.")
        try:
            self.last_seconds = now_seconds
            if self._answer and number == self._next_block - 1:
                return self._answer
            if number != self._next_block:
                raise RefusedError(
                    409, f"Block {number} came; wanted block {self._next_block}.", wanted_block=self._next_block
                )
            self._check(samples, now_seconds)
            self._answer = self._score(number, samples)
            self._next_block += 1
            return self._answer
        finally:
            self._lock.release()

    def _check(self, samples: np.ndarray, now_seconds: float) -> None:
        seconds = len(samples) / self.rate_hz
        if seconds > self._settings.max_post_seconds:
            raise RefusedError(
                413, f"A block of {seconds:.1f} s came; wanted at most {self._settings.max_post_seconds:g} s."
            )
        loudest = float(np.abs(samples).max(initial=0.0))  # NaN where any value is NaN
        if not loudest <= LOUDEST:
            raise RefusedError(400, f"The block holds a value of {loudest:g}; wanted numbers in [-1, 1].")
        allowed = now_seconds - self.opened_seconds + self._settings.max_ahead_seconds
        ahead = self._heard_samples / self.rate_hz + seconds - allowed
        if ahead > 0:
            raise RefusedError(429, "The audio comes faster than time passes. Slow down.", retry_seconds=ahead)

    def _score(self, number: int, samples: np.ndarray) -> dict[str, Any]:
        began, waited = time.perf_counter(), self._seat.seconds
        audio = self._resampler.feed(samples)
        resampling_seconds = time.perf_counter() - began
        frames = self._classifier.feed(audio)
        events = self._detector.update(frames.scores, frames.start_seconds)
        self._heard_samples += len(samples)
        self._record(audio)
        return {
            "block": number,
            "start_seconds": round(frames.start_seconds, 6),
            "scores": np.round(frames.scores.astype(np.float64), SCORE_DECIMALS).tolist(),
            "events": [event.to_dict() for event in events],
            "compute_seconds": round(resampling_seconds + self._seat.seconds - waited, 6),
        }

    def _record(self, audio: np.ndarray) -> None:
        if self._recording is None:
            return
        try:
            self._recording.write(audio)
        except OSError as error:  # a full disk ends the recording, not the visit
            log.error("Recording to %s stopped: %s", self._recording.path, error)
            self._recording = None

    def close(self) -> None:
        with self._lock:
            if self._recording is not None:
                self._recording.close()
                self._recording = None


class Sessions:
    """All visitors; bounded in number and age.

    Args:
        clock: seconds that never run backwards.
    """

    def __init__(
        self, scorer: BatchingScorer, settings: WebSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._scorer, self._settings, self._clock = scorer, settings, clock
        self._sessions: dict[str, Session] = {}
        self._look_again_seconds = 0.0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._sessions)

    def open(self, rate_hz: object) -> Session:
        """A new visitor. Raises RefusedError: a rate that is none (400), or too many visitors (429)."""
        if not isinstance(rate_hz, int) or isinstance(rate_hz, bool) or not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
            raise RefusedError(
                400, f"rate_hz is {rate_hz!r}; wanted a whole number from {MIN_RATE_HZ} to {MAX_RATE_HZ}."
            )
        self._drop_old()
        with self._lock:
            if len(self._sessions) >= self._settings.max_sessions:
                raise RefusedError(
                    429, f"{len(self._sessions)} visitors are here already, and no more fit. Try again later.",
                    retry_seconds=self._settings.idle_seconds,
                )  # fmt: skip
            session = Session(self._scorer, rate_hz, self._settings, self._clock())
            self._sessions[session.id] = session
        return session

    def find(self, session_id: str) -> Session:
        """Raises RefusedError for a visitor who is not known any more (404)."""
        self._drop_old()
        session = self._sessions.get(session_id)
        if session is None:
            raise RefusedError(404, "This visit is over, or the server was started anew. Open a new session.")
        return session

    def hear(self, session: Session, number: int, samples: np.ndarray) -> dict[str, Any]:
        """Score a visitor's next block. Raises RefusedError, as `Session.hear` does."""
        return session.hear(number, samples, self._clock())

    def close(self, session_id: str) -> None:
        with self._lock:
            session = self._sessions.pop(session_id, None)
        if session is not None:
            session.close()

    def close_all(self) -> None:
        for session_id in list(self._sessions):
            self.close(session_id)

    def _drop_old(self) -> None:
        now = self._clock()
        if now < self._look_again_seconds:  # a crowd asks hundreds of times a second
            return
        self._look_again_seconds = now + LOOK_SECONDS
        idle_since = now - self._settings.idle_seconds
        opened_since = now - self._settings.max_session_seconds
        with self._lock:
            old = [
                s.id for s in self._sessions.values() if s.last_seconds < idle_since or s.opened_seconds < opened_since
            ]
        for session_id in old:
            self.close(session_id)
