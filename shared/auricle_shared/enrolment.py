"""Enrolment: from the embeddings of a few clips to a sound that a running stream is searched for.

A frame's vector v is its embedding times its weight (see `embeddings`); a sound is a direction d, and the score of a
frame is the product d . v, scaled so that the enrolled clips themselves reach 1. The moving mean of this score over
the sound's length goes to the event detector as any class's score does.

The direction is Fisher's: the mean of the clips against the mean of what else was heard, in the metric of the latter's
covariance. Directions in which the world varies anyway count little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .embeddings import unit
from .errors import AuricleError, DataError
from .settings import EventSettings

RIDGE = 0.1
"""Share of the mean variance that is added to every direction: few vectors do not fill a covariance"""
SHORTEST_SECONDS, LONGEST_SECONDS = 0.12, 2.0
"""Bounds of the moving mean"""
PIECE_SECONDS, ENOUGH_SECONDS = 0.5, 60.0
"""Recordings of the place are taken in such pieces, and in the carried ones' stead from so much of them on"""
HEADROOM = 1.03
LEAST_THRESHOLD, MOST_THRESHOLD = 0.2, 0.9
PAUSE_FACTOR = 1.5
SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.3, 3.0
"""An event is over after so many of the longest pauses of the enrolled clips, within these bounds"""
UNLIKE = 0.3
"""Similarity (cosine) to most other clips below which a clip is pointed out"""
HYSTERESIS, LEVEL_QUANTILE = 0.7, 0.95
"""An event ends below this share of its threshold, counted from the level that the place itself rarely exceeds"""


class EnrolmentError(AuricleError):
    """Clips that cannot be enrolled, or a file of enrolled sounds that does not fit."""


@dataclass(frozen=True)
class EnrolledSound:
    name: str
    sources: tuple[str, ...]
    """where the clips came from"""
    prototypes: np.ndarray
    """[K, D], one a clip, of unit length"""
    direction: np.ndarray
    """[D]"""
    settings: EventSettings
    told: dict[str, Any] = field(default_factory=dict)
    """how sure the enrolment is; see `certainty`"""

    def scores(self, vectors: np.ndarray) -> np.ndarray:
        """Weighted frames [..., D] -> scores [...]; 1 is as the enrolled clips were, 0 is anything else."""
        found: np.ndarray = vectors @ self.direction
        return found


