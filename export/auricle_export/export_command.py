"""`auricle export`: write model.onnx, prove parity, say what to do on the device."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .kinds import KINDS, Kind

if TYPE_CHECKING:
    from auricle_shared.pack import Pack

    from .parity import ParityReport

    Clips = tuple[Pack, list[int]]

MOST_LOST_POINTS = 0.5
"""Of validation accuracy: what two seeds of the same training differ by, and more"""
DEVICE_LINES = """On the device (Python 3.11+; copy the two folders shared/ and runtime/ and the model there):
  pip install ./shared './runtime[cpu,mic]'
  auricle listen {name}"""


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--small", type=click.Choice(KINDS), help="Weights of half or a quarter of the size; the same speed.")
@click.option("--data", type=click.Path(path_type=Path), help="For --small: the run's data, where they lie now.")
@click.option(
    "--most-lost", default=MOST_LOST_POINTS, type=click.FloatRange(0, 100), show_default=True,
    help="For --small: points of validation accuracy that may be lost, else nothing is written.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Also a fine-tuned run that lost too much on held-out clips.")
def export(run: Path, model: Path, small: Kind | None, data: Path | None, most_lost: float, force: bool) -> None:
    """Write the best checkpoint of RUN as MODEL.onnx; a model that differs from it is not left behind.

    With --small the weights are stored rounded and unfolded when the file is opened. What that costs on the run's
    validation clips is said, and travels in the file.

    The run keeps the model, its hash and the parity report in RUN/exports.

    \b
    Example:
      auricle export runs/first model.onnx
      auricle export runs/first small.onnx --small int8
    """
    from auricle_shared.errors import ModelError
    from auricle_shared.files import aside
    from auricle_trainer.checkpoint import checkpoint_path, load_checkpoint, restore

    from .export_record import keep_export
    from .to_onnx import write_model

    if model.suffix != ".onnx":
        raise ModelError(f"The model's name is {model.name!r}; it must end in .onnx.")
    chosen = checkpoint_path(run)
    values = load_checkpoint(chosen)
    classifier, metadata, _ = restore(values)
    _check_verdict(metadata.provenance.get("fine_tuning"), run, force)
    accuracy = values["validation_accuracy"]
    told = "not validated" if accuracy is None else f"validation accuracy {100 * accuracy:.2f} %"
    click.echo(f"checkpoint {chosen} (epoch {values['epoch']}, {told})")
    if small is not None:
        clips = validation_clips(chosen, data)  # what is missing is said before the work is done
    candidate = aside(model).with_suffix(".onnx")
    try:
        write_model(candidate, classifier, metadata)
        report = check(chosen, candidate, None)
        click.echo(report.as_text())
        if not report.passed:
            raise ModelError(f"The exported model differs from {chosen}. {model} was not written.")
        if small is not None:
            report = make_small(candidate, small, clips, most_lost)
        os.replace(candidate, model)
    finally:
        candidate.unlink(missing_ok=True)
    try:
        keep_export(chosen, model, metadata, report.to_dict(), small or "float32")
    except OSError as error:  # the model is whole; the run lies where nothing can be written
        click.echo(f"{run} could not note the export ({error.strerror or error}).", err=True)
    click.echo(f"wrote {model} ({model.stat().st_size / 1000:.0f} kB)")
    click.echo(DEVICE_LINES.format(name=model.name))


def _check_verdict(fine_tuning: dict[str, Any] | None, run: Path, force: bool) -> None:
    """Raises ModelError for a fine-tuned run that lost too much on held-out clips."""
    from auricle_shared.errors import ModelError

    if fine_tuning is None:
        return
    before, after = (100 * fine_tuning["held_out"][key] for key in ("before", "after"))
    click.echo(f"fine-tuned from {fine_tuning['from']}: held-out clips {before:.2f} % before, {after:.2f} % after")
    if not fine_tuning["accepted"] and not force:
        raise ModelError(f"{run} lost too much by fine-tuning. Keep the old model, or export it with --force.")


def make_small(whole: Path, kind: Kind, clips: Clips, most_lost_points: float) -> ParityReport:
    """Round the model's weights in place, if the run's validation clips allow it; returns the parity with float32."""
    from .small_export import write_small

    report, loss = write_small(whole, whole, kind, *clips, most_lost_points)
    click.echo(f"\nweights as {kind}, against the same rounded weights in float32\n{report.as_text()}")
    click.echo(loss.as_text())
    return report


def validation_clips(checkpoint: Path, data: Path | None) -> Clips:
    """The clips that chose the run's best epoch. Raises DataError where they are gone."""
    from auricle_shared.pack import open_data
    from auricle_trainer.checkpoint import load_checkpoint, restore
    from auricle_trainer.run_record import data_path
    from auricle_trainer.selection import select_clips

    _, metadata, config = restore(load_checkpoint(checkpoint))
    pack = open_data(data or data_path(checkpoint.parent.parent), metadata.rate_hz)
    return pack, select_clips(pack, config.data, int(metadata.provenance["seed"])).validation


def check(run: Path, model: Path, data: Callable[[int], Pack] | None) -> ParityReport:
    """Compare a run or checkpoint with a model file; `data` opens a pack at a rate.

    A small model is compared with what the run's weights are when rounded as its own.
    """
    import torch

    from auricle_runtime.onnx_scorer import OnnxScorer
    from auricle_shared.errors import ModelError
    from auricle_trainer.checkpoint import checkpoint_path, load_checkpoint, restore
    from auricle_trainer.torch_scorer import TorchScorer

    from .oracle import NumpyScorer
    from .parity import compare
    from .small_export import small_parity, stored_as
    from .to_onnx import build_model

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
    kind = stored_as(found)
    if kind is not None:
        return small_parity(build_model(classifier, metadata), candidate, kind, pack)
    return compare(TorchScorer(classifier, metadata), candidate, pack, oracle=NumpyScorer(classifier, metadata))
