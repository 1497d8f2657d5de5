"""Enrolled sounds in a running stream: frames with their embeddings in, events out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .embeddings import frame_weights
from .enrolment import EnrolledSound
from .events import Event, EventDetector
from .metadata import ModelMetadata
from .stream import StreamFrames


class EnrolledDetector:
    """The same event detector that the classes have, on scores of enrolled sounds.

    Args:
        metadata: of the model that the sounds were enrolled with.
    """

    def __init__(self, sounds: Sequence[EnrolledSound], metadata: ModelMetadata) -> None:
        self.names = tuple(sound.name for sound in sounds)
        self._metadata = metadata
        self._directions = np.stack([sound.direction for sound in sounds], axis=1)  # [D, P]
        frame_seconds = metadata.hop_samples / metadata.rate_hz
        self._detector = EventDetector(self.names, [sound.settings for sound in sounds], frame_seconds)

    def update(self, frames: StreamFrames) -> list[Event]:
        """Events of the next frames, in the order they became certain; the score may be above 1."""
        assert frames.embedding is not None, "the stream was opened without embed=True"
        scores = frames.embedding @ self._directions
        scores *= frame_weights(frames.scores, self._metadata)[:, None]
        return self._detector.update(scores, frames.start_seconds)

    def finish(self, end_seconds: float) -> list[Event]:
        return self._detector.finish(end_seconds)

    def reset(self) -> None:
        self._detector.reset()
