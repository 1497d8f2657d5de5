"""Two ways of judging the same clips: which one is better, and whether chance alone would explain it.

Most clips are right both ways or wrong both ways and say nothing. The test looks at those that changed; the interval
belongs to the difference of the two shares, which is far surer than the two shares' own intervals suggest.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .accuracy import Z_95


@dataclass(frozen=True)
class McNemar:
    """McNemar's exact test (Psychometrika 12, 1947, with the binomial distribution): of the n clips that changed, as
    many should have changed one way as the other if neither way were better."""

    only_first: int
    """clips that only the first got right"""
    only_second: int
    """clips that only the second got right"""
    p: float
    """two-sided: chance of a split at least as uneven; 1 where nothing changed"""

    @property
    def n(self) -> int:
        return self.only_first + self.only_second

    def to_dict(self) -> dict[str, Any]:
        return {"n": self.n, **asdict(self)}


@dataclass(frozen=True)
class Difference:
    """Share right of the second less that of the first, -1 to 1, with its 95 % interval."""

    difference: float
    interval_95: tuple[float, float]

    def to_dict(self) -> dict[str, Any]:
        return {"difference": self.difference, "interval_95": list(self.interval_95)}


def mcnemar(first: np.ndarray, second: np.ndarray) -> McNemar:
    """Args: first, second: bool [n], right or wrong, the same clips in the same order."""
    first, second = np.asarray(first, bool), np.asarray(second, bool)
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(f"shapes {first.shape} and {second.shape}; wanted the same clips twice, [n]")
    only_first, only_second = int((first & ~second).sum()), int((~first & second).sum())
    return McNemar(only_first, only_second, _two_sided(min(only_first, only_second), only_first + only_second))


def _two_sided(fewer: int, n: int) -> float:
    """Twice the chance of at most `fewer` heads in n tosses of a fair coin, at most 1."""
    tosses = math.lgamma(n + 1) - n * math.log(2)
    tail = math.fsum(math.exp(tosses - math.lgamma(k + 1) - math.lgamma(n - k + 1)) for k in range(fewer + 1))
    return min(1.0, 2.0 * tail)


def paired_difference(first: np.ndarray, second: np.ndarray) -> Difference:
    """Second less first over the same clips, with an interval that knows which outcomes belong together.

    For one outcome a clip this is the interval of Bonett and Price (J. Educ. Behav. Stat. 37, 2012): the differences of
    the clips and of two made ones, one better and one worse, as a normal mean. It does not collapse where no clip
    changed, and holds its 95 % for few clips (Fagerland, Lydersen, Laake, Stat. Med. 33, 2014). Where a clip was judged
    several times (orders), its mean is one outcome: clips are what was drawn, not judgements. Where several trained
    nets judged (runs), the variance between the nets' differences is added to that between clips, so that the
    interval is about training again and other clips; what a net does with a single clip counts in both, to the safe
    side.

    Args:
        first, second: shares right of each clip, 0 to 1: [n], or [runs, n] with run k of one paired with run k of
            the other (the same seed). The point estimate is the plain mean.
    """
    change = np.atleast_2d(np.asarray(second, np.float64)) - np.atleast_2d(np.asarray(first, np.float64))
    runs, n = change.shape
    if not n:
        return Difference(0.0, (-1.0, 1.0))
    clips = np.append(change.mean(0), [1.0, -1.0])
    variance = clips.var() / len(clips)
    if runs > 1:
        variance += change.mean(1).var(ddof=1) / runs
    middle, half = clips.mean(), Z_95 * math.sqrt(variance)
    return Difference(float(change.mean()), (max(-1.0, float(middle - half)), min(1.0, float(middle + half))))
