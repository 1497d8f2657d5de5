"""Scoring labelled clips with any scorer, three ways: alone, after a second of background, with the state carried.

    alone               [ clip ]                       from zero state
    after background    ~~~~[ clip ]                   from zero state
    carried             ~~~~[ clip ]~~~~[ clip ]~~~    through all clips, in several random orders

A microphone never stops, so the third is what a device does. What it loses against the second is a figure of merit:
the network has then learnt to forget.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .accuracy import wilson_interval
from .errors import DataError
from .metadata import BACKGROUND, ModelMetadata
from .outcome import Outcome, decide, pooled
from .pack import Clip, Pack
from .paired import paired_difference
from .playlists import Turn, play
from .scorer import Scorer

BATCH_CLIPS = 64
STREAMS = 8
"""Streams that the clips of one order are dealt to, scored side by side."""
ORDERS = 5
"""Random orders in which the state is carried through the clips."""
BETWEEN_SECONDS = 1.0
"""Background before each clip when the state is carried."""
BEFORE_SECONDS = 1.0
"""Background before a clip that begins a stream."""
APART = 7919
"""A prime: streams hear the background from starts that many gaps apart."""

Progress = Callable[[int, int], None]
Scored = Iterator[tuple[int, np.ndarray]]
"""(place in the list of clips, logits [F, C] of the clip's own frames)"""


@dataclass(frozen=True)
class Carried:
    """How the state is carried through the clips."""

    background: np.ndarray
    """float32 [n], played on and on between the clips"""
    between_seconds: float = BETWEEN_SECONDS
    """0: clips back to back"""
    orders: int = ORDERS
    seed: int = 0
    """the orders are those of seed, seed + 1, ..."""


def check_data(metadata: ModelMetadata, pack: Pack, clips: Sequence[int]) -> None:
    """Raises DataError where model and data cannot be compared."""
    if pack.rate_hz != metadata.rate_hz:
        raise DataError(
            f"The pack {pack.path} has {pack.rate_hz} Hz, the model hears {metadata.rate_hz} Hz. "
            f"Import the recordings with --rate {metadata.rate_hz}."
        )
    if not clips:
        splits = ", ".join(f"{k or '(none)'}: {v}" for k, v in pack.info["splits"].items())
        raise DataError(f"No clips of that split in {pack.path}. It has {splits}.")
    reported = {metadata.report_as.get(label, label) for label in metadata.labels}
    unknown = sorted(set(pack.counts(clips)) - set(metadata.labels) - reported - {BACKGROUND})
    if unknown:
        raise DataError(
            f"The data have labels that the model does not know: {', '.join(unknown)}. "
            f"The model knows {', '.join(metadata.labels)}."
        )
    several = next((pack.clips[i] for i in clips if len(pack.clips[i].labels) != 1), None)
    if several is not None and metadata.activation == "softmax":
        raise DataError(
            f"The clip {several.source or several.sha256[:16]} has {len(several.labels)} labels; the model says one "
            "sound at a time. Train a model on data with several labels for it, or leave such clips out."
        )


def alone(scorer: Scorer, pack: Pack, clips: Sequence[int], progress: Progress | None = None) -> Scored:
    """Each clip whole and from the start of a stream."""
    return _each(scorer, pack, clips, np.zeros(0, np.float32), 0, progress)


def after_background(
    scorer: Scorer, pack: Pack, clips: Sequence[int], background: np.ndarray, progress: Progress | None = None
) -> Scored:
    """Each clip whole, in a stream that began with BEFORE_SECONDS of background."""
    return _each(scorer, pack, clips, background, _frames(scorer, BEFORE_SECONDS), progress)


def _each(
    scorer: Scorer, pack: Pack, clips: Sequence[int], background: np.ndarray, before: int, progress: Progress | None
) -> Scored:
    """A stream for every clip, those of about the same length side by side."""
    order = sorted(range(len(clips)), key=lambda i: pack.clips[clips[i]].length_samples)
    samples = before * scorer.metadata.hop_samples
    for begin in range(0, len(order), BATCH_CLIPS):
        chosen = order[begin : begin + BATCH_CLIPS]
        lists = [[Turn(clips[i], i * samples, before)] for i in chosen]
        for stream, _, logits in play(scorer, pack, lists, background):
            yield chosen[stream], logits
        if progress:
            progress(min(begin + BATCH_CLIPS, len(order)), len(order))


def carried(
    scorer: Scorer,
    pack: Pack,
    clips: Sequence[int],
    background: np.ndarray,
    between_seconds: float = BETWEEN_SECONDS,
    seeds: Sequence[int] = (0,),
    streams: int = STREAMS,
    progress: Progress | None = None,
) -> Iterator[tuple[int, int, np.ndarray]]:
    """(order, place, logits) of each clip, the state carried through all of them, one random order for every seed.

    Args:
        streams: the clips of an order are dealt to this many streams; those of all orders are scored side by side.
    """
    between = _frames(scorer, between_seconds)
    samples = between * scorer.metadata.hop_samples
    dealt: list[tuple[int, list[int]]] = []
    for number, seed in enumerate(seeds):
        order = np.random.default_rng([seed, 7]).permutation(len(clips)).tolist()
        dealt += [(number, order[stream::streams]) for stream in range(min(streams, len(clips)))]
    playlists = [
        [Turn(clips[i], (k % streams * APART + turn) * samples, between) for turn, i in enumerate(places)]
        for k, (_, places) in enumerate(dealt)
    ]
    total = len(clips) * len(seeds)
    for done, (stream, turn, logits) in enumerate(play(scorer, pack, playlists, background), 1):
        number, places = dealt[stream]
        yield number, places[turn], logits
        if progress:
            progress(done, total)


def _frames(scorer: Scorer, seconds: float) -> int:
    return round(seconds * scorer.metadata.rate_hz) // scorer.metadata.hop_samples


def clip_frame_logits(
    scorer: Scorer, pack: Pack, clips: Sequence[int], progress: Progress | None = None
) -> list[np.ndarray]:
    """Logits [F, C] of each clip alone, in the order of `clips`."""
    found = dict(alone(scorer, pack, clips, progress))
    return [found[i] for i in range(len(clips))]


def judge(
    metadata: ModelMetadata,
    clips: Sequence[Clip],
    labels: Sequence[str],
    frame_logits: Sequence[np.ndarray],
) -> dict[str, Any]:
    """The report of decisions over frames that somebody else scored."""
    return decide(metadata, clips, labels, enumerate(frame_logits)).report()


@dataclass(frozen=True)
class Outcomes:
    """The same clips, judged in up to three ways."""

    alone: Outcome
    after_background: Outcome | None = None
    carried: tuple[Outcome, ...] = ()
    """one an order"""
    how: Carried | None = None

    @cached_property
    def share_carried(self) -> np.ndarray:
        """[n]: share of the orders in which a clip was right."""
        return np.mean([o.right for o in self.carried], axis=0)

    def report(self) -> dict[str, Any]:
        """The report of the clips alone; with a carried state also `after_background` and `stream`.

        `stream` counts every clip once an order; its interval is as wide as if the orders told nothing new, for their
        clips are the same.
        """
        result = self.alone.report()
        if self.after_background is None or self.how is None:
            return result
        result["after_background"] = {
            **self.after_background.report(),
            "against_alone": paired_difference(self.alone.right, self.after_background.right).to_dict(),
        }
        found = pooled(self.carried).report()
        clips, share = len(self.alone.right), self.share_carried
        result["stream"] = {
            **found,
            "interval_95": list(wilson_interval(found["accuracy"] * clips, clips)),
            "clips": clips,
            "between_seconds": self.how.between_seconds,
            "orders": [
                {"seed": self.how.seed + k, "correct": int(o.right.sum()), "accuracy": float(o.right.mean())}
                for k, o in enumerate(self.carried)
            ],
            "against_after_background": paired_difference(self.after_background.right, share).to_dict(),
            "against_alone": paired_difference(self.alone.right, share).to_dict(),
        }
        return result


def judge_clips(
    scorer: Scorer,
    pack: Pack,
    clips: Sequence[int],
    how: Carried | None = None,
    progress: Progress | None = None,
) -> Outcomes:
    """Decide the clips alone and, where `how` says so, after background and with the state carried.

    Raises:
        DataError: model and data cannot be compared.
    """
    metadata = scorer.metadata
    check_data(metadata, pack, clips)
    chosen = [pack.clips[i] for i in clips]

    def decided(scored: Scored) -> Outcome:
        return decide(metadata, chosen, pack.labels, scored)

    by_itself = decided(alone(scorer, pack, clips, progress))
    if how is None:
        return Outcomes(by_itself)
    after = decided(after_background(scorer, pack, clips, how.background, progress))
    seeds = range(how.seed, how.seed + how.orders)
    frames = carried(scorer, pack, clips, how.background, how.between_seconds, seeds, progress=progress)
    return Outcomes(by_itself, after, tuple(_decide_orders(metadata, chosen, pack.labels, frames, len(seeds))), how)


def _decide_orders(
    metadata: ModelMetadata,
    clips: Sequence[Clip],
    labels: Sequence[str],
    frames: Iterator[tuple[int, int, np.ndarray]],
    orders: int,
) -> list[Outcome]:
    """One outcome an order, of frames that come mixed: as one long list of clips, cut up afterwards."""
    n = len(clips)
    scored = ((number * n + i, logits) for number, i, logits in frames)
    found = decide(metadata, list(clips) * orders, labels, scored)
    return [
        Outcome(found.labels, found.truth[k * n : (k + 1) * n], found.said[k * n : (k + 1) * n]) for k in range(orders)
    ]


def evaluate(
    scorer: Scorer,
    pack: Pack,
    clips: Sequence[int],
    background: np.ndarray | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """The figures of `accuracy.report`; with `background` also those with background before and the state carried."""
    how = None if background is None else Carried(background, seed=seed)
    return judge_clips(scorer, pack, clips, how, progress).report()
