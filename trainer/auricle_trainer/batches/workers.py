"""Windows planned by worker processes ahead of the training step, from memory-mapped packs.

Every worker plans all windows (cheap) and reads or mixes only its own (not cheap): which worker makes a window changes
nothing. Where the audio is mixed depends on what trains:

    a CPU                           workers mix                                        float32 audio
    a GPU that the packs fit on     workers plan; the GPU mixes from its own int16     numbers alone
    a GPU that they do not fit on   workers read what a window needs; the GPU mixes    int16 excerpts
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from auricle_shared.pack import Pack
from auricle_shared.scenes import SceneSettings, SceneStreams, Window
from auricle_shared.variation import AugmentSettings
from auricle_trainer.augment.room import room_samples

from .ahead import look_ahead
from .batch import Batch, Unmixed
from .excerpts import excerpt
from .mix import Mixer, Planner, Sounds, resident
from .targets import ClipLabels, Targets, make_targets

RESIDENT_SHARE = 0.5
"""Of a GPU's free memory that the packs may take."""


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
    first_stream: int = 0
    all_streams: int = 0
    """of all processes; 0: these are all"""

    def part(self, streams: range) -> WindowPlan:
        """Some of the streams, as they are in the whole."""
        return replace(self, streams=len(streams), first_stream=streams.start, all_streams=self.streams)

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
            self.first_stream,
            self.all_streams or None,
            augment=self.augment,
        )

    def mixer(self, device: torch.device, resident_packs: bool = True) -> Mixer:
        samples = resident(self.pack, self.background, device) if resident_packs else None
        return Mixer(samples, self.augment, self.pack.rate_hz, self.seed, device)

    def targets(self, window: Window, labels: ClipLabels) -> Targets:
        return make_targets(
            window,
            labels,
            self.streams,
            self.window_samples,
            self.hop_samples,
            self.evidence_samples,
            self.release_samples,
        )


class Windows(Dataset[Unmixed]):
    """Window `number` of the streams, for numbers that only grow: an item is a whole batch.

    Args:
        read: whether a window brings its samples along.
    """

    def __init__(self, plan: WindowPlan, read: bool = False) -> None:
        self._plan, self._read = plan, read
        self._streams: SceneStreams | None = None
        self._next = 0

    def __getitem__(self, number: int) -> Unmixed:
        plan = self._plan
        if self._streams is None:
            self._planner = Planner(plan.pack, plan.background)
            self._labels = ClipLabels(plan.pack, plan.classes, plan.multi_label)
        if self._streams is None or number < self._next:
            self._streams = plan.scene_streams()
        self._streams.skip_to(number)
        self._next = number + 1
        window = self._streams.next_window()
        sounds = self._planner.sounds(window)
        sounds = self._with_samples(sounds) if self._read else sounds
        return Unmixed(number, sounds, torch.from_numpy(window.reset), plan.targets(window, self._labels))

    def _with_samples(self, sounds: Sounds) -> Sounds:
        plan = self._plan
        room = room_samples(plan.augment, plan.pack.rate_hz)
        behind, background = excerpt(plan.background.samples, sounds.background, room)
        before, events = excerpt(plan.pack.samples, sounds.events, room)
        return Sounds(background, events, (behind, before))


class MixedWindows(Dataset[Batch]):
    """The same windows as audio."""

    def __init__(self, plan: WindowPlan) -> None:
        self._plan, self._windows = plan, Windows(plan)
        self._mixer: Mixer | None = None

    def __getitem__(self, number: int) -> Batch:
        cpu = torch.device("cpu")
        self._mixer = self._mixer or self._plan.mixer(cpu)
        return self._windows[number].mixed(self._mixer, self._plan.window_samples, cpu)


def _first(items: list[Any]) -> Any:
    return items[0]


def _prepare_worker(_: int) -> None:
    torch.set_num_threads(1)
    # Ctrl-C reaches every process of the terminal; the training process alone decides when to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def batches(plan: WindowPlan, numbers: range, workers: int, device: torch.device) -> Iterator[Batch]:
    """The windows of `numbers` in order, on `device`."""
    if device.type != "cuda":
        yield from _loader(MixedWindows(plan), numbers, workers, pin=False)
        return
    fits = fits_on(plan, device)
    finish: Callable[[Unmixed], Batch] = partial(
        Unmixed.mixed, mixer=plan.mixer(device, fits), window_samples=plan.window_samples, device=device
    )
    yield from look_ahead(_loader(Windows(plan, read=not fits), numbers, workers, pin=True), finish, device)


def fits_on(plan: WindowPlan, device: torch.device) -> bool:
    """Whether the packs may live in the GPU's memory."""
    free, _ = torch.cuda.mem_get_info(device)
    return plan.pack.samples.nbytes + plan.background.samples.nbytes <= RESIDENT_SHARE * free


def _loader(windows: Dataset[Any], numbers: range, workers: int, pin: bool) -> DataLoader[Any]:
    return DataLoader(
        windows,
        batch_size=1,
        sampler=list(numbers),
        collate_fn=_first,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        pin_memory=pin,
        worker_init_fn=_prepare_worker,
        multiprocessing_context="spawn" if workers else None,
        generator=torch.Generator(),  # the loader draws a seed at its start; a resumed run must not lose one of its own
    )
