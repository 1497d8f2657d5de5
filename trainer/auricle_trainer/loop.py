"""The training loop: next window, state carried, one step; validation, checkpoint and record after every epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from .augment.mask import mask
from .augment.response import draw_response, respond
from .augment.shift import draw_shift, shift
from .batches.batch import Batch
from .config import Config
from .losses.embedding_loss import embedding_loss
from .losses.scene_loss import scene_loss
from .models.classifier import Classifier
from .monitor import SILENT, Monitor
from .strategies.single import Single
from .tracking import Progress


@dataclass
class TrainingState:
    """Everything that moves during training; what a checkpoint keeps and a resumed run gets back."""

    model: Classifier
    """the weights that are trained"""
    average: Classifier | None
    """their moving average, or None"""
    optimizer: torch.optim.Optimizer
    bank: Tensor
    """[B, S]: the state of every stream"""
    generator: torch.Generator
    share: Tensor
    """float32 []: how far the moving average goes to the trained weights in this step"""
    strategy: Single = field(default_factory=Single)
    """who else trains these weights"""
    step: int = 0
    epoch_steps: int = 0
    """since the epoch began, also before an interruption"""
    best_accuracy: float = -1.0
    best_loss: float = math.inf

    def __post_init__(self) -> None:
        self.module = self.strategy.module(self.model)
        self.epoch_loss = torch.zeros((), device=self.bank.device)
        """sum over the epoch's steps"""
        self._generators: dict[torch.device, torch.Generator] = {}

    @property
    def kept(self) -> Classifier:
        """The weights that are validated, saved and exported."""
        return self.model if self.average is None else self.average

    def to_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps; several processes must ask together, each brings its part."""
        return {
            "model": self.kept.state_dict(),
            "trained": {} if self.average is None else self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            **{name: self.strategy.gathered(name, part) for name, part in self.parts().items()},
            "step": self.step,
            "best_accuracy": self.best_accuracy,
            "best_loss": self.best_loss,
        }

    def parts(self) -> dict[str, Tensor]:
        """What every process has of its own: a row a stream, or one row."""
        return {
            "bank": self.bank,
            "epoch_loss": torch.stack([self.epoch_loss, self.epoch_loss.new_tensor(self.epoch_steps)])[None],
            "generator": self.generator.get_state()[None],
            "torch_random": self._device_random()[None],
        }

    def _device_random(self) -> Tensor:
        """What dropout draws from."""
        return torch.cuda.get_rng_state(self.bank.device) if self.bank.device.type == "cuda" else torch.get_rng_state()

    def load(self, values: dict[str, Any]) -> None:
        self.kept.load_state_dict(values["model"])
        if self.average is not None:
            self.model.load_state_dict(values["trained"])
        self._load_optimizer(values["optimizer"])
        own = self.strategy.share(len(values["bank"]))
        self.bank.copy_(values["bank"][own.start : own.stop])
        self._load_random(*(values[name].reshape(-1, values[name].shape[-1]) for name in ("generator", "torch_random")))
        self._load_epoch(values.get("epoch_loss"))
        self.step = int(values["step"])
        self.best_accuracy, self.best_loss = float(values["best_accuracy"]), float(values["best_loss"])

    def _load_optimizer(self, saved: dict[str, Any]) -> None:
        """What it has learned; how it steps is this device's affair: a CUDA graph wants other types than a CPU."""
        own = [{name: group[name] for name in ("lr", "capturable")} for group in self.optimizer.param_groups]
        groups = [{**group, **mine} for group, mine in zip(saved["param_groups"], own, strict=True)]
        self.optimizer.load_state_dict({**saved, "param_groups": groups})

    def generator_on(self, device: torch.device) -> torch.Generator:
        """Where `torch.nn.DataParallel` computes on other GPUs too: a generator for each of them."""
        if device == self.generator.device:
            return self.generator
        if device not in self._generators:
            seed = self.generator.initial_seed() + 1 + (device.index or 0)
            self._generators[device] = torch.Generator(device).manual_seed(seed)
        return self._generators[device]

    def _load_epoch(self, sums: Tensor | None) -> None:
        """A row a process; version 0.1 kept none."""
        if sums is not None and len(sums) == self.strategy.processes:
            self.epoch_loss.copy_(sums[self.strategy.rank, 0])
            self.epoch_steps = int(sums[self.strategy.rank, 1])

    def _load_random(self, generators: Tensor, devices: Tensor) -> None:
        """A row a process; with other processes or another kind of device than before the draws begin anew."""
        rank = self.strategy.rank
        if len(generators) != self.strategy.processes or generators.shape[1:] != self.generator.get_state().shape:
            return
        mine, device = generators[rank].clone(), devices[rank].clone()  # torch crashes on a part of a tensor
        self.generator.set_state(mine)
        if self.bank.device.type == "cuda":
            torch.cuda.set_rng_state(device, self.bank.device)
        else:
            torch.set_rng_state(device)


def learning_rate(step: int, steps: int, config: Config) -> float:
    """Linear warm-up, then a cosine down to 0 (Loshchilov and Hutter, ICLR 2017)."""
    settings = config.training
    warm, peak = max(1, round(settings.warm_up * steps)), settings.learning_rate_for(settings.streams)
    if step < warm:
        return peak * (step + 1) / warm
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def augment(features: Tensor, deviation: Tensor, config: Config, generator: torch.Generator) -> Tensor:
    """Normalised features [B, F, bands], and the deviation [bands] that they were divided by, as training sees them."""
    rows, _, bands = features.shape
    if config.shift.bands:
        features = shift(features, draw_shift(rows, config.shift.bands, generator, features.device))
    if config.response.most_db:
        settings = config.response
        drawn = draw_response(rows, bands, settings.most_db, settings.points, generator, features.device)
        features = respond(features, drawn, deviation)
    return mask(features, config.mask, config.spectrogram.hop_seconds, generator)


