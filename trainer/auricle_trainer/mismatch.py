"""`auricle mismatch`: what the usual differences between two front ends would have cost a trained model.

The model stays as it is; only the features at the time of use are computed as other programs compute them, with
librosa, one difference at a time. This is why Auricle's features live inside the model.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import numpy as np

    from auricle_shared.pack import Pack
    from auricle_shared.settings import SpectrogramSettings

    from .torch_scorer import TorchScorer

BATCH_CLIPS = 64
WINDOW_LEFT_OUT = "window as long as n_fft (win_length left out)"


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--data", required=True, type=click.Path(path_type=Path), help="A pack, or a plain folder of recordings.")
@click.option("--split", default="test", show_default=True, help="Which clips; 'all' for every one.")
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="Write the figures to this file ('-': print)."
)
def mismatch(run: Path, data: Path, split: str, json_file: Path | None) -> None:
    """Accuracy of RUN when the features at the time of use differ from training's, one difference a row.

    \b
    Example:
      auricle mismatch runs/digits --data fsdd
    """
    from auricle_shared.errors import AuricleError, ModelError
    from auricle_shared.files import write_text
    from auricle_shared.pack import open_data

    from .torch_scorer import open_if_checkpoint

    scorer = open_if_checkpoint(run)
    if scorer is None:
        raise ModelError(f"{run} is no run and no checkpoint. Wanted: a folder made by 'auricle train'.")
    settings = scorer.metadata.spectrogram
    if settings.kind != "log_mel":
        raise ModelError(f"{run} has linear features; the comparison is about log-mel ones (config gru).")
    try:
        import librosa  # noqa: F401
    except ImportError as error:
        raise AuricleError("The comparison computes its features with librosa: pip install librosa.") from error
    pack = open_data(data, settings.rate_hz)
    clips = pack.select("" if split == "all" else split)
    rows = []
    for name, features in variants(settings).items():
        result = judged(scorer, pack, clips, features)
        rows.append({"at_use_time": name, "accuracy": result["accuracy"], "n": result["n"]})
        if str(json_file) != "-":
            click.echo(f"{100 * result['accuracy']:6.2f} %  {name}")
    text = json.dumps(rows, indent=2)
    if str(json_file) == "-":
        click.echo(text)
    elif json_file is not None:
        write_text(json_file, text + "\n")


Features = Callable[["np.ndarray"], "np.ndarray"]


def variants(settings: SpectrogramSettings) -> dict[str, Features]:
    """Name -> function from a clip [samples] to features [frames, bands]; the first two are meant to be right."""
    import numpy as np

    from auricle_shared.audio import resample
    from auricle_shared.spectrogram import clip_spectrogram

    def mel(**changes: Any) -> Features:
        return lambda clip: librosa_log_mel(clip, settings, **changes)

    right = mel()
    to_db = 10.0 / np.log(10.0)
    found = {
        "the same function": lambda clip: clip_spectrogram(clip, settings),
        "librosa with the same parameters": right,
        "librosa's centre=True (frames looked up half a window ahead)": mel(center=True),
        WINDOW_LEFT_OUT: mel(window_samples=settings.n_fft),
        "hop of 256 samples": mel(hop_samples=256),
        "clip normalised to its peak": lambda clip: right(clip / max(1e-9, float(np.abs(clip).max()))),
        "mel formula of HTK": mel(htk=True),
        "mel bands not normalised (norm=None)": mel(norm=None),
        "both (torchaudio's defaults)": mel(htk=True, norm=None),
        "window not divided by its sum": mel(scale=False),
        f"eps 1e-6 instead of {settings.eps:g}": mel(eps=1e-6),
        "magnitude instead of power": mel(power=1.0),
        "decibels instead of natural logarithm": lambda clip: right(clip) * to_db,
        "decibels below the clip's maximum": lambda clip: (right(clip) - right(clip).max()) * to_db,
        "int16 not divided by 32768": lambda clip: right(clip * 32768.0),
        "8 kHz audio taken for 16 kHz": lambda clip: right(resample(clip, settings.rate_hz, settings.rate_hz / 2)),
    }
    if settings.window_samples == settings.n_fft:  # nothing to leave out
        del found[WINDOW_LEFT_OUT]
    return found


def librosa_log_mel(
    clip: np.ndarray,
    settings: SpectrogramSettings,
    window_samples: int | None = None,
    hop_samples: int | None = None,
    center: bool = False,
    power: float = 2.0,
    htk: bool = False,
    norm: str | None = "slaney",
    eps: float | None = None,
    scale: bool = True,
) -> np.ndarray:
    """ln(mel + eps) [frames, bands] by librosa; without changes, the model's own features."""
    import librosa
    import numpy as np

    from auricle_shared.spectrogram import pad_to_hop

    window = window_samples or settings.window_samples
    hop = hop_samples or settings.hop_samples
    clip = pad_to_hop(clip, settings.hop_samples).astype(np.float64)
    frames = len(clip) // hop
    if not center:  # librosa lays the window in the middle of n_fft samples; a stream's frame ends with its hop
        clip = np.pad(clip, (settings.carry_samples + (settings.n_fft - window) // 2, settings.n_fft))
    values = librosa.feature.melspectrogram(
        y=clip,
        sr=settings.rate_hz,
        n_fft=settings.n_fft,
        hop_length=hop,
        win_length=window,
        center=center,
        power=power,
        n_mels=settings.bands,
        fmin=settings.low_hz,
        fmax=settings.high_hz,
        htk=htk,
        norm=norm,
    )
    if scale:
        values = values / (0.5 * window) ** power  # the sum of a periodic Hann window is half its length
    return np.log(values[:, :frames] + (eps or settings.eps)).T.astype(np.float32)


def judged(scorer: TorchScorer, pack: Pack, clips: list[int], features: Features) -> dict[str, Any]:
    """The report of `auricle evaluate` with features made by another function."""
    import numpy as np
    import torch

    from auricle_shared.evaluate import check_data, judge
    from auricle_shared.pack import to_float

    from .models.arrays import TorchArrays

    check_data(scorer.metadata, pack, clips)
    model, logits = scorer.model.eval(), []
    for begin in range(0, len(clips), BATCH_CLIPS):
        found = [features(to_float(pack.audio(i))) for i in clips[begin : begin + BATCH_CLIPS]]
        longest = max(len(f) for f in found)
        padded = np.stack([np.pad(f, ((0, longest - len(f)), (0, 0))) for f in found])
        block = torch.from_numpy(padded.astype(np.float32))
        with torch.inference_mode():
            state = torch.zeros(len(found), int(model.network.state_size))  # type: ignore[arg-type]
            values, _ = model.network(TorchArrays, (block - model.mean) / model.deviation, state)
            found_logits = model.network.logits(TorchArrays, values)
        logits += [v[: len(f)].numpy() for v, f in zip(found_logits, found, strict=True)]
    return judge(scorer.metadata, [pack.clips[i] for i in clips], pack.labels, logits)
