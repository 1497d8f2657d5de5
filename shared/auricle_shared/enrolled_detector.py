"""Enrolled sounds in a running stream: frames with their embeddings in, events out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .embeddings import frame_weigher
from .enrolment import EnrolledSound
from .events import Event, EventDetector
from .metadata import ModelMetadata
from .stream import StreamFrames

WAIT_SECONDS = 0.3
"""Frames are looked at together, so many at least: calling NumPy costs more than what it computes here, and the moving
means of enrolled sounds are not much shorter."""


class EnrolledDetector:
    """The same event detector that the classes have, on scores of enrolled sounds.

    Args:
        metadata: of the model that the sounds were enrolled with.
    """

    def __init__(self, sounds: Sequence[EnrolledSound], metadata: ModelMetadata) -> None:
        self.names = tuple(sound.name for sound in sounds)
        self._weigh = frame_weigher(metadata)
        self._directions = np.stack([sound.direction for sound in sounds], axis=1)  # [D, P]
        frame_seconds = metadata.hop_samples / metadata.rate_hz
        self._wait_frames = round(WAIT_SECONDS / frame_seconds)
        self._detector = EventDetector(self.names, [sound.settings for sound in sounds], frame_seconds)
        self._waiting: list[StreamFrames] = []
        self._frames = 0

    def update(self, frames: StreamFrames) -> list[Event]:
        """Events of the next frames, in the order they became certain; the score may be above 1."""
        self._waiting.append(frames)
        self._frames += len(frames.scores)
        return self._look() if self._frames >= self._wait_frames else []

    def _look(self) -> list[Event]:
        waiting, self._waiting, self._frames = self._waiting, [], 0
        if not waiting:
            return []
        embedding = np.concatenate([frames.embedding for frames in waiting])
        scores = embedding @ self._directions
        scores *= self._weigh(np.concatenate([frames.scores for frames in waiting]))[:, None]
        return self._detector.update(scores, waiting[0].start_seconds)

    def finish(self, end_seconds: float) -> list[Event]:
        """End of the stream: frames that still wait are looked at, and events that are still on end here."""
        return [*self._look(), *self._detector.finish(end_seconds)]

    def reset(self) -> None:
        """Forget the frames before a gap; events that were on should be ended with `finish` first."""
        self._waiting, self._frames = [], 0
        self._detector.reset()
