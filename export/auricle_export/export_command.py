"""`auricle export`: write model.onnx, prove parity, say what to do on the device."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from auricle_shared.pack import Pack

    from .parity import ParityReport

DEVICE_LINES = """On the device (Python 3.11+; copy the two folders shared/ and runtime/ and the model there):
  pip install ./shared './runtime[cpu,mic]'
  auricle listen {name}"""


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("model", type=click.Path(path_type=Path))
def export(run: Path, model: Path) -> None:
    """Write the best checkpoint of RUN as MODEL.onnx; a model that differs from it is not left behind.

    \b
    Example:
      auricle export runs/first model.onnx
    """
    from auricle_shared.errors import ModelError
    from auricle_shared.files import aside
    from auricle_trainer.checkpoint import checkpoint_path, load_checkpoint, restore

    from .to_onnx import write_model

    if model.suffix != ".onnx":
        raise ModelError(f"The model's name is {model.name!r}; it must end in .onnx.")
    chosen = checkpoint_path(run)
    values = load_checkpoint(chosen)
    classifier, metadata, _ = restore(values)
    accuracy = values["validation_accuracy"]
    told = "not validated" if accuracy is None else f"validation accuracy {100 * accuracy:.2f} %"
    click.echo(f"checkpoint {chosen} (epoch {values['epoch']}, {told})")
    candidate = aside(model).with_suffix(".onnx")
    try:
        write_model(candidate, classifier, metadata)
        report = check(chosen, candidate, None)
        click.echo(report.as_text())
        if not report.passed:
            raise ModelError(f"The exported model differs from {chosen}. {model} was not written.")
        os.replace(candidate, model)
    finally:
        candidate.unlink(missing_ok=True)
    click.echo(f"wrote {model} ({model.stat().st_size / 1000:.0f} kB)")
    click.echo(DEVICE_LINES.format(name=model.name))


def check(run: Path, model: Path, data: Callable[[int], Pack] | None) -> ParityReport:
    """Compare a run or checkpoint with a model file; `data` opens a pack at a rate."""
    import torch

    from auricle_runtime.onnx_scorer import OnnxScorer
    from auricle_shared.errors import ModelError
    from auricle_trainer.checkpoint import checkpoint_path, load_checkpoint, restore
    from auricle_trainer.torch_scorer import TorchScorer

    from .oracle import NumpyScorer
    from .parity import compare

    torch.set_num_threads(1)  # small blocks: a second thread only waits, and on a busy machine it waits for minutes
    chosen = checkpoint_path(run)
    classifier, metadata, _ = restore(load_checkpoint(chosen))
    candidate = OnnxScorer(model, provider="cpu")
    found, wanted = candidate.metadata, metadata
    for name in ("labels", "spectrogram", "state_size", "activation", "embedding_size"):
        if getattr(found, name) != getattr(wanted, name):
            raise ModelError(
                f"{model} is not made from {chosen}: its {name} is {getattr(found, name)}, "
                f"the run's {getattr(wanted, name)}."
            )
    pack = data(metadata.rate_hz) if data else None
    return compare(TorchScorer(classifier, metadata), candidate, pack, oracle=NumpyScorer(classifier, metadata))