def train_step(
    state: TrainingState, batch: Batch, config: Config, monitor: Monitor = SILENT, share_done: float = 0.0
) -> Tensor:
    """One window of every stream: forward with the carried state, backward, update. Returns the loss, on the device.

    Args:
        share_done: of the whole training, 0 to 1.
    """
    prepare(state, config)
    loss = learn(state, batch, config, monitor, share_done)
    state.step += 1
    return loss


def prepare(state: TrainingState, config: Config) -> None:
    """What a step depends on besides tensors that the step before it left."""
    # The first steps count more, so that the average does not lag behind.
    state.share.fill_(1 - min(config.training.average, (1 + state.step) / (10 + state.step)))


def learn(state: TrainingState, batch: Batch, config: Config, monitor: Monitor, share_done: float) -> Tensor:
    """A step as operations on tensors that stay where they are: a CUDA graph may record it and play it again."""
    model = state.model
    model.train()
    bank = state.bank.masked_fill(batch.reset[:, None], 0.0)

    def changed(features: Tensor) -> Tensor:
        device = features.device  # one of several with torch.nn.DataParallel
        features = augment(features, model.deviation.to(device), config, state.generator_on(device))
        monitor.mark("features")
        return features

    with autocast(config, bank.device):
        outputs = state.module(batch.audio, bank, changed)
    loss = scene_loss(outputs.logits.float(), batch.targets, config.loss, state.strategy.total)
    if outputs.embedding is not None:
        triplets = embedding_loss(
            outputs.embedding.float(), outputs.logits.float(), batch.targets, config.embedding, share_done
        )
        loss = loss + config.embedding.weight * triplets
    monitor.mark("forward")
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    monitor.mark("backward")
    torch.nn.utils.clip_grad_norm_(model.parameters(), config.training.clip_norm)
    state.optimizer.step()
    if state.average is not None:
        follow(state.average, model, state.share)
    state.bank.copy_(outputs.state.detach())
    monitor.mark("optimiser")
    return loss.detach()


def autocast(config: Config, device: torch.device) -> torch.autocast:
    """For the network alone; the classifier leaves it for its spectrogram."""
    return torch.autocast(device.type, torch.bfloat16, enabled=config.training.autocast == "bfloat16")


@torch.no_grad()
def follow(average: Classifier, model: Classifier, share: Tensor) -> None:
    """Move the average towards the trained weights by this share of the way."""
    for a, m in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if a.is_floating_point():
            a.lerp_(m, share)
        else:  # a batch norm counts its steps
            a.copy_(m)


def new_optimizer(model: Classifier, config: Config, device: torch.device) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter, ICLR 2019)."""
    settings = config.training
    graph = settings.graph and device.type == "cuda"
    peak = settings.learning_rate_for(settings.streams)
    rate = torch.tensor(peak, device=device) if graph else peak
    return torch.optim.AdamW(model.parameters(), rate, weight_decay=settings.weight_decay, capturable=graph)


def set_learning_rate(optimizer: torch.optim.Optimizer, value: float) -> None:
    """In place where it is a tensor, which a CUDA graph reads."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(value)
        else:
            group["lr"] = value


def run(
    state: TrainingState,
    windows: Iterator[Batch],
    steps: int,
    steps_per_epoch: int,
    config: Config,
    after_epoch: Callable[[int, dict[str, float]], str],
    stop: Callable[[], bool],
    monitor: Monitor = SILENT,
    step: Callable[[TrainingState, Batch, Config, Monitor, float], Tensor] = train_step,
) -> None:
    """Train from state.step to `steps`.

    Args:
        after_epoch: called with the epoch's number and its figures; returns words for the progress line.
        stop: asked after every step; True ends training there, in all processes.
        monitor: told of every phase of every step.
        step: what learns from a batch.
    """
    progress = Progress(steps, "step", silent=not state.strategy.leads)
    told = "first epoch"
    counted, begun = 0, time.monotonic()
    for batch in windows:
        monitor.mark("data")
        set_learning_rate(state.optimizer, learning_rate(state.step, steps, config))
        state.epoch_loss += step(state, batch, config, monitor, state.step / steps)
        monitor.after_step(state.step)
        state.strategy.after_step(state)
        state.epoch_steps += 1
        counted += 1
        progress.update(state.step, told)
        if state.step % steps_per_epoch == 0 or state.step == steps:
            seconds = time.monotonic() - begun
            audio_seconds = counted * config.training.streams * config.window_samples / config.spectrogram.rate_hz
            figures = {
                "train/loss": state.strategy.mean(float(state.epoch_loss), state.epoch_steps),
                "train/learning_rate": learning_rate(state.step - 1, steps, config),
                "train/audio_seconds_per_second": audio_seconds / seconds,
                **monitor.epoch_figures(),
            }
            state.epoch_loss.zero_()
            state.epoch_steps = 0
            told = after_epoch(math.ceil(state.step / steps_per_epoch), figures)
            counted, begun = 0, time.monotonic()
            monitor.pause()
        if state.strategy.agreed(stop()):
            break
    progress.close()
