"""Scoring a recording that a visitor uploads: any format libsndfile reads, bounded in bytes, seconds and number."""

from __future__ import annotations

import tempfile
import threading
import time
from functools import partial
from typing import Any

import numpy as np

from auricle_shared.audio import AudioFile, Resampler
from auricle_shared.decision import decide_clip, frame_scores
from auricle_shared.errors import DataError
from auricle_shared.events import EventDetector
from auricle_shared.scorer import Scorer
from auricle_shared.stream import StreamingClassifier

from .aside import Aside
from .errors import RefusedError
from .sessions import SCORE_DECIMALS
from .settings import WebSettings

MAX_CHANNELS = 8
READ_SECONDS = 1.0


class Clips:
    """Takes uploads, a few at a time; keeps none.

    Args:
        scorer: called from several threads at once.
    """

    def __init__(self, scorer: Scorer, settings: WebSettings, aside: Aside) -> None:
        self._scorer, self._settings, self._aside = scorer, settings, aside
        self._free = threading.BoundedSemaphore(settings.max_clips_at_once)

    def score(self, data: bytes) -> dict[str, Any]:
        """Decide a whole recording, and tell its frames and events.

        Args:
            data: the file's bytes.

        Raises:
            RefusedError: no recording (400), too long (413), or too many at once (429).
        """
        if not self._free.acquire(blocking=False):
            raise RefusedError(429, "Other recordings are being scored. Try again in a moment.", retry_seconds=2.0)
        try:
            return self._aside(partial(self._work, data))
        finally:
            self._free.release()

    def _work(self, data: bytes) -> dict[str, Any]:
        return self._score(self._decode(data))

    def _decode(self, data: bytes) -> np.ndarray:
        """The file's bytes -> float32 [n] at the model's rate."""
        with tempfile.NamedTemporaryFile(prefix="auricle-clip-") as file:  # libsndfile wants to seek; gone afterwards
            file.write(data)
            file.flush()
            try:
                with AudioFile(file.name) as recording:
                    return self._read(recording)
            except DataError as error:
                raise RefusedError(400, str(error).replace(file.name, "The upload")) from error
            except (ValueError, OSError, EOFError) as error:
                raise RefusedError(400, f"The upload is not a recording that can be read ({error}).") from error

    def _read(self, recording: AudioFile) -> np.ndarray:
        if recording.channels > MAX_CHANNELS:
            raise RefusedError(400, f"The upload has {recording.channels} channels; wanted at most {MAX_CHANNELS}.")
        limit, rate_hz = self._settings.max_clip_seconds, recording.rate_hz
        resampler = Resampler(rate_hz, self._scorer.metadata.rate_hz)
        pieces, samples = [], 0
        for block in recording.blocks(round(READ_SECONDS * rate_hz)):
            samples += len(block)
            if samples > limit * rate_hz:  # counted, not believed: a header may claim anything
                raise RefusedError(413, f"The upload lasts over {limit:g} s. Cut it, or use auricle listen --wav.")
            pieces.append(resampler.feed(block))
        if not samples:
            raise RefusedError(400, "The upload holds no audio (0 samples could be read).")
        pieces.append(resampler.feed(np.zeros(0, np.float32), last=True))
        return np.concatenate(pieces)

    def _score(self, audio: np.ndarray) -> dict[str, Any]:
        began, meta = time.perf_counter(), self._scorer.metadata
        classifier, detector = StreamingClassifier(self._scorer), EventDetector.for_model(meta)
        parts = [classifier.feed(audio), classifier.flush()]
        logits, scores = (np.concatenate([getattr(p, name) for p in parts]) for name in ("logits", "scores"))
        seconds = len(audio) / meta.rate_hz
        events = detector.update(scores, 0.0) + detector.finish(seconds)
        winner, pooled = decide_clip(logits, range(len(meta.labels)), meta.spectrogram.hop_seconds)
        decided = frame_scores(pooled, meta.activation, meta.temperature)
        return {
            "label": meta.labels[winner],
            "clip_scores": dict(
                zip(meta.labels, np.round(decided.astype(float), SCORE_DECIMALS).tolist(), strict=True)
            ),
            "seconds": round(seconds, 6),
            "start_seconds": 0.0,
            "scores": np.round(scores.astype(np.float64), SCORE_DECIMALS).tolist(),
            "events": [event.to_dict() for event in events],
            "compute_seconds": round(time.perf_counter() - began, 6),
        }
