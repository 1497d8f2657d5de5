"""The sound around each event as a WAV file, to listen to, to check, to train with.

    ring buffer |  BEFORE  | event ...  | AFTER |        cut out once all of it was heard
                           onset      offset

20261123T081408.123Z_doorbell_0.97.wav. The oldest clips make room for new ones.
"""

from __future__ import annotations

import re
from collections import deque
from pathlib import Path
from typing import NamedTuple

import numpy as np

from auricle_shared.audio import write_wav
from auricle_shared.errors import DataError
from auricle_shared.pcm import to_int16
from auricle_shared.stream import StreamFrames

from ..sources import Block, Gap
from . import HeardEvent, Tell, iso_utc
from .queued import QueuedSink

BEFORE_SECONDS, AFTER_SECONDS = 1.0, 1.0
LONGEST_SECONDS = 30.0
"""Of a longer event, the beginning is kept."""
WAV_HEADER_BYTES = 44
CAPACITY_CLIPS = 8
"""Clips that wait for a slow disk: at most 8 MB"""
CLIP_NAME = re.compile(r"\d{8}T\d{6}\.\d{3}Z_.*_\d\.\d\d\.wav")


class Clip(NamedTuple):
    name: str
    samples: np.ndarray
    """int16 [n]"""


class _Wanted(NamedTuple):
    event: HeardEvent
    from_seconds: float
    until_seconds: float


class SavedClips(QueuedSink[Clip]):
    """Keeps the last seconds in memory and writes what belongs to an event, in a thread of its own.

    Args:
        folder: made if it is missing; only clips of our own names are ever removed from it.
        rate_hz: of the blocks.
        most_clips, most_bytes: the oldest clips in the folder are removed beyond either.
        tell: see QueuedSink.

    Raises:
        DataError: the folder cannot be used.
    """

    def __init__(self, folder: Path, rate_hz: int, most_clips: int, most_bytes: int, tell: Tell) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"--save-clips {folder}: {error.strerror}. Wanted: a folder to write to.") from error
        self._folder, self._rate_hz = folder, rate_hz
        self._most_clips, self._most_bytes = most_clips, most_bytes
        self._ring: deque[tuple[float, np.ndarray]] = deque()
        self._wanted: list[_Wanted] = []
        self._heard_until = 0.0
        super().__init__(f"Clips in {folder}", tell, CAPACITY_CLIPS)

    def heard(self, block: Block, frames: StreamFrames) -> None:
        if len(block.samples):
            self._ring.append((block.start_seconds, to_int16(block.samples)))
            self._heard_until = block.start_seconds + len(block.samples) / self._rate_hz
        if self._wanted and any(w.until_seconds <= self._heard_until for w in self._wanted):
            self._cut([w for w in self._wanted if w.until_seconds <= self._heard_until])
        self._forget_before(self._heard_until - LONGEST_SECONDS - 2 * BEFORE_SECONDS)

    def event(self, event: HeardEvent) -> None:
        begin = event.onset_seconds - BEFORE_SECONDS
        until = begin + LONGEST_SECONDS
        if event.offset_seconds is not None:
            until = min(until, event.offset_seconds + AFTER_SECONDS)
            known = [w for w in self._wanted if _same(w.event, event)]
            if not known:  # it was longer than the longest clip, and is written
                return
            self._wanted = [w for w in self._wanted if w not in known]
        self._wanted.append(_Wanted(event, begin, until))

    def gap(self, gap: Gap, at_seconds: float) -> None:
        """Nothing that follows belongs to what was before."""
        self._cut(self._wanted)
        self._ring.clear()

    def close(self) -> None:
        self._cut(self._wanted)
        super().close()

    def deliver(self, item: Clip) -> None:
        coming_bytes = WAV_HEADER_BYTES + 2 * len(item.samples)
        if coming_bytes > self._most_bytes:
            raise ValueError(f"a clip of {coming_bytes} bytes is more than the {self._most_bytes} allowed")
        self._make_room(coming_bytes)
        write_wav(self._folder / item.name, item.samples, self._rate_hz)

    def _cut(self, wanted: list[_Wanted]) -> None:
        for each in wanted:
            samples = self._between(each.from_seconds, each.until_seconds)
            if len(samples):
                self.put(Clip(clip_name(each.event), samples))
        self._wanted = [w for w in self._wanted if w not in wanted]

    def _between(self, from_seconds: float, until_seconds: float) -> np.ndarray:
        if not self._ring:
            return np.zeros(0, np.int16)
        joined = np.concatenate([samples for _, samples in self._ring])
        began = self._ring[0][0]
        start, end = (max(0, round((t - began) * self._rate_hz)) for t in (from_seconds, until_seconds))
        return joined[start:end].copy()

    def _forget_before(self, seconds: float) -> None:
        while len(self._ring) > 1 and self._ring[1][0] <= seconds:
            self._ring.popleft()

    def _make_room(self, coming_bytes: int) -> None:
        clips = sorted(p for p in self._folder.iterdir() if CLIP_NAME.fullmatch(p.name))
        sizes = [p.stat().st_size for p in clips]
        total, count = sum(sizes), len(clips)
        for path, size in zip(clips, sizes, strict=True):
            if count + 1 <= self._most_clips and total + coming_bytes <= self._most_bytes:
                return
            path.unlink(missing_ok=True)
            total, count = total - size, count - 1


def clip_name(event: HeardEvent) -> str:
    moment = iso_utc(event.onset_utc).replace("-", "").replace(":", "")
    label = re.sub(r"[^\w-]", "-", event.label)[:60]
    return f"{moment}_{label}_{event.score:.2f}.wav"


def _same(a: HeardEvent, b: HeardEvent) -> bool:
    return a.label == b.label and a.onset_seconds == b.onset_seconds
