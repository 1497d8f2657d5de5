"""`auricle train`."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click


@click.command()
@click.argument("config", default="conv_gru")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="A pack, or a plain folder of recordings.")
@click.option("--run", "folder", required=True, type=click.Path(path_type=Path), help="Folder for all results.")
@click.option("--background", type=click.Path(path_type=Path), help="Room sound, a pack or a plain folder.")
@click.option("--set", "changes", multiple=True, metavar="A.B=VALUE", help="Change a setting of the config.")
@click.option("--device", default="auto", type=click.Choice(["auto", "cpu", "cuda"]), show_default=True)
@click.option("--seed", default=0, type=click.IntRange(0), show_default=True, help="Everything random comes from it.")
@click.option("--threads", default=0, help="CPU threads; 0: one a core that no worker uses.")
@click.option("--profile", is_flag=True, help="Write torch's trace of some steps to RUN/profile/trace.json.")
@click.option(
    "--mlflow/--no-mlflow",
    default=None,
    envvar="AURICLE_MLFLOW",
    help="Tell MLflow too (MLFLOW_TRACKING_URI, or mlflow.db beside the run).  [default: where it is installed]",
)
@click.option("--resume", is_flag=True, help="Go on from the run's last checkpoint.")
def train(
    config: str,
    data: Path,
    folder: Path,
    background: Path | None,
    changes: tuple[str, ...],
    device: str,
    seed: int,
    threads: int,
    profile: bool,
    mlflow: bool | None,
    resume: bool,
) -> None:
    """Train a classifier; CONFIG is a TOML file or a shipped name: conv_gru (the default), gru, gru_linear,
    tcn, environmental, alarms, tiny.

    \b
    Example:
      auricle train conv_gru --data recordings --run runs/first
      auricle train conv_gru --data recordings --run runs/long --set training.epochs=80 --seed 1
    """
    import torch

    from auricle_shared.pack import open_data

    from .config import load_config
    from .device import choose_device
    from .mlflow_tracking.follower import following
    from .train import train as train_run

    settings = load_config(config, changes)
    where = choose_device(device)
    # A worker that mixes audio and a thread that computes on one core hold each other up.
    torch.set_num_threads(threads or max(1, (os.cpu_count() or 1) - settings.training.workers))
    rate_hz = settings.spectrogram.rate_hz
    pack = open_data(data, rate_hz)
    noise = open_data(background, rate_hz) if background else None
    with following(folder, mlflow) as observers:
        outcome = train_run(settings, pack, noise, folder, where, seed, resume, observers, profile)
    if not outcome.finished:
        same = ["auricle", "train", config, "--data", str(data), "--run", str(folder)]
        same += ["--background", str(background)] if background else []
        same += [part for change in changes for part in ("--set", change)]
        same += ["--seed", str(seed), "--device", device, "--resume"]
        click.echo(f"Stopped early. Go on with: {shlex.join(same)}")
        raise click.exceptions.Exit(130)
    click.echo(
        f"best validation accuracy {100 * outcome.best_accuracy:.2f} % (epoch {outcome.best_epoch}); "
        f"{folder}/checkpoints/best.pt"
    )
    click.echo(f"next: auricle export {folder} model.onnx")
