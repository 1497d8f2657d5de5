"""`auricle throughput`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click


@click.command()
@click.argument("config", default="gru")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="A pack, or a plain folder of recordings.")
@click.option("--background", type=click.Path(path_type=Path), help="Room sound, a pack or a plain folder.")
@click.option("--set", "changes", multiple=True, metavar="A.B=VALUE", help="Change a setting of the config.")
@click.option("--device", default="auto", type=click.Choice(["auto", "cpu", "cuda"]), show_default=True)
@click.option("--threads", default=1, type=click.IntRange(1), show_default=True, help="CPU threads of every row.")
@click.option("--workers", default=1, type=click.IntRange(0, 64), show_default=True, help="Of the rows with workers.")
@click.option("--batches", default="", metavar="N,N,...", help="Batch sizes to try. [default: fit the device]")
@click.option("--seconds", default=4.0, type=click.FloatRange(0.1, 600), show_default=True, help="For each row.")
@click.option(
    "--passes", default=1, type=click.IntRange(1, 100), show_default=True, help="Of each row the fastest counts."
)
@click.option("--rounds", default=11, type=click.IntRange(1, 1000), show_default=True, help="Turns for the two ratios.")
@click.option("--to-accuracy", type=click.FloatRange(0, 100), help="Instead: seconds to this accuracy in %.")
@click.option("--write", type=click.Path(path_type=Path), metavar="FILE.toml", help="Write the proposed config.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write all figures; '-' prints them.")
@click.option("--picture", type=click.Path(path_type=Path), help="Write the table as a PNG.")
@click.option("--seed", default=0, type=click.IntRange(0), show_default=True)
def throughput(
    config: str,
    data: Path,
    background: Path | None,
    changes: tuple[str, ...],
    device: str,
    threads: int,
    workers: int,
    batches: str,
    seconds: float,
    passes: int,
    rounds: int,
    to_accuracy: float | None,
    write: Path | None,
    json_file: Path | None,
    picture: Path | None,
    seed: int,
) -> None:
    """Measure how fast this machine trains CONFIG: a table from the naive set-up to the fast path, and a proposal.

    \b
    Example:
      auricle throughput gru --data PACK
      auricle throughput gru --data PACK --json speed.json --picture speed.png --write mine.toml
      auricle throughput gru --data PACK --to-accuracy 95
    """
    import torch

    from auricle_shared.files import write_text
    from auricle_trainer.device import choose_device
    from auricle_trainer.metrics.plots import save

    from .accuracy import as_text as accuracy_text
    from .accuracy import seconds_to
    from .propose import as_changes, proposal, write_config
    from .report import as_text, figure
    from .rows import batch_sizes
    from .table import open_setup, run_table

    where = choose_device(device)
    torch.set_num_threads(threads)
    printed = str(json_file) == "-"
    with open_setup(config, changes, data, background, where, seed) as setup:
        sizes = batch_sizes(batches, where)
        if to_accuracy is not None:
            reached = seconds_to(setup, to_accuracy / 100, sizes)
            found: dict[str, Any] = {"to_accuracy": to_accuracy / 100, "rows": reached}
            text = accuracy_text(reached, to_accuracy / 100)
        else:
            found, rows = run_table(setup, sizes, workers, seconds, rounds, passes)
            found["proposal"] = proposal(rows, setup.config.training)
            text = as_text(found)
            if picture:
                save(figure(found), picture)
    click.echo(json.dumps(found, indent=2) if printed else text)
    if json_file and not printed:
        write_text(json_file, json.dumps(found, indent=2))
    if to_accuracy is None and not printed:
        click.echo(f"Proposed for this machine: {as_changes(found['proposal'])}")
    if write and to_accuracy is None:
        write_config(config, found["proposal"], write)
        click.echo(f"written to {write}; auricle train {write} --data {data} --run runs/fast", err=printed)
