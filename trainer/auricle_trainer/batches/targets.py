"""From a planned window to what the loss asks: which frames belong to which event, and which are background."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields

import numpy as np
import torch
from torch import Tensor

from auricle_shared.metadata import BACKGROUND
from auricle_shared.pack import Pack
from auricle_shared.scene_window import Window


@dataclass
class Targets:
    """E events and the background frames of one window of B streams with F frames."""

    stream: Tensor
    """int64 [E]: the event's stream"""
    counts: Tensor
    """float32 [E, F]: 1 for the event's frames"""
    labels: Tensor
    """int64 [E]; or float32 [E, C]: shares where clips were mixed, 0 and 1 with several labels at once"""
    background: Tensor
    """bool [B, F]: frames that are background"""
    allowed: Tensor
    """bool [B, F, C]: classes that a frame of an event, or soon after one, may say; none where nothing is asked"""
    multi_label: bool
    weights: Tensor = field(default_factory=lambda: torch.ones(0))
    """float32 [E]: 1 for an event, 0 for a row that only fills up"""

    def __post_init__(self) -> None:
        if len(self.weights) != len(self.stream):
            self.weights = torch.ones(len(self.stream), device=self.stream.device)

    def to(self, device: torch.device) -> Targets:
        return self._changed(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> Targets:
        return self._changed(lambda tensor: tensor.pin_memory())

    def filled(self, events: int) -> Targets:
        """The same with rows of weight 0 up to `events`, and shares for labels: shapes that never change.

        A row that only fills up names the first stream's first frame, so that its loss is a number.
        """
        missing = events - len(self.stream)
        labels = self.labels
        if labels.ndim == 1:
            labels = torch.nn.functional.one_hot(labels, self.allowed.shape[-1]).float()
        pad = torch.nn.functional.pad
        counts = pad(self.counts, (0, 0, 0, missing))
        counts[len(self.stream) :, 0] = 1.0
        return Targets(
            pad(self.stream, (0, missing)),
            counts,
            pad(labels, (0, 0, 0, missing)),
            self.background,
            self.allowed,
            self.multi_label,
            pad(self.weights, (0, missing)),
        )

    def tensors(self) -> dict[str, Tensor]:
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "multi_label"}

    def _changed(self, change: Callable[[Tensor], Tensor]) -> Targets:
        return Targets(multi_label=self.multi_label, **{n: change(tensor) for n, tensor in self.tensors().items()})


class ClipLabels:
    """What every clip of a pack is called, as rows of a table.

    Args:
        classes: labels in the order of the logits.
    """

    def __init__(self, pack: Pack, classes: Sequence[str], multi_label: bool) -> None:
        self.multi_label = multi_label
        said = [[float(label in labels) for label in classes] for labels in pack.label_sets]
        self.table = np.array(said, np.float32).reshape(-1, len(classes))[pack.label_codes]
        self.background = np.array([labels == (BACKGROUND,) for labels in pack.label_sets])[pack.label_codes]

    def shares(self, parts: np.ndarray) -> np.ndarray:
        """float32 [N, C] of a window's parts: of mixed clips each one's share; of several labels at once the union."""
        first, other = self.table[parts["clip"]], self.table[parts["other"]]
        mixed = (parts["other"] >= 0)[:, None]
        if self.multi_label:
            return np.where(mixed, np.maximum(first, other), first)
        share = parts["share"].astype(np.float32)[:, None]
        return np.where(mixed, first * share + other * (1 - share), first)


def make_targets(
    window: Window,
    clips: ClipLabels,
    streams: int,
    window_samples: int,
    hop_samples: int,
    evidence_samples: int,
    release_samples: int,
) -> Targets:
    """What is asked of a window.

    A clip labelled background is asked twice: as a whole, like an event, and frame by frame. An event that is not asked
    yet may all the same say nothing else.

    Args:
        evidence_samples: an event that goes on past the window is asked for once this much of it was heard.
        release_samples: frames so soon after an event are no background yet, also where it ended in the window before.
    """
    parts, frames = window.events.table, window_samples // hop_samples
    release = -(-release_samples // hop_samples)
    shares = clips.shares(parts)
    end = parts["start_samples"] + parts["length_samples"]
    first, last = parts["start_samples"] // hop_samples, -(-end // hop_samples)  # one behind the event's last frame
    heard = ~clips.background[parts["clip"]]
    said = np.concatenate([shares > 0, np.ones((len(parts), 1), bool)], axis=1)[heard]
    near = covered(parts["stream"][heard], first[heard], last[heard] + release, said, streams, frames)
    since_event = np.arange(frames) + -window.ended_samples[:, None] // hop_samples
    asked = parts["ends"] | (end - parts["begun_samples"] >= evidence_samples)
    place = np.arange(frames)
    counts = (place >= first[asked, None]) & (place < last[asked, None])
    labels = torch.from_numpy(shares[asked])
    if not clips.multi_label and not (parts["other"][asked] >= 0).any():
        labels = labels.argmax(-1)
    return Targets(
        stream=torch.from_numpy(parts["stream"][asked]),
        counts=torch.from_numpy(counts.astype(np.float32)),
        labels=labels,
        background=torch.from_numpy((since_event >= release) & ~near[..., -1]),
        allowed=torch.from_numpy(near[..., :-1]),
        multi_label=clips.multi_label,
    )


def covered(
    stream: np.ndarray, first: np.ndarray, behind: np.ndarray, what: np.ndarray, streams: int, frames: int
) -> np.ndarray:
    """bool [streams, frames, K]: whether any span of N says k there; a span covers the frames [first, behind).

    Args:
        what: bool [N, K].
    """
    changes = np.zeros((frames + 1, streams, what.shape[1]), np.int32)
    np.add.at(changes, (first, stream), what)
    np.subtract.at(changes, (np.minimum(behind, frames), stream), what)
    for before, now in itertools.pairwise(changes):  # ten times as fast as cumsum over any axis but the last
        now += before
    return np.ascontiguousarray((changes[:-1] > 0).transpose(1, 0, 2))
