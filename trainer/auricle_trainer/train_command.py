"""`auricle train`."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import click

from .strategies.choice import NAMES, choose_strategy, wants_launch


@click.command()
@click.argument("config", required=False)
@click.option("--data", type=click.Path(path_type=Path), help="A pack, or a plain folder of recordings.")
@click.option("--run", "folder", required=True, type=click.Path(path_type=Path), help="Folder for all results.")
@click.option("--background", type=click.Path(path_type=Path), help="Room sound, a pack or a plain folder.")
@click.option("--set", "changes", multiple=True, metavar="A.B=VALUE", help="Change a setting of the config.")
@click.option("--from", "begin_run", type=click.Path(path_type=Path), help="Fine-tune this run instead of a CONFIG.")
@click.option("--add", "added", type=click.Path(path_type=Path), help="Clips to learn with --from: reviewed or mined.")
@click.option(
    "--own-share", default=0.2, type=click.FloatRange(0.01, 0.8), show_default=True,
    help="Most events of an epoch that are added clips.",
)  # fmt: skip
@click.option("--device", default="auto", type=click.Choice(["auto", "cpu", "cuda"]), show_default=True)
@click.option("--seed", default=0, type=click.IntRange(0), show_default=True, help="Everything random comes from it.")
@click.option("--threads", default=0, help="CPU threads; 0: one a core that no worker uses.")
@click.option("--strategy", default="auto", type=click.Choice(NAMES), show_default=True, help="Who trains; see below.")
@click.option("--processes", default=1, type=click.IntRange(1, 256), show_default=True, help="Of ddp and hogwild.")
@click.option("--profile", is_flag=True, help="Write torch's trace of some steps to RUN/profile/trace.json.")
@click.option(
    "--mlflow/--no-mlflow",
    default=None,
    envvar="AURICLE_MLFLOW",
    help="Tell MLflow too (MLFLOW_TRACKING_URI, or mlflow.db beside the run).  [default: where it is installed]",
)
@click.option("--resume", is_flag=True, help="Go on from the run's last checkpoint.")
def train(
    config: str | None,
    data: Path | None,
    folder: Path,
    background: Path | None,
    changes: tuple[str, ...],
    begin_run: Path | None,
    added: Path | None,
    own_share: float,
    device: str,
    seed: int,
    threads: int,
    strategy: str,
    processes: int,
    profile: bool,
    mlflow: bool | None,
    resume: bool,
) -> None:
    """Train a classifier; CONFIG is a TOML file or a shipped name: conv_gru (the default), gru, gru_linear,
    tcn, embedding, environmental, alarms, tiny.

    With --from and --add, a finished run learns from further clips: its own data stay, the added clips come as often as
    --own-share allows, and both models are compared on clips that neither was trained on. If the new one lost more
    than one point there, the exit code is 3 and 'auricle export' refuses it.

    Strategies: 'single', one process on one device; 'data-parallel', every batch split over the GPUs of one process;
    'ddp', several processes with streams of their own and one gradient; 'hogwild', several processes on a CPU that
    write into the same weights. 'auto' is ddp with --processes or under torchrun, else single. training.streams is the
    number of streams of all processes together.

    \b
    Example:
      auricle train conv_gru --data recordings --run runs/first
      auricle train conv_gru --data recordings --run runs/long --set training.epochs=80 --seed 1
      auricle train conv_gru --data recordings --run runs/two --strategy ddp --processes 2
      auricle train --from runs/first --add reviewed --run runs/second
      torchrun --standalone --nproc-per-node 4 --max-restarts 3 -m auricle_shared.command -- train conv_gru ...
    """
    import torch

    from auricle_shared.pack import open_data

    from .config import load_config
    from .device import choose_device
    from .mlflow_tracking.follower import following
    from .train import train as train_run

    _check_usage(config, data, begin_run, added, wants_launch(strategy, processes))
    beginning = combined = None
    if begin_run and added:
        from .fine_tune_command import judged, old_background, prepared

        beginning, combined = prepared(begin_run, added, data, folder, own_share, changes, resume)
        background = background or old_background(begin_run)
    settings = beginning.config if beginning else load_config(config or "conv_gru", changes)
    rate_hz = settings.spectrogram.rate_hz
    where = choose_device(device)
    if wants_launch(strategy, processes):
        from .strategies.launch import launch

        open_data(data or "", rate_hz)  # a plain folder is packed once, before several processes look for it
        raise click.exceptions.Exit(launch(sys.argv[1:], processes))
    together = choose_strategy(strategy, processes, where)
    where = together.device(where)
    # A worker that mixes audio and a thread that computes on one core hold each other up.
    cores = (os.cpu_count() or 1) // together.processes
    torch.set_num_threads(threads or max(1, cores - settings.training.workers))
    with together.leader_first():
        pack = combined or open_data(data or "", rate_hz)
        noise = open_data(background, rate_hz) if background else None
    with following(folder, mlflow if together.leads else False) as observers:
        outcome = train_run(settings, pack, noise, folder, where, seed, resume, observers, profile, together, beginning)
    if not together.leads:
        raise click.exceptions.Exit(0 if outcome.finished else 130)
    if not outcome.finished:
        same = ["auricle", "train", *([config] if config else []), "--run", str(folder)]
        same += ["--data", str(data)] if data else []
        same += ["--from", str(begin_run), "--add", str(added)] if begin_run else []
        same += ["--background", str(background)] if background else []
        same += [part for change in changes for part in ("--set", change)]
        same += ["--seed", str(seed), "--device", device]
        same += ["--strategy", together.name, "--processes", str(together.processes)] if together.processes > 1 else []
        same += ["--resume"]
        click.echo(f"Stopped early. Go on with: {shlex.join(same)}")
        raise click.exceptions.Exit(130)
    click.echo(
        f"best validation accuracy {100 * outcome.best_accuracy:.2f} % (epoch {outcome.best_epoch}); "
        f"{folder}/checkpoints/best.pt"
    )
    if begin_run and combined and not judged(begin_run, folder, combined):
        raise click.exceptions.Exit(3)
    click.echo(f"next: auricle export {folder} model.onnx")


def _check_usage(config: str | None, data: Path | None, run: Path | None, added: Path | None, launches: bool) -> None:
    """Options that contradict each other."""
    if bool(run) != bool(added):
        raise click.UsageError("--from RUN and --add PACK go together: fine-tuning learns something new.")
    if run and config:
        raise click.UsageError("--from takes the config of its run; leave out CONFIG, and change it with --set.")
    if not run and not data:
        raise click.UsageError("--data is missing: a pack, or a plain folder of recordings.")
    if run and launches:
        raise click.UsageError("--from trains in one process; leave out --processes.")
