"""`auricle study`: the README's accuracy figures, from training to table, in one command each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from .study_enrolment import enrolment
from .study_few_shot import few_shot
from .study_ingredients import ingredients
from .study_options import QUICK, with_options
from .study_runs import Training, evaluate, side_by_side, train
from .study_streaming import spread, streaming

FSDD_SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")


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
    """'last.pt' where the counted clips also served to choose the best epoch, or where too few are kept to choose by"""


STUDIES = {
    "fsdd": Study("fsdd", "FSDD, official split (takes 0-4 test; the same six speakers on both sides)"),
    "fsdd-speakers": Study("fsdd", "FSDD, each speaker in turn never heard in training", ("speaker", FSDD_SPEAKERS)),
    "esc10": Study(
        "esc10",
        "ESC-10, five official folds, decision over 5 s",
        ("fold", ("1", "2", "3", "4", "5")),
        checkpoint="last.pt",
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
    seed: int
    changes: tuple[str, ...]
    """of training"""
    clips: tuple[str, ...]
    """arguments of evaluation"""


@click.group()
def study() -> None:
    """Train and evaluate several runs and print a table of them.

    A run that is finished is not trained again; one that was stopped goes on.

    \b
    Example:
      AURICLE_DATA=data auricle study fsdd --seeds 3
      AURICLE_DATA=data auricle study speech-commands --config gru --config conv_gru --jobs 1
    """


study.add_command(streaming)
study.add_command(ingredients)
study.add_command(few_shot)
study.add_command(enrolment)


def accuracy_study(
    name: str,
    data: Path,
    out: Path,
    configs: tuple[str, ...],
    seeds: int,
    jobs: int,
    changes: tuple[str, ...],
    quick: bool,
    json_file: Path | None,
) -> None:
    from auricle_shared.files import write_text

    chosen = STUDIES[name]
    planned = plan(chosen, seeds)[: 1 if quick else None]
    settings = (*changes, *(QUICK if quick else ()))
    click.echo(f"{chosen.told}; {len(planned)} runs a config, {jobs} side by side")
    found = {}
    for config in configs:
        runs = [(job, training(name, chosen, job, data, out, config, settings)) for job in planned]
        found[config] = side_by_side(run_job, runs, jobs)
        click.echo(f"\nconfig {config}\n\n{table(found[config])}")
    if json_file is not None:
        blocks = [{"config": config, "rows": rows} for config, rows in found.items()]
        write_text(json_file, json.dumps({"study": name, "configs": blocks}, indent=2) + "\n")


def _command(name: str) -> click.Command:
    @with_options
    def run(**options: Any) -> None:
        accuracy_study(name, **options)

    run.__doc__ = f"{STUDIES[name].told}.\n\nEach run, mean and spread, and all clips pooled."
    return click.command(name)(run)


for _name in STUDIES:
    study.add_command(_command(_name))


def plan(chosen: Study, seeds: int) -> list[Job]:
    column, values = chosen.columns
    if not column:
        return [Job(f"seed-{k}", k, (), ("--split", chosen.split)) for k in range(seeds)]
    held = (f"data.held_out_column={column}", 'data.held_out_value="{}"')
    return [
        Job(f"{column}-{v}", 0, tuple(change.format(v) for change in held), ("--where", f"{column}={v}"))
        for v in values
    ]


def training(
    name: str, chosen: Study, job: Job, data: Path, out: Path, config: str, changes: Sequence[str]
) -> Training:
    run = out / f"{name}-{Path(config).stem}" / job.name
    return Training(run, config, data / chosen.data, job.seed, (*job.changes, *changes), chosen.checkpoint)


def run_job(item: tuple[Job, Training]) -> dict[str, Any]:
    job, run = item
    seconds = train(run)
    found, _ = evaluate(run, "evaluation", "--stream", *job.clips)
    return {
        "run": job.name,
        "n": found["n"],
        "correct": found["correct"],
        "accuracy": found["accuracy"],
        "interval_95": found["interval_95"],
        "after_background_accuracy": found["after_background"]["accuracy"],
        "stream_accuracy": found["stream"]["accuracy"],
        "seconds": round(seconds),
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """A Markdown table, so that it can stand in a README as it is."""
    from auricle_shared.accuracy import wilson_interval

    lines = [
        "| run | right | accuracy % | 95 % interval | after 1 s of background % | state carried % | training s |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        low, high = r["interval_95"]
        lines.append(
            f"| {r['run']} | {r['correct']} of {r['n']} | {100 * r['accuracy']:.2f} | {100 * low:.1f} to "
            f"{100 * high:.1f} | {100 * r['after_background_accuracy']:.2f} | {100 * r['stream_accuracy']:.2f} "
            f"| {r['seconds']} |"
        )
    if len(rows) > 1:
        correct, n = sum(r["correct"] for r in rows), sum(r["n"] for r in rows)
        low, high = wilson_interval(correct, n)
        keys = ("accuracy", "after_background_accuracy", "stream_accuracy")
        told = [spread([r[key] for r in rows]) for key in keys]
        lines.append(
            f"| **mean ± sd of {len(rows)}** | {correct} of {n} | **{told[0]}** "
            f"| pooled {100 * low:.1f} to {100 * high:.1f} | {told[1]} | {told[2]} | |"
        )
    return "\n".join(lines)
