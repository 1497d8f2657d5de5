"""Windows mixed by worker processes from memory-mapped packs, ahead of the training step.

Every worker plans all windows (cheap) and mixes only its own (not cheap): which worker mixes a window changes nothing.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from auricle_shared.pack import Pack
from auricle_shared.scenes import SceneSettings, SceneStreams, Window
from auricle_shared.variation import AugmentSettings

from .mix import renderer
from .targets import ClipLabels, Targets, make_targets


@dataclass
class Batch:
    number: int
    audio: Tensor
    """float32 [B, samples]"""
    reset: Tensor
    """bool [B]: streams that begin anew"""
    targets: Targets

    def pin_memory(self) -> Batch:
        return Batch(self.number, self.audio.pin_memory(), self.reset.pin_memory(), self.targets.pin_memory())

    def to(self, device: torch.device) -> Batch:
        audio = self.audio.to(device, non_blocking=True)
        return Batch(self.number, audio, self.reset.to(device, non_blocking=True), self.targets.to(device))


@dataclass(frozen=True)
class WindowPlan:
    """What it takes to make any window; small, and pickles to a worker without open files."""

    pack: Pack
    clips: Sequence[int]
    background: Pack
    recordings: Sequence[int]
    scenes: SceneSettings
    classes: tuple[str, ...]
    multi_label: bool
    streams: int
    window_samples: int
    hop_samples: int
    evidence_samples: int
    release_samples: int
    seed: int
    augment: AugmentSettings = field(default_factory=AugmentSettings)

    def scene_streams(self) -> SceneStreams:
        return SceneStreams(
            self.pack,
            self.clips,
            self.background,
            self.recordings,
            self.scenes,
            self.streams,
            self.window_samples,
            self.seed,
            augment=self.augment,
        )

    def renderer(self) -> Callable[[Window], Tensor]:
        """What makes the audio of this plan's windows, float32 [B, samples]."""
        return renderer(self.pack, self.background, self.augment, self.seed, self.streams, self.window_samples)


class Windows(Dataset[Batch]):
    """Window `number` of the streams, for numbers that only grow."""

    def __init__(self, plan: WindowPlan) -> None:
        self._plan = plan
        self._streams: SceneStreams | None = None
        self._render: Callable[[Window], Tensor] | None = None
        self._labels: ClipLabels | None = None
        self._next = 0

    def __getitem__(self, number: int) -> Batch:
        if self._streams is None or number < self._next:
            self._streams = self._plan.scene_streams()
        self._streams.skip_to(number)
        self._next = number + 1
        plan, window = self._plan, self._streams.next_window()
        self._render = self._render or plan.renderer()
        self._labels = self._labels or ClipLabels(plan.pack, plan.classes, plan.multi_label)
        targets = make_targets(
            window,
            self._labels,
            plan.streams,
            plan.window_samples,
            plan.hop_samples,
            plan.evidence_samples,
            plan.release_samples,
        )
        return Batch(number, self._render(window), torch.from_numpy(window.reset), targets)


def _first(items: list[Any]) -> Any:
    return items[0]


def _prepare_worker(_: int) -> None:
    torch.set_num_threads(1)
    # Ctrl-C reaches every process of the terminal; the training process alone decides when to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def batches(plan: WindowPlan, numbers: range, workers: int, device: torch.device) -> Iterator[Batch]:
    """The windows of `numbers` in order, on `device`."""
    loader: DataLoader[Batch] = DataLoader(
        Windows(plan),
        batch_size=1,
        sampler=list(numbers),
        collate_fn=_first,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        pin_memory=device.type == "cuda",
        worker_init_fn=_prepare_worker,
        multiprocessing_context="spawn" if workers else None,
        generator=torch.Generator(),  # the loader draws a seed at its start; a resumed run must not lose one of its own
    )
    for batch in loader:
        yield batch.to(device)
