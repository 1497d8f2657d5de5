"""Clips played to a scorer, many streams side by side, a window at a time: no stream is ever in memory as a whole.

stream 0   ~~~~[ clip 4 ]~~~~[ clip 1 ]~~~~[ clip 7 ]       ~ background, running on from gap to gap
stream 1   ~~~~[ clip 0  ]~~~~[ clip 9 ]
windows    |--------|--------|--------|--------|----        one call of the scorer each, the state carried
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .pack import Pack, to_float
from .scorer import Scorer, zero_state

WINDOW_FRAMES = 200
"""Frames of every stream scored in one call; bounds memory for long clips and long lists."""


@dataclass(frozen=True)
class Turn:
    """A clip and the background before it."""

    clip: int
    """index in the pack"""
    background_start: int = 0
    """first sample of the background, which is played on and on"""
    background_frames: int = 0


@dataclass(frozen=True)
class _Part:
    """What a stream plays next: a clip, or background where clip is None."""

    frames: int
    clip: int | None
    start: int = 0


class _Player:
    """One stream's list, read on from where the last window ended."""

    def __init__(self, pack: Pack, turns: Sequence[Turn], background: np.ndarray, hop_samples: int) -> None:
        self._pack, self._background, self._hop = pack, background, hop_samples
        self._parts = self._parts_of(turns)
        self._part: _Part | None = next(self._parts, None)
        self._offset = 0  # frames of the part already played

    @property
    def ended(self) -> bool:
        return self._part is None

    def _parts_of(self, turns: Sequence[Turn]) -> Iterator[_Part]:
        for turn in turns:
            if turn.background_frames:
                yield _Part(turn.background_frames, None, turn.background_start)
            yield _Part(max(1, -(-self._pack.clips[turn.clip].length_samples // self._hop)), turn.clip)

    def read(self, frames: int) -> tuple[np.ndarray, list[tuple[int, int, bool]]]:
        """The next audio, float32 [up to frames * hop], and the clips in it as (first, end, whether it ends there)."""
        audio, spans, at = [], [], 0
        while self._part is not None and at < frames:
            part, taken = self._part, min(frames - at, self._part.frames - self._offset)
            audio.append(self._samples(part, self._offset * self._hop, taken * self._hop))
            self._offset += taken
            ends = self._offset == part.frames
            if part.clip is not None:
                spans.append((at, at + taken, ends))
            if ends:
                self._part, self._offset = next(self._parts, None), 0
            at += taken
        return np.concatenate(audio or [np.zeros(0, np.float32)]), spans

    def _samples(self, part: _Part, start: int, length: int) -> np.ndarray:
        if part.clip is None:
            return self._background[(part.start + start + np.arange(length)) % len(self._background)]
        samples = to_float(self._pack.audio(part.clip)[start : start + length])
        return np.pad(samples, (0, length - len(samples)))  # a clip's last hop is filled up with zeros


def play(
    scorer: Scorer, pack: Pack, playlists: Sequence[Sequence[Turn]], background: np.ndarray
) -> Iterator[tuple[int, int, np.ndarray]]:
    """(stream, turn, logits [F, C] of the turn's clip) as the clips end, every stream from zero state.

    Args:
        background: float32 [n], n >= 1 where a turn asks for any.
    """
    hop = scorer.metadata.hop_samples
    players = [_Player(pack, turns, background, hop) for turns in playlists]
    state = zero_state(scorer.metadata, len(players))
    turns = [0] * len(players)
    begun: list[list[np.ndarray]] = [[] for _ in players]
    while not all(player.ended for player in players):
        read = [player.read(WINDOW_FRAMES) for player in players]
        longest = max(len(audio) for audio, _ in read)
        block = np.stack([np.pad(audio, (0, longest - len(audio))) for audio, _ in read]).astype(np.float32)
        frames = scorer(block, state)
        state = frames.state
        for stream, (_, spans) in enumerate(read):
            for first, end, ends in spans:
                begun[stream].append(frames.logits[stream, first:end].copy())
                if ends:
                    yield stream, turns[stream], np.concatenate(begun[stream])
                    turns[stream] += 1
                    begun[stream] = []
