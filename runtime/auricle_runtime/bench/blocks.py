"""One stream in blocks of several lengths, back to back and paced like a microphone."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from auricle_shared.enrolled_detector import EnrolledDetector
from auricle_shared.scorer import Scorer

from ..listener import Listener
from ..sources import Block
from . import Lengths
from .machine import made_audio, percentiles_ms

BLOCKS_MS = (10, 20, 80, 1000)
PACED_BLOCK_MS = 80
ENROLLED_TIMES = 5
"""times as much audio for the cost of enrolled sounds: a few per cent are to be seen"""
TURN_BLOCKS = 12


def measure_blocks(scorer: Scorer, block_ms: int, lengths: Lengths) -> dict[str, float]:
    """Blocks back to back through the whole of classifier and detector; the best round, as others only add."""
    audio = made_audio(lengths.blocks, scorer.metadata.rate_hz)
    blocks = _cut(audio, block_ms, scorer.metadata.rate_hz)
    rounds = [_time_blocks(scorer, blocks, 0.0) for _ in range(lengths.rounds)]
    return min(rounds, key=lambda found: found["cpu_ms_per_second"])


def measure_paced(scorer: Scorer, lengths: Lengths) -> dict[str, float]:
    """Between two blocks the caches and the core go cold: what a step costs in a program that really listens."""
    rate_hz = scorer.metadata.rate_hz
    return _time_blocks(
        scorer, _cut(made_audio(lengths.paced, rate_hz), PACED_BLOCK_MS, rate_hz), PACED_BLOCK_MS / 1000
    )


def measure_enrolled(scorer: Scorer, enrolled: EnrolledDetector, lengths: Lengths) -> dict[str, float]:
    """Two listeners, one with enrolled sounds, hear the same blocks in turns, so that both meet the same machine."""
    rate_hz = scorer.metadata.rate_hz
    blocks = _cut(made_audio(ENROLLED_TIMES * lengths.blocks, rate_hz), PACED_BLOCK_MS, rate_hz)
    listeners = (Listener(scorer, []), Listener(scorer, [], enrolled=enrolled))
    turns: list[list[float]] = []
    for start in range(0, len(blocks) - TURN_BLOCKS + 1, TURN_BLOCKS):
        cpu = []
        for listener in listeners:
            began = time.thread_time()
            for number in range(start, start + TURN_BLOCKS):
                listener.hear(Block(blocks[number], number * PACED_BLOCK_MS / 1000))
            cpu.append(1e6 * (time.thread_time() - began) / (TURN_BLOCKS * PACED_BLOCK_MS))
        turns.append(cpu)
    without, with_them = np.median(turns, axis=0).round(4).tolist()
    return {
        "sounds": len(enrolled.names),
        "cpu_ms_per_second": with_them,
        "cpu_ms_per_second_without": without,
        "more_share": round(with_them / without - 1, 4),
    }


def _cut(audio: np.ndarray, block_ms: int, rate_hz: int) -> list[np.ndarray]:
    size = block_ms * rate_hz // 1000
    return [audio[i : i + size] for i in range(0, len(audio), size)]


def _time_blocks(scorer: Scorer, blocks: Sequence[np.ndarray], every_seconds: float) -> dict[str, float]:
    listener = Listener(scorer, [])
    rate_hz = scorer.metadata.rate_hz
    walls, start_seconds = [], 0.0
    cpu = time.process_time()
    for samples in blocks:
        if every_seconds:
            time.sleep(every_seconds)
        began = time.perf_counter()
        listener.hear(Block(samples, start_seconds))
        walls.append(time.perf_counter() - began)
        start_seconds += len(samples) / rate_hz
    cpu_ms_per_second = 1000 * (time.process_time() - cpu) / start_seconds
    return {
        "cpu_ms_per_second": round(cpu_ms_per_second, 4),
        "times_real_time": round(1000 / cpu_ms_per_second, 1),
        **percentiles_ms(walls),
    }
