"""Proof that the exported file gives training's numbers: two scorers on the same audio, in every shape it comes."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import IO, Any

import numpy as np

from auricle_shared.pack import Pack, to_float
from auricle_shared.scorer import ScoredFrames, Scorer, zero_state
from auricle_shared.spectrogram import pad_to_hop

BOUNDS = {"logits": 1e-4, "scores": 1e-5, "state": 1e-5, "embedding": 1e-5}
ROUNDING_FACTOR, MOST_OVER_BOUND = 3.0, 10.0
"""Two right programs in float32 differ by their rounding. Where torch's own rounding, seen against float64 on the same
audio, comes near a bound, three times that rounding is allowed, and never more than ten times the bound."""
BLOCK_FRAMES = (1, 2, 3, 7, 8, 100)
CARRIED_SECONDS = 600.0
BLOCK_SECONDS = 6.0


@dataclass
class Difference:
    """Largest absolute differences found so far."""

    logits: float = 0.0
    scores: float = 0.0
    state: float = 0.0
    embedding: float = 0.0

    def note(self, a: ScoredFrames, b: ScoredFrames) -> None:
        for name in BOUNDS:
            one, other = getattr(a, name), getattr(b, name)
            if one is not None and other is not None:
                setattr(self, name, max(getattr(self, name), _largest(one - other)))

    def join(self, other: Difference) -> None:
        for name in BOUNDS:
            setattr(self, name, max(getattr(self, name), getattr(other, name)))

    def within(self, bounds: dict[str, float]) -> bool:
        return all(value <= bounds[key] for key, value in self.to_dict().items())

    def to_dict(self) -> dict[str, float]:
        return asdict(self)


@dataclass
class ParityReport:
    checks: dict[str, Difference] = field(default_factory=dict)
    rounding: Difference = field(default_factory=Difference)
    """of the reference itself, against the oracle in float64"""
    warnings: str = ""
    """what ONNX Runtime printed; must be empty"""
    largest_score: float = 0.0
    smallest_score: float = 1.0
    """scores that all lie near one value would hide a difference"""

    @property
    def bounds(self) -> dict[str, float]:
        seen = self.rounding.to_dict()
        return {k: min(max(b, ROUNDING_FACTOR * seen[k]), MOST_OVER_BOUND * b) for k, b in BOUNDS.items()}

    @property
    def passed(self) -> bool:
        return all(d.within(self.bounds) for d in self.checks.values()) and not self.warnings

    def to_dict(self) -> dict[str, Any]:
        worst = {key: max(d.to_dict()[key] for d in self.checks.values()) for key in BOUNDS}
        return {
            "passed": self.passed,
            "max_abs_error": worst["scores"],
            "logits_max_abs_error": worst["logits"],
            "state_max_abs_error": worst["state"],
            "embedding_max_abs_error": worst["embedding"],
            "bounds": self.bounds,
            "rounding": self.rounding.to_dict(),
            "blocks": {name: d.to_dict() for name, d in self.checks.items()},
            "score_range": [self.smallest_score, self.largest_score],
            "warnings": self.warnings,
        }

    def as_text(self) -> str:
        lines = [f"{'what':34}  logits    scores    state     embedding"]
        for name, d in self.checks.items():
            lines.append(_row(name, d.to_dict()) + ("" if d.within(self.bounds) else "   <- too far apart"))
        lines.append(_row("rounding (torch against float64)", self.rounding.to_dict()))
        lines.append(_row("bound", self.bounds))
        if self.warnings:
            lines.append(f"ONNX Runtime printed warnings:\n{self.warnings}")
        lines.append("parity holds" if self.passed else "PARITY FAILS: do not use this model")
        return "\n".join(lines)


def _row(name: str, values: dict[str, float]) -> str:
    return f"{name:34}  " + "   ".join(f"{values[key]:.1e}" for key in BOUNDS)


def compare(
    reference: Scorer,
    candidate: Scorer,
    pack: Pack | None = None,
    carried_seconds: float = CARRIED_SECONDS,
    oracle: Scorer | None = None,
) -> ParityReport:
    """Run both scorers over the same audio: whole clips, blocks of many sizes, several streams, a long carried state.

    Args:
        reference: what was trained. candidate: what was exported.
        pack: real clips to use beside the made audio.
        oracle: a third scorer in float64, compared with the candidate on a short piece, and with the reference for its
            rounding.
    """
    report = ParityReport()
    hop, rate = reference.metadata.hop_samples, reference.metadata.rate_hz
    long = made_audio(carried_seconds, rate)
    block_audio = _whole_hops(long[: round(BLOCK_SECONDS * rate)], hop)
    with captured_stderr() as printed:
        for name, clip in _clips(pack, rate):
            _compare_blocks(report, f"whole clips, {name}", reference, candidate, pad_to_hop(clip, hop)[None], [10**9])
        for frames in BLOCK_FRAMES:
            _compare_blocks(report, f"blocks of {frames} frames", reference, candidate, block_audio[None], [frames])
        ragged = np.random.default_rng(5).integers(1, 30, size=1000).tolist()
        _compare_blocks(report, "ragged blocks", reference, candidate, block_audio[None], ragged)
        three = np.stack([block_audio, block_audio[::-1], np.roll(block_audio, rate)])
        _compare_blocks(report, "3 streams in a batch", reference, candidate, three, [13])
        carried = _whole_hops(long, hop)[None]
        name = f"{carried_seconds / 60:g} minutes of carried state"
        _compare_blocks(report, name, reference, candidate, carried, [100])
        if oracle is not None:
            _compare_blocks(report, "NumPy in float64", oracle, candidate, block_audio[None], [8])
            report.rounding = _difference(reference, oracle, carried, [100])
            report.rounding.join(_difference(reference, oracle, block_audio[None], [1]))
        printed.seek(0)
        report.warnings = printed.read().decode(errors="replace").strip()
    return report


def made_audio(seconds: float, rate_hz: int, seed: int = 0) -> np.ndarray:
    """Noise whose level and colour wander, tones, clicks, silence and full scale: float32 [n]."""
    rng = np.random.default_rng(seed)
    n = round(seconds * rate_hz)
    t = np.arange(n) / rate_hz
    level = 10 ** (-1.5 + 1.5 * np.sin(2 * np.pi * t / 7.3))
    audio = level * rng.standard_normal(n) * 0.3
    audio += 0.5 * np.sin(2 * np.pi * (200 + 150 * np.sin(t)) * t) * (np.sin(2 * np.pi * t / 1.7) > 0.3)
    audio[rng.integers(0, n, size=max(1, n // rate_hz))] = 1.0
    audio[(t % 11.0 > 2.0) & (t % 11.0 < 3.0)] = 0.0
    return np.clip(audio, -1.0, 1.0).astype(np.float32)


def _clips(pack: Pack | None, rate_hz: int) -> Iterator[tuple[str, np.ndarray]]:
    if pack is None or not len(pack):
        for k in range(8):
            yield "made", made_audio(0.3 + 0.37 * k, rate_hz, seed=k + 1)
        return
    for i in np.linspace(0, len(pack) - 1, num=min(24, len(pack))).astype(int):
        yield "recorded", to_float(pack.audio(int(i)))


def _compare_blocks(
    report: ParityReport, name: str, a: Scorer, b: Scorer, audio: np.ndarray, frames: list[int]
) -> None:
    found = _difference(a, b, audio, frames, report)
    report.checks.setdefault(name, Difference()).join(found)


def _difference(
    a: Scorer, b: Scorer, audio: np.ndarray, frames: list[int], report: ParityReport | None = None
) -> Difference:
    """Feed the same blocks to both, each carrying its own state."""
    hop, position, turn = a.metadata.hop_samples, 0, 0
    difference = Difference()
    judge_a, judge_b = (x.embed if x.metadata.embedding_size else x for x in (a, b))
    state_a, state_b = zero_state(a.metadata, len(audio)), zero_state(b.metadata, len(audio))
    while position < audio.shape[1]:
        block = np.ascontiguousarray(audio[:, position : position + frames[turn % len(frames)] * hop])
        from_a, from_b = (run(block, state) for run, state in ((judge_a, state_a), (judge_b, state_b)))
        difference.note(from_a, from_b)
        if report is not None:
            report.largest_score = max(report.largest_score, float(from_b.scores.max()))
            report.smallest_score = min(report.smallest_score, float(from_b.scores.min()))
        state_a, state_b = from_a.state, from_b.state
        position, turn = position + block.shape[1], turn + 1
    return difference


def _whole_hops(audio: np.ndarray, hop: int) -> np.ndarray:
    return audio[: len(audio) // hop * hop]


def _largest(difference: np.ndarray) -> float:
    """The largest absolute value; a NaN counts as infinitely far."""
    return float(np.nan_to_num(np.abs(difference), nan=np.inf).max(initial=0.0))


@contextmanager
def captured_stderr() -> Iterator[IO[bytes]]:
    """Everything that goes to file descriptor 2, also from C++, in a file instead."""
    with tempfile.TemporaryFile() as printed:
        sys.stderr.flush()
        kept = os.dup(2)
        os.dup2(printed.fileno(), 2)
        try:
            yield printed
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
