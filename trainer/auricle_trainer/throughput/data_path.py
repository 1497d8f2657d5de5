"""Two ratios from one run: what is compared takes turns, and each turn gives a ratio of its own.

A machine that grows slower half-way slows both sides. Of cores that others use too librosa, which calls many small
functions, suffers more: there the first ratio comes out larger.

data path        pack to features with all augmentation, against librosa clip by clip (both without a network)
step / network   the whole training step, against its network alone on features that lie ready
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from auricle_trainer.batches.workers import batches
from auricle_trainer.loop import augment, follow, train_step
from auricle_trainer.losses.scene_loss import scene_loss
from auricle_trainer.models.arrays import TorchArrays

from .measure import wait
from .naive import Clips, endless, loader
from .setup import MANY_STEPS, NAIVE_BATCH, Setup


def ratios(setup: Setup, batch: int, rounds: int) -> dict[str, Any]:
    """Medians over `rounds`, in which the four take turns in this process on torch's threads.

    Returns:
        data_path.ratio_to_naive (higher is better) and step_over_network (1 is the least there can be), each with its
        quartiles; clips a second of all four.
    """
    setup = setup.with_training(streams=batch, workers=0, graph=False)
    turns = Turns(setup)
    works: dict[str, Callable[[], int]] = {
        "naive_data": turns.naive_data,
        "data": turns.data,
        "network": turns.network,
        "step": turns.step,
    }
    taken: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    for _ in range(rounds):
        for name, work in works.items():
            taken[name].append(seconds_a_clip(work, setup.device))
    data = [n / d for n, d in zip(taken["naive_data"], taken["data"], strict=True)]
    whole = [s / n for s, n in zip(taken["step"], taken["network"], strict=True)]
    speed = {name: 1 / statistics.median(values) for name, values in taken.items()}
    return {
        "batch": batch,
        "rounds": rounds,
        "data_path": {
            "ratio_to_naive": statistics.median(data),
            "quartiles": quartiles(data),
            "clips_per_second": speed["data"],
            "naive_clips_per_second": speed["naive_data"],
        },
        "step_over_network": statistics.median(whole),
        "step_over_network_quartiles": quartiles(whole),
        "network_clips_per_second": speed["network"],
        "step_clips_per_second": speed["step"],
    }


class Turns:
    """One batch of each kind of work."""

    def __init__(self, setup: Setup) -> None:
        self._config, self._device = setup.config, setup.device
        self._librosa = endless(loader(Clips(setup, True)))
        plan = setup.plan()
        self._windows = batches(plan, range(MANY_STEPS), 0, self._device)
        self._state = setup.state(plan)
        self._state.model.train()
        self._batch = self._next_batch()
        self._features = self._heard()

    def _next_batch(self) -> Any:
        return next(self._windows)

    def _heard(self) -> torch.Tensor:
        model, state = self._state.model, self._state
        joined = model.with_tail(TorchArrays, self._batch.audio, state.bank)
        return augment(model.features(joined), model.deviation, self._config, state.generator)

    def naive_data(self) -> int:
        features, _ = next(self._librosa)
        features.to(self._device)
        return min(NAIVE_BATCH, len(features))

    def data(self) -> int:
        self._batch = self._next_batch()
        self._features = self._heard()
        return len(self._batch.audio)

    def network(self) -> int:
        state, config = self._state, self._config
        network, own = state.model.network, state.bank[:, config.spectrogram.carry_samples :]
        values, _ = network(TorchArrays, self._features, own)
        loss = scene_loss(network.logits(TorchArrays, values), self._batch.targets, config.loss)
        state.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(state.model.parameters(), config.training.clip_norm)
        state.optimizer.step()
        if state.average is not None:
            follow(state.average, state.model, state.share)
        return len(self._features)

    def step(self) -> int:
        train_step(self._state, self._next_batch(), self._config)
        return len(self._batch.audio)


def seconds_a_clip(work: Callable[[], int], device: torch.device) -> float:
    wait(device)
    begun = time.perf_counter()
    clips = work()
    wait(device)
    return (time.perf_counter() - begun) / clips


def quartiles(values: list[float]) -> list[float]:
    if len(values) < 2:
        return [values[0], values[0]]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return [low, high]
