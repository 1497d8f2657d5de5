"""How many microphones one core carries: streams scored together, more and more of them until time runs out."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from auricle_shared.events import EventDetector
from auricle_shared.scorer import Scorer
from auricle_shared.stream import STREAMS_PER_CALL, StreamingBatch

from . import Lengths
from .machine import made_audio, percentiles_ms

BLOCK_MS = 80
FIRST, MOST = 8, 1 << 15
APART = 7919
"""A prime: streams hear the same recording from starts that many samples apart."""
CLOSE_ENOUGH = 1.06
"""The search ends where what fits and what does not are this near to each other."""


@dataclass(frozen=True)
class Step:
    """So many streams together."""

    streams: int
    feed_cpu_share: float
    """CPU seconds of `feed` for all streams, a second of audio; above 1 the core cannot keep up"""
    events_cpu_share: float
    """the same of an event detector each"""
    p50_ms: float
    p99_ms: float
    """wall time to score a block of all streams"""

    def to_dict(self) -> dict[str, float]:
        return {
            "streams": self.streams,
            "feed_cpu_share": round(self.feed_cpu_share, 4),
            "events_cpu_share": round(self.events_cpu_share, 4),
            "cpu_ms_per_second_and_stream": round(1000 * self.feed_cpu_share / self.streams, 4),
            "p50_ms": self.p50_ms,
            "p99_ms": self.p99_ms,
        }


def measure_streams(scorer: Scorer, lengths: Lengths, all_at_once: bool = False) -> dict[str, Any]:
    """One stream, then twice as many each time, then between the last that fits and the first that does not.

    Args:
        all_at_once: score all streams in one call, as a GPU wants it.
    """
    steps = [_measure(scorer, 1, lengths, all_at_once)]
    while steps[-1].feed_cpu_share <= 1 and steps[-1].streams < MOST:
        steps.append(_measure(scorer, max(FIRST, 2 * steps[-1].streams), lengths, all_at_once))
    fits, too_many = (steps[-1], None) if steps[-1].feed_cpu_share <= 1 else (steps[-2], steps[-1])
    while too_many is not None and too_many.streams > max(CLOSE_ENOUGH * fits.streams, fits.streams + 1):
        middle = _measure(scorer, round((fits.streams * too_many.streams) ** 0.5), lengths, all_at_once)
        steps.append(middle)
        fits, too_many = (middle, too_many) if middle.feed_cpu_share <= 1 else (fits, middle)
    with_events = [s.streams for s in steps if s.feed_cpu_share + s.events_cpu_share <= 1]
    return {
        "block_ms": BLOCK_MS,
        "fit": fits.streams,
        "fit_with_events": max(with_events, default=0),
        "stops_at": None if too_many is None else too_many.to_dict(),
        "steps": [step.to_dict() for step in sorted(steps, key=lambda s: s.streams)],
    }


def _measure(scorer: Scorer, streams: int, lengths: Lengths, all_at_once: bool) -> Step:
    rate_hz = scorer.metadata.rate_hz
    batch = StreamingBatch(scorer, streams, streams_per_call=streams if all_at_once else STREAMS_PER_CALL)
    detectors = [EventDetector.for_model(scorer.metadata) for _ in range(streams)]
    recording = made_audio(10.0, rate_hz)
    size = BLOCK_MS * rate_hz // 1000
    starts = np.arange(streams)[:, None] * APART + np.arange(size)
    walls, feed_cpu, events_cpu = [], 0.0, 0.0
    blocks = max(3, round(lengths.streams * 1000 / BLOCK_MS))
    for number in range(-1, blocks):  # the first one warms up
        samples = recording[(starts + number * size) % len(recording)]
        began, cpu = time.perf_counter(), time.process_time()
        frames = batch.feed(samples)
        fed, fed_cpu = time.perf_counter(), time.process_time()
        for detector, scores in zip(detectors, frames.scores, strict=True):
            detector.update(scores, frames.start_seconds)
        if number >= 0:
            walls.append(fed - began)
            feed_cpu += fed_cpu - cpu
            events_cpu += time.process_time() - fed_cpu
    seconds = blocks * BLOCK_MS / 1000
    return Step(streams, feed_cpu / seconds, events_cpu / seconds, **percentiles_ms(walls))
