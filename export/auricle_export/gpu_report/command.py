"""`auricle gpu-report`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click


@click.command("gpu-report")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="A pack or recordings; else the alarm set, made here.")
@click.option("--device", default="auto", type=click.Choice(["auto", "cpu", "cuda"]), show_default=True)
@click.option("--threads", default=1, type=click.IntRange(1), show_default=True, help="CPU threads.")
@click.option("--quick", is_flag=True, help="Small sizes: shows that everything runs.")
def gpu_report(folder: Path, data: Path | None, device: str, threads: int, quick: bool) -> None:
    """Measure all about training on this machine's GPU; FOLDER gets report.txt, report.json and speed.png.

    The table of `auricle throughput` with all augmentation, the arithmetic floor, the gradient of cuDNN's GRU against
    torch's own, its time by units and batch, ONNX Runtime's CUDA provider against its CPU, a step in float32, TF32 and
    bfloat16, and nn.DataParallel. Runs on a CPU too, with what a CPU has.

    \b
    Example:
      auricle gpu-report reports/h100
      auricle gpu-report reports/h100 --data PACK
    """
    import torch

    from auricle_shared.files import write_text
    from auricle_trainer.device import choose_device
    from auricle_trainer.metrics.plots import save
    from auricle_trainer.throughput.report import figure
    from auricle_trainer.throughput.table import open_setup

    from .report import Sizes, alarm_sounds, measure, with_everything
    from .text import as_text

    def keep(so_far: dict[str, Any]) -> None:
        write_text(folder / "report.json", json.dumps(so_far, indent=2))

    where = choose_device(device)
    torch.set_num_threads(threads)
    folder.mkdir(parents=True, exist_ok=True)
    config = "tiny" if quick else "gru"
    with open_setup(config, (), data or alarm_sounds(folder / "sounds", 4 if quick else 200), None, where, 0) as setup:
        found = measure(with_everything(setup), Sizes.of(where, quick), keep)
    text = as_text(found)
    write_text(folder / "report.txt", text + "\n")
    if "rows" in found["throughput"]:
        save(figure(found["throughput"]), folder / "speed.png")
    click.echo(text)
    click.echo(f"\nwritten to {folder}")
