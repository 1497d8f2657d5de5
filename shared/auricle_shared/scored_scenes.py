"""Scenes and long recordings as a scorer hears them: what happened, and the logits of every frame.

Audio is made and scored a window at a time, so hours need no more memory than their logits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .decision import frame_scores
from .errors import DataError
from .events import Event, EventDetector
from .metadata import BACKGROUND, ModelMetadata
from .pack import Pack, to_float
from .scenes import SceneSettings, SceneStreams, Window, render
from .scorer import Scorer, zero_state
from .spectrogram import pad_to_hop
from .write_scene import QuietRoom, SceneEvent

WINDOW_SECONDS = 10.0
QUIET_ROOM_SECONDS = 60.0
SIDE_BY_SIDE = 16
"""Recordings scored in one call: a network's step costs little more for many streams than for one."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class ScoredScene:
    """One stream of a scene, or a recording without events (truth empty), with the logits of all its frames."""

    name: str
    truth: list[SceneEvent]
    """in order of time; the last one may be cut by the end"""
    logits: np.ndarray
    """float32 [F, C]"""
    frame_seconds: float

    @property
    def seconds(self) -> float:
        return len(self.logits) * self.frame_seconds


def score_scenes(
    scorer: Scorer,
    pack: Pack,
    clips: Sequence[int],
    background: Pack | None,
    settings: SceneSettings,
    seconds: float,
    seeds: Sequence[int],
    progress: Progress | None = None,
) -> list[ScoredScene]:
    """One stream a seed, all side by side, each from zero state.

    Args:
        clips: clips of `pack` that may happen; those labelled background alone happen, but are no events.
        background: None for the noise of a quiet room.
        progress: called with the windows done and their number.
    """
    if not len(clips):
        raise DataError(f"{pack.path} has no clips of that split (it has {pack.info.get('splits')}).")
    metadata = scorer.metadata
    hop, rate = metadata.hop_samples, metadata.rate_hz
    window = max(1, round(WINDOW_SECONDS * rate) // hop) * hop
    wanted = max(1, round(seconds * rate) // hop)  # frames
    rooms = [background or QuietRoom(QUIET_ROOM_SECONDS, rate, seed) for seed in seeds]
    streams = [
        SceneStreams(pack, clips, room, range(len(room)), settings, 1, window, seed)
        for room, seed in zip(rooms, seeds, strict=True)
    ]
    state = zero_state(metadata, len(streams))
    parts, truth = [], [list[SceneEvent]() for _ in streams]
    windows = -(-wanted * hop // window)
    for number in range(windows):
        plans = [s.next_window() for s in streams]
        audio = [render(p, pack, room, 1, window) for p, room in zip(plans, rooms, strict=True)]
        frames = scorer(np.concatenate(audio), state)
        state = frames.state
        parts.append(frames.logits)
        for events, plan in zip(truth, plans, strict=True):
            events += _begun(plan, pack, number * window, wanted * hop)
        if progress:
            progress(number + 1, windows)
    logits = np.concatenate(parts, axis=1)[:, :wanted]
    return [
        ScoredScene(f"seed {seed}", events, values, hop / rate)
        for seed, events, values in zip(seeds, truth, logits, strict=True)
    ]


def _begun(plan: Window, pack: Pack, start_samples: int, end_samples: int) -> list[SceneEvent]:
    """Events that begin in a window which starts at start_samples, as far as they lie before end_samples."""
    found = []
    for p in plan.events:
        begun = start_samples + p.begun_samples
        if p.source_samples or begun >= end_samples:
            continue
        end = min(end_samples, begun + pack.clips[p.clip].length_samples)
        labels = [label for label in pack.clips[p.clip].labels if label != BACKGROUND]
        found += [SceneEvent(label, begun / pack.rate_hz, end / pack.rate_hz) for label in labels]
    return found


def score_recordings(
    scorer: Scorer, pack: Pack, clips: Sequence[int], progress: Progress | None = None
) -> list[ScoredScene]:
    """Recordings without events, each from zero state; several side by side, the longest first.

    Args:
        progress: called with the recordings done and their number.

    Returns:
        One a clip, in the order of `clips`.
    """
    metadata = scorer.metadata
    order = sorted(range(len(clips)), key=lambda i: -pack.clips[clips[i]].length_samples)
    found: dict[int, ScoredScene] = {}
    for begin in range(0, len(order), SIDE_BY_SIDE):
        places = order[begin : begin + SIDE_BY_SIDE]
        for i, logits in zip(places, _side_by_side(scorer, pack, [clips[i] for i in places]), strict=True):
            name = pack.clips[clips[i]].source or f"recording {clips[i]}"
            found[i] = ScoredScene(name, [], logits, metadata.hop_samples / metadata.rate_hz)
        if progress:
            progress(len(found), len(clips))
    return [found[i] for i in range(len(clips))]


def _side_by_side(scorer: Scorer, pack: Pack, clips: Sequence[int]) -> list[np.ndarray]:
    """Logits [F, C] of clips that come longest first; those that have ended are scored no further."""
    metadata = scorer.metadata
    hop = metadata.hop_samples
    window = max(1, round(WINDOW_SECONDS * metadata.rate_hz) // hop) * hop
    state = zero_state(metadata, len(clips))
    parts: list[list[np.ndarray]] = [[] for _ in clips]
    for start in range(0, pack.clips[clips[0]].length_samples, window):
        pieces = [pad_to_hop(to_float(pack.audio(i)[start : start + window]), hop) for i in clips]
        playing = [piece for piece in pieces if len(piece)]
        audio = np.stack([np.pad(piece, (0, len(playing[0]) - len(piece))) for piece in playing])
        frames = scorer(audio, state[: len(playing)])
        state = frames.state
        for own, piece, logits in zip(parts, playing, frames.logits, strict=False):
            own.append(logits[: len(piece) // hop])
    return [np.concatenate(own or [np.zeros((0, len(metadata.labels)), np.float32)]) for own in parts]


def heard(scene: ScoredScene, metadata: ModelMetadata) -> list[Event]:
    """Events (phase 'on') at the metadata's temperature and event settings."""
    scores = frame_scores(scene.logits, metadata.activation, metadata.temperature)
    return [event for event in EventDetector.for_model(metadata).update(scores, 0.0) if event.phase == "on"]
