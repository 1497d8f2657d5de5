"""The set-up most people begin with: a librosa spectrogram for each clip when it is asked for, batches of 64.

It computes the same network's gradient on the same lengths of audio, with the same hop, window and bands, and torch's
own GRU. Nothing is mixed or changed: it hears less than the other rows and is slower all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from auricle_shared.audio import read_audio
from auricle_shared.errors import AuricleError
from auricle_shared.pack import to_float
from auricle_shared.settings import SpectrogramSettings
from auricle_shared.spectrogram import constants, convert, spectrogram
from auricle_trainer.checkpoint import make_classifier
from auricle_trainer.models.arrays import TorchArrays
from auricle_trainer.monitor import StepClock

from .setup import NAIVE_BATCH, Setup


@contextmanager
def librosa_on_torch_threads() -> Iterator[None]:
    """librosa's products on as many threads as torch's; NumPy would take every core, for waiting (it is no faster)."""
    try:
        import librosa  # noqa: F401
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        raise AuricleError("The first row of the table computes features with librosa: pip install librosa.") from error
    with threadpool_limits(torch.get_num_threads(), "blas"):
        yield


def librosa_features(clip: np.ndarray, settings: SpectrogramSettings, frames: int) -> np.ndarray:
    """ln(power + eps) float32 [frames, bands] of one clip, as a beginner writes it."""
    import librosa

    sizes: dict[str, Any] = {"n_fft": settings.n_fft, "hop_length": settings.hop_samples}
    sizes["win_length"] = settings.window_samples
    if settings.kind == "log_mel":
        power = librosa.feature.melspectrogram(
            y=clip, sr=settings.rate_hz, n_mels=settings.bands, fmin=settings.low_hz, fmax=settings.high_hz, **sizes
        )
    else:
        power = np.abs(librosa.stft(clip, **sizes))[: settings.bands] ** 2
    return np.asarray(np.log(power[:, :frames] + settings.eps).T, np.float32)


class Clips(Dataset[tuple[Any, int]]):
    """One clip and its class, cut or filled up with silence to a window's length.

    Args:
        features: whether a clip comes as librosa's features or as int16 samples.
        files: the clips as WAV files, decoded when asked for, instead of the pack.
    """

    def __init__(self, setup: Setup, features: bool, files: Sequence[Path] = ()) -> None:
        self._pack, self._clips = setup.pack, setup.selection.train
        self._settings, self._samples = setup.config.spectrogram, setup.config.window_samples
        self._features, self._files = features, files
        self._place = {label: i for i, label in enumerate(setup.pack.labels)}

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, number: int) -> tuple[Any, int]:
        clip = self._clips[number]
        label = self._place[self._pack.clips[clip].labels[0]]
        if self._files:
            stored = read_audio(self._files[number % len(self._files)])[0][: self._samples]
        else:
            stored = self._pack.audio(clip)[: self._samples]
        if not self._features:
            return np.pad(np.asarray(stored), (0, self._samples - len(stored))), label
        audio = stored if stored.dtype.kind == "f" else to_float(stored)
        audio = np.pad(audio, (0, self._samples - len(audio)))
        return librosa_features(audio, self._settings, self._samples // self._settings.hop_samples), label


def _one_thread(_: int) -> None:
    """As torch does in its workers."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1, "blas")


def loader(clips: Clips, workers: int = 0) -> DataLoader[Any]:
    return DataLoader(
        clips,
        NAIVE_BATCH,
        shuffle=True,
        drop_last=len(clips) >= NAIVE_BATCH,
        num_workers=workers,
        worker_init_fn=_one_thread,
        multiprocessing_context="spawn" if workers else None,
        persistent_workers=bool(workers),
    )


def endless(batches: DataLoader[Any]) -> Iterator[Any]:
    while True:
        yield from batches


class PlainArrays(TorchArrays):
    """torch's own GRU, also in training on a CPU."""

    @staticmethod
    def gru(layer: nn.GRU, x: Tensor, hidden: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        y, last = layer(x, torch.stack(list(hidden)))
        return y, list(last)


class Learner:
    """The config's network on lonly clips: cross entropy of the mean logits, Adam."""

    def __init__(self, setup: Setup, arrays: type[TorchArrays]) -> None:
        torch.manual_seed(setup.seed)
        self.model = make_classifier(setup.config, len(setup.pack.labels)).to(setup.device).train()
        self._arrays, self._device = arrays, setup.device
        self._optimizer = torch.optim.Adam(self.model.parameters(), 1e-3)

    def learn(self, features: Tensor, labels: Tensor, clock: StepClock) -> None:
        size = self.model.state_size - self.model.settings.carry_samples
        state = torch.zeros(len(features), size, device=self._device)
        values, _ = self.model.network(self._arrays, features, state)
        loss = F.cross_entropy(self.model.network.logits(self._arrays, values).mean(1), labels)
        clock.mark("forward")
        self._optimizer.zero_grad()
        loss.backward()
        clock.mark("backward")
        self._optimizer.step()
        clock.mark("optimiser")


def naive_steps(setup: Setup, clock: StepClock, workers: int = 0, files: Sequence[Path] = ()) -> Iterator[int]:
    """Features by librosa, one clip at a time; copied to the device when they are needed, and waited for."""
    learner = Learner(setup, PlainArrays)
    for features, labels in endless(loader(Clips(setup, True, files), workers)):
        clock.mark("data")
        features, labels = features.to(setup.device), labels.to(setup.device)
        clock.mark("features")
        learner.learn(features, labels, clock)
        yield len(labels)


def batched_steps(setup: Setup, clock: StepClock, arrays: type[TorchArrays]) -> Iterator[int]:
    """int16 to the device, the features of the whole batch there at once."""
    learner, settings = Learner(setup, arrays), setup.config.spectrogram
    values = convert(constants(settings), lambda x: torch.tensor(x, dtype=torch.float32, device=setup.device))
    for samples, labels in endless(loader(Clips(setup, False))):
        clock.mark("data")
        samples, labels = samples.to(setup.device), labels.to(setup.device)
        with torch.no_grad():
            audio = F.pad(samples.float() / 32768, (settings.carry_samples, 0))
            features = spectrogram(TorchArrays, audio, values, settings)
        clock.mark("features")
        learner.learn(features, labels, clock)
        yield len(labels)