def direction(prototypes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """[K, D] of a sound and [N, D] of anything else -> [D], not scaled. Without others it is the sound's own mean."""
    mean = prototypes.mean(0)
    if not len(others):
        return np.asarray(mean)
    spread = others - others.mean(0)
    covariance = spread.T @ spread / len(others)
    covariance += RIDGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    return np.asarray(np.linalg.solve(covariance, mean - others.mean(0)))


def smoothed(scores: np.ndarray, frames: int) -> np.ndarray:
    """Moving mean [F] over this and the frames before it, as the event detector has it; zeros before the first."""
    sums = np.concatenate([np.zeros(frames), np.cumsum(scores)])
    found: np.ndarray = (sums[frames:] - sums[:-frames]) / frames
    return found


@dataclass(frozen=True)
class HeardClip:
    """One clip to enrol, as the model heard it."""

    source: str
    vectors: np.ndarray
    """[F, D], weighted frames"""
    in_the_place: tuple[np.ndarray, ...] = ()
    """the same clip over recordings of the place where it is to be found, [F, D] each"""

    @property
    def hearings(self) -> tuple[np.ndarray, ...]:
        return (self.vectors, *self.in_the_place)

    @property
    def prototype(self) -> np.ndarray:
        """[D]: the direction of all hearings alike."""
        return np.asarray(unit(np.mean([unit(vectors.mean(0)) for vectors in self.hearings], axis=0)))

    def length_seconds(self, frame_seconds: float) -> float:
        """How long it is something: the sum of the frames' weights."""
        return float(np.linalg.norm(self.vectors, axis=-1).sum()) * frame_seconds


def enrol(
    name: str,
    clips: Sequence[HeardClip],
    others: np.ndarray,
    frame_seconds: float,
    recordings: Sequence[np.ndarray] = (),
) -> EnrolledSound:
    """A sound from its clips.

    Args:
        others: [N, D], pooled pieces of anything else, each of length 0 to 1: what the model carries.
        recordings: weighted frames [F, D] of long recordings without the sound; the threshold lies above all of them.

    Raises:
        EnrolmentError: no clips, or clips that the model hears nothing of their own in.
    """
    if not clips:
        raise EnrolmentError(f"No clips of {name!r} were given. Wanted: 3 to 10 recordings of it, one sound each.")
    lengths = [clip.length_seconds(frame_seconds) for clip in clips]
    seconds = float(np.clip(np.median(lengths) / 2, SHORTEST_SECONDS, LONGEST_SECONDS))
    frames = max(1, round(seconds / frame_seconds))
    carried_vectors = others
    heard_seconds = sum(map(len, recordings)) * frame_seconds
    if heard_seconds >= ENOUGH_SECONDS:  # the place itself tells better than training what varies in it
        others = np.concatenate([pieces(recording, frame_seconds) for recording in recordings])
    found = scaled_direction(clips, others, frames)
    if found is None:
        raise EnrolmentError(
            f"What the model hears in the clips of {name!r} is what it hears anywhere. Record them louder or nearer, "
            "or train a model on sounds more like these."
        )
    apart = _peaks_from_the_others(clips, others, frames)
    own = apart or [_peak(clips[0], found, frames)]
    carried = float((carried_vectors @ found).max(initial=0.0))
    place = np.concatenate([np.zeros(1), *(smoothed(v @ found, frames) for v in recordings)])
    heard = float(place.max())
    threshold = choose_threshold(float(np.median(own)), carried, heard, heard_seconds)
    level = max(0.0, float(np.quantile(place, LEVEL_QUANTILE)))
    end_below = level + HYSTERESIS * (threshold - level)  # a level above it would join all events to one
    pause = round(PAUSE_FACTOR * longest_pause(clips, found, end_below, frames) * frame_seconds, 3)
    settings = EventSettings(
        on_threshold=threshold,
        off_threshold=end_below,
        smoothing_seconds=frames * frame_seconds,
        release_seconds=float(np.clip(pause, SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)),
    )
    told = certainty(apart, threshold, carried, heard, heard_seconds)
    prototypes = np.stack([clip.prototype for clip in clips]).astype(np.float32)
    sources = tuple(clip.source for clip in clips)
    return EnrolledSound(name, sources, prototypes, found.astype(np.float32), settings, told)


def scaled_direction(clips: Sequence[HeardClip], others: np.ndarray, frames: int) -> np.ndarray | None:
    """The direction, scaled so that the clips' own highest scores are 1 in the mean; None where they have none."""
    found = direction(np.stack([clip.prototype for clip in clips]), others)
    reached = float(np.mean([_peak(clip, found, frames) for clip in clips]))
    return found / reached if reached > 0 else None


def _peaks_from_the_others(clips: Sequence[HeardClip], others: np.ndarray, frames: int) -> list[float]:
    """The highest score of every clip, enrolled from the other ones; none for a single clip."""
    found = []
    for place, clip in enumerate(clips):
        rest = [*clips[:place], *clips[place + 1 :]]
        towards = scaled_direction(rest, others, frames) if rest else None
        found += [] if not rest else [0.0 if towards is None else _peak(clip, towards, frames)]
    return found


def _peak(clip: HeardClip, towards: np.ndarray, frames: int) -> float:
    """The highest score, in the mean of all hearings."""
    return float(np.mean([smoothed(vectors @ towards, frames).max() for vectors in clip.hearings]))


def longest_pause(clips: Sequence[HeardClip], towards: np.ndarray, end_below: float, frames: int) -> int:
    """Frames of the longest stretch within a clip that lies below the threshold of an end: a rhythm's pauses."""
    longest = 0
    for clip in clips:
        above = np.flatnonzero(smoothed(clip.vectors @ towards, frames) >= end_below)
        longest = max(longest, int(np.diff(above).max(initial=0)))
    return longest


def pieces(vectors: np.ndarray, frame_seconds: float) -> np.ndarray:
    """[F, D] -> [N, D], means over PIECE_SECONDS."""
    frames = max(1, round(PIECE_SECONDS / frame_seconds))
    whole = len(vectors) // frames * frames
    return np.asarray(vectors[:whole].reshape(-1, frames, vectors.shape[1]).mean(1))


def choose_threshold(own: float, carried: float, heard: float, heard_seconds: float) -> float:
    """Between the highest score of anything else and what the clips reach.

    Half-way where all that is known is what the model carries. With recordings of the place, the nearer to their
    highest score the longer they are. The square root was chosen on scenes of eight classes: with the length
    itself, the half hour after seven minutes of recordings had five false alarms in the mean, with its root one.

    Args:
        own: median of the clips' highest scores, each enrolled from the other ones.
        carried, heard: highest score of the vectors that the model carries, and of recordings without the sound.
    """
    highest = max(0.0, heard if heard_seconds else carried)
    share = 0.5 / (1 + heard_seconds / 60) ** 0.5
    threshold = np.clip(highest + share * (own - highest), LEAST_THRESHOLD, MOST_THRESHOLD)
    least = min(1.0, HEADROOM * heard)  # what was really heard must not set it off again, if that can be
    return round(float(max(threshold, least)), 4)


def certainty(apart: Sequence[float], threshold: float, carried: float, heard: float, seconds: float) -> dict[str, Any]:
    """What can be known before it runs: clips found from the other clips, and how near anything else comes."""
    return {
        "clips": len(apart),
        "found_from_the_others": sum(score >= threshold for score in apart),
        "scores_from_the_others": [round(score, 3) for score in apart],
        "highest_of_the_carried": round(carried, 3),
        "highest_of_the_negatives": round(heard, 3),
        "negative_seconds": round(seconds, 1),
    }


def doubts(sound: EnrolledSound) -> list[str]:
    """For people: clips that are unlike the others, sounds that are like anything else."""
    told, found = sound.told, []
    similar = sound.prototypes @ sound.prototypes.T
    for i, source in enumerate(sound.sources):
        others = np.delete(similar[i], i)
        if len(others) and np.median(others) < UNLIKE:
            found.append(
                f"{source} is unlike the other clips (similarity {np.median(others):.2f}); is it the same sound?"
            )
    if len(sound.sources) == 1:
        found.append("one clip says nothing about how sure this is; give 3 to 10")
    elif told["found_from_the_others"] < told["clips"] / 2:
        found.append(
            f"only {told['found_from_the_others']} of {told['clips']} clips would be found from the other ones: many "
            "will be missed"
        )
    if max(told["highest_of_the_carried"], told["highest_of_the_negatives"]) >= sound.settings.on_threshold:
        found.append("other sounds score as high as the threshold: expect false alarms")
    return found


def check_name(name: str, labels: Sequence[str], enrolled: Sequence[str]) -> None:
    """Raises DataError for a name that is taken or cannot be told."""
    if not name.strip() or any(ord(c) < 32 for c in name) or len(name) > 100:
        raise DataError(f"{name!r} is no name for a sound; wanted 1 to 100 characters on one line.")
    if name in labels:
        raise DataError(f"{name!r} is a class that the model was trained on. Choose another name.")
    if name in enrolled:
        raise DataError(f"{name!r} is enrolled already. Use --replace to enrol it anew, or choose another name.")
