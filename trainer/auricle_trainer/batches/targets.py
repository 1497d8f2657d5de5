"""From a planned window to what the loss asks: which frames belong to which event, and which are background."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from auricle_shared.metadata import BACKGROUND
from auricle_shared.pack import Pack
from auricle_shared.scenes import Placed, Window


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

    def to(self, device: torch.device) -> Targets:
        return self._changed(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> Targets:
        return self._changed(lambda tensor: tensor.pin_memory())

    def _changed(self, change: Callable[[Tensor], Tensor]) -> Targets:
        names = ("stream", "counts", "labels", "background", "allowed")
        moved: dict[str, Any] = {name: change(getattr(self, name)) for name in names}
        return replace(self, **moved)


def make_targets(
    window: Window,
    pack: Pack,
    classes: Sequence[str],
    multi_label: bool,
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
        classes: labels in the order of the logits.
        evidence_samples: an event that goes on past the window is asked for once this much of it was heard.
        release_samples: frames so soon after an event are no background yet, also where it ended in the window before.
    """
    frames = window_samples // hop_samples
    release = -(-release_samples // hop_samples)
    since_event = np.arange(frames) + -window.ended_samples[:, None] // hop_samples
    background = since_event >= release
    place = {label: i for i, label in enumerate(classes)}
    allowed = np.zeros((streams, frames, len(classes)), bool)
    asked: list[tuple[Placed, int, int]] = []
    for p in window.events:
        columns = [place[label] for label in _labels(p, pack) if label in place]
        first = p.start_samples // hop_samples
        last = -(-(p.start_samples + p.length_samples) // hop_samples)  # one behind the event's last frame
        if pack.clips[p.clip].labels != (BACKGROUND,):
            background[p.stream, first : last + release] = False
            allowed[p.stream, first : last + release, columns] = True
        heard = p.start_samples + p.length_samples - p.begun_samples
        if p.ends or heard >= evidence_samples:
            asked.append((p, first, last))
    counts = np.zeros((len(asked), frames), np.float32)
    for row, (_, first, last) in zip(counts, asked, strict=True):
        row[first:last] = 1.0
    allowed[background] = False  # the event was soon followed by a clip of background
    labels = _label_tensor([p for p, _, _ in asked], pack, place, multi_label)
    stream = torch.tensor([p.stream for p, _, _ in asked], dtype=torch.long)
    outside, may = torch.from_numpy(background), torch.from_numpy(allowed)
    return Targets(stream, torch.from_numpy(counts), labels, outside, may, multi_label)


def _labels(part: Placed, pack: Pack) -> tuple[str, ...]:
    """What sounds in an event: the labels of its clip, and of the second one mixed with it."""
    other = part.variation.other
    return pack.clips[part.clip].labels + (pack.clips[other].labels if other >= 0 else ())


def _label_tensor(events: Sequence[Placed], pack: Pack, place: Mapping[str, int], multi_label: bool) -> Tensor:
    """The events' labels as `Targets.labels`: of several at once the union, of mixed classes their shares."""
    if not multi_label and all(p.variation.other < 0 for p in events):
        return torch.tensor([place[pack.clips[p.clip].labels[0]] for p in events], dtype=torch.long)
    labels = torch.zeros(len(events), len(place))
    for row, p in zip(labels, events, strict=True):
        if multi_label:
            row[[place[label] for label in _labels(p, pack) if label in place]] = 1.0
            continue
        for label, share in zip(_labels(p, pack), (p.variation.share, 1 - p.variation.share), strict=False):
            row[place[label]] = share
    return labels
