"""`auricle search`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click


@click.command()
@click.argument("space", metavar="SPACE.toml", type=click.Path(path_type=Path))
@click.option("--data", required=True, type=click.Path(path_type=Path), help="A pack, or a plain folder of recordings.")
@click.option("--background", type=click.Path(path_type=Path), help="Room sound, a pack or a plain folder.")
@click.option(
    "--trials", default=30, type=click.IntRange(1), show_default=True, help="How many, of all workers together."
)
@click.option("--workers", default=1, type=click.IntRange(1, 256), show_default=True, help="Processes side by side.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the search.  [default: runs/search/SPACE]")
@click.option("--storage", default="", help="Database URL for workers on many machines.  [default: SQLite in --out]")
@click.option("--name", default="", help="Of the search in a shared storage.  [default: SPACE]")
@click.option("--pruner", default="median", type=click.Choice(["median", "hyperband", "none"]), show_default=True)
@click.option(
    "--cost",
    default="none",
    type=click.Choice(["none", "parameters", "cpu-ms"]),
    show_default=True,
    help="A second aim, kept low; nothing is pruned then.",
)
@click.option(
    "--top", default=3, type=click.IntRange(1), show_default=True, help="Trials trained again with other seeds."
)
@click.option("--seeds", default=3, type=click.IntRange(1), show_default=True, help="Seeds for each of them.")
@click.option("--seed", default=0, type=click.IntRange(0), show_default=True, help="Of the trials, and what is tried.")
@click.option("--device", default="auto", type=click.Choice(["auto", "cpu", "cuda"]), show_default=True)
@click.option("--mlflow", is_flag=True, help="Tell MLflow of every trial.")
def search(
    space: Path,
    data: Path,
    background: Path | None,
    trials: int,
    workers: int,
    out: Path | None,
    storage: str,
    name: str,
    pruner: str,
    cost: str,
    top: int,
    seeds: int,
    seed: int,
    device: str,
    mlflow: bool,
) -> None:
    """Search for settings: train many configs, end the hopeless ones early, train the best again with other seeds.

    SPACE.toml names a config, and choices or ranges for what may change:

    \b
      config = "gru"
      set = ["training.epochs=20", "calibration.minutes=0"]
      [training]
      learning_rate = {low = 1e-3, high = 1e-2, log = true}
      [model]
      hidden = [64, 96, 128]

    Validation accuracy decides; test data are never looked at. The same command goes on where a search was stopped,
    and no finished trial is lost, nor half a trial: it goes on from its checkpoint. Writes best.toml, report.md with
    pictures, and report.json.

    \b
    Example:
      auricle search space.toml --data packs/digits --trials 40 --workers 2
      auricle search space.toml --data packs/digits --trials 200 --storage postgresql://user@host/optuna
    """
    import os
    import shlex
    import sys

    from auricle_shared.errors import SettingsError
    from auricle_shared.pack import open_data

    from .processes import side_by_side
    from .report import candidates, write_report
    from .rerun import finalists
    from .space import load_space
    from .storage import Memory, begin_or_check, open_study
    from .worker import Stopped, Work, work

    wanted = load_space(space)
    config = wanted.config_of(())
    folder = out or Path("runs/search") / space.stem
    database = storage or f"sqlite:///{(folder / 'search.db').absolute()}"
    memory = Memory(database, name or space.stem, pruner, cost, config.training.epochs, seed)
    pack = open_data(data, config.spectrogram.rate_hz)
    study = open_study(memory)
    begin_or_check(study, wanted, pack.fingerprint)
    spec = Work(memory, wanted, data, background, folder, trials, device, mlflow)
    parent = os.getpid() if workers > 1 else 0
    try:
        side_by_side(work, [replace(spec, worker=k, parent=parent) for k in range(workers)])
        best = finalists(replace(spec, parent=parent), candidates(study, top), seeds, workers)
    except (Stopped, KeyboardInterrupt) as error:
        click.echo(f"Stopped early; finished trials are kept. Go on with: {shlex.join(['auricle', *sys.argv[1:]])}")
        raise click.exceptions.Exit(130) from error
    click.echo(write_report(spec, study, best))
    if not best:
        raise SettingsError(f"None of {trials} trials could be trained; {folder}/report.md says why.")
    click.echo(f"{folder}/report.md; next: auricle train {folder}/best.toml --data {data} --run runs/best")
