"""`auricle study`: the README's accuracy figures, from training to table, in one command each."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

FSDD_SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
QUICK = ("training.epochs=2", "training.window_seconds=1.0")


@dataclass(frozen=True)
class Study:
    """Which runs, and what is counted on which clips."""

    data: str
    """folder below AURICLE_DATA"""
    told: str
    columns: tuple[str, tuple[str, ...]] = ("", ())
    """a run for every value of this column, held out of training; without one, a run for every seed"""
    split: str = "test"
    checkpoint: str = "best.pt"
    """'last.pt' where the counted clips also served to choose the best epoch"""
    changes: tuple[str, ...] = field(default_factory=tuple)


STUDIES = {
    "fsdd": Study("fsdd", "FSDD, official split (takes 0-4 test; the same six speakers on both sides)"),
    "fsdd-speakers": Study("fsdd", "FSDD, each speaker in turn never heard in training", ("speaker", FSDD_SPEAKERS)),
    "esc10": Study(
        "esc10",
        "ESC-10, five official folds, decision over 5 s",
        ("fold", ("1", "2", "3", "4", "5")),
        changes=("training.epochs=60", "loss.evidence_seconds=1.5"),
    ),
    "speech-commands": Study(
        "speech_commands",
        "Speech Commands, 12 classes, own speaker-disjoint split (not comparable with published figures)",
        split="val",
        checkpoint="last.pt",
    ),
}


@dataclass(frozen=True)
class Job:
    name: str
    train: tuple[str, ...]
    evaluate: tuple[str, ...]


@click.command()
@click.argument("name", type=click.Choice(sorted(STUDIES)))
@click.option("--data", type=click.Path(path_type=Path), envvar="AURICLE_DATA", required=True, help="All data sets.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/study"), show_default=True)
@click.option("--config", default="gru", show_default=True)
@click.option("--seeds", default=3, show_default=True, help="Runs where nothing is held out in turn.")
@click.option("--jobs", default=2, show_default=True, help="Runs side by side, one thread each.")
@click.option("--set", "changes", multiple=True, metavar="A.B=VALUE", help="Change a setting of the config.")
@click.option("--quick", is_flag=True, help="One short run, to see that the study runs; its figures mean nothing.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write all figures to this file.")
def study(
    name: str,
    data: Path,
    out: Path,
    config: str,
    seeds: int,
    jobs: int,
    changes: tuple[str, ...],
    quick: bool,
    json_file: Path | None,
) -> None:
    """Train and evaluate several runs and print one table: each run, mean and spread, and all clips pooled.

    \b
    Example:
      AURICLE_DATA=data auricle study fsdd --seeds 3
    """
    from auricle_shared.files import write_text

    chosen = STUDIES[name]
    planned = plan(chosen, seeds)[: 1 if quick else None]
    settings = (*chosen.changes, *changes, *(QUICK if quick else ()))
    folder = out / f"{name}-{config}"

    def work(job: Job) -> dict[str, Any]:
        return run_job(job, chosen, data / chosen.data, folder / job.name, config, settings)

    click.echo(f"{chosen.told}; config {config}; {len(planned)} runs, {jobs} side by side")
    rows = [work(planned[0])] if len(planned) == 1 else []
    if not rows:
        with ThreadPoolExecutor(jobs) as pool:
            rows = list(pool.map(work, planned))
    click.echo(table(rows))
    if json_file is not None:
        write_text(json_file, json.dumps({"study": name, "config": config, "rows": rows}, indent=2) + "\n")


def plan(chosen: Study, seeds: int) -> list[Job]:
    column, values = chosen.columns
    if not column:
        return [Job(f"seed-{k}", ("--seed", f"{k}"), ("--split", chosen.split)) for k in range(seeds)]
    held = (f"data.held_out_column={column}", 'data.held_out_value="{}"')
    return [
        Job(
            f"{column}-{value}",
            tuple(part for change in held for part in ("--set", change.format(value))),
            ("--where", f"{column}={value}"),
        )
        for value in values
    ]


def run_job(job: Job, chosen: Study, data: Path, run: Path, config: str, changes: Sequence[str]) -> dict[str, Any]:
    """Train and evaluate through the command line, as a user would; a finished run is not trained again."""
    model, result = run / "checkpoints" / chosen.checkpoint, run / "evaluation.json"
    begun = time.monotonic()
    if not result.is_file():
        settings = [part for change in changes for part in ("--set", change)]
        _auricle("train", config, "--data", data, "--run", run, "--threads", 1, *job.train, *settings)
    seconds = time.monotonic() - begun
    _auricle("evaluate", model, "--data", data, "--stream", "--json", result, *job.evaluate)
    found = json.loads(result.read_text(encoding="utf-8"))
    return {
        "run": job.name,
        "n": found["n"],
        "correct": found["correct"],
        "accuracy": found["accuracy"],
        "interval_95": found["interval_95"],
        "stream_accuracy": found["stream"]["accuracy"],
        "seconds": round(seconds),
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """A Markdown table, so that it can stand in a README as it is."""
    from auricle_shared.accuracy import wilson_interval

    lines = ["| run | right | accuracy % | 95 % interval | state carried % | training s |", "|---|---|---|---|---|---|"]
    for r in rows:
        low, high = r["interval_95"]
        lines.append(
            f"| {r['run']} | {r['correct']} of {r['n']} | {100 * r['accuracy']:.2f} "
            f"| {100 * low:.1f} to {100 * high:.1f} | {100 * r['stream_accuracy']:.2f} | {r['seconds']} |"
        )
    if len(rows) > 1:
        correct, n = sum(r["correct"] for r in rows), sum(r["n"] for r in rows)
        low, high = wilson_interval(correct, n)
        means = [statistics.mean(100 * r[key] for r in rows) for key in ("accuracy", "stream_accuracy")]
        spreads = [statistics.stdev(100 * r[key] for r in rows) for key in ("accuracy", "stream_accuracy")]
        lines.append(
            f"| **mean ± sd of {len(rows)}** | {correct} of {n} | **{means[0]:.2f} ± {spreads[0]:.2f}** "
            f"| pooled {100 * low:.1f} to {100 * high:.1f} | {means[1]:.2f} ± {spreads[1]:.2f} | |"
        )
    return "\n".join(lines)


def _auricle(*arguments: object) -> None:
    command = [sys.executable, "-m", "auricle_shared.command", *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.DEVNULL)
    if done.returncode:
        raise click.ClickException(f"'auricle {' '.join(map(str, arguments))}' ended with code {done.returncode}.")
