"""`auricle study streaming`: what the state carried on costs, trained on scenes and trained on lonely clips."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from .study_options import QUICK, with_options
from .study_runs import Training, evaluate, side_by_side, train

BETWEEN_SECONDS = (1.0, 0.0)


@dataclass(frozen=True)
class DataSet:
    data: str
    """folder below AURICLE_DATA"""
    split: str
    checkpoint: str
    lonely: tuple[str, ...]
    """settings with which every window is one clip from zero state, from its start"""


LONELY = ("scenes.reset=1.0", "scenes.starts_at_once=1.0", "scenes.gap_seconds=0.0", "training.window_seconds=1.0")
DATA_SETS = {
    # All clips last 1 s: a window is a clip.
    "speech-commands": DataSet("speech_commands", "val", "last.pt", LONELY),
    # Clips last 0.15 to 2.3 s: the pause keeps a second one out of the window; a clip that is cut is asked for all the
    # same. An epoch is counted by the pause, so that lonely clips train on 1.4 times as many events as scenes.
    "fsdd": DataSet(
        "fsdd",
        "test",
        "best.pt",
        (*LONELY, "scenes.gap_minimum_seconds=1.0", "scenes.adjoining=0.0", "loss.evidence_seconds=0.5"),
    ),
}


@dataclass(frozen=True)
class Row:
    """One network, trained in one way on one data set: of every seed and clip, how often it was right."""

    data_set: str
    config: str
    trained_on: str
    alone: np.ndarray
    """[seeds, n], 0 or 1"""
    after_background: np.ndarray
    between: np.ndarray
    """[seeds, n], share of the orders, with a pause between the clips"""
    back_to_back: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        from auricle_shared.paired import paired_difference

        ways = ("alone", "after_background", "between", "back_to_back")
        told: dict[str, Any] = {key: getattr(self, key).mean(axis=1).tolist() for key in ways}
        for key in ("between", "back_to_back"):
            told[f"{key}_against_after_background"] = paired_difference(
                self.after_background, getattr(self, key)
            ).to_dict()
        return {
            "data_set": self.data_set,
            "config": self.config,
            "trained_on": self.trained_on,
            "clips": self.alone.shape[1],
            **told,
        }


@click.command()
@click.option(
    "--on",
    "names",
    multiple=True,
    type=click.Choice(sorted(DATA_SETS)),
    default=tuple(sorted(DATA_SETS)),
    show_default=True,
    help="Data sets.",
)
@click.option("--orders", default=5, type=click.IntRange(1, 1000), show_default=True, help="Random orders a net.")
@with_options
def streaming(
    names: tuple[str, ...],
    orders: int,
    data: Path,
    out: Path,
    configs: tuple[str, ...],
    seeds: int,
    jobs: int,
    changes: tuple[str, ...],
    quick: bool,
    json_file: Path | None,
) -> None:
    """What accuracy is lost when the state is carried on: networks trained on scenes, and on lonely clips.

    The same clips are judged alone from zero state, after a second of background, and with the state carried through
    all of them in random orders, with a second of background between and back to back. The changes are paired with the
    clips after background; their 95 % intervals are about other clips and other seeds. Runs trained on scenes are those
    of the data set's own study.

    \b
    Example:
      AURICLE_DATA=data auricle study streaming --config gru --config conv_gru --seeds 3
    """
    from auricle_shared.files import write_text

    settings = (*changes, *(QUICK if quick else ()))
    seeds, orders = (1, min(2, orders)) if quick else (seeds, orders)
    planned = [
        (name, config, how, seed)
        for name in names
        for config in configs
        for how in ("scenes", "lonely")
        for seed in range(seeds)
    ]
    click.echo(f"{len(planned)} runs, {jobs} side by side; {orders} orders of the clips each")

    def work(item: tuple[str, str, str, int]) -> list[dict[str, np.ndarray]]:
        name, config, how, seed = item
        return judged(plan(name, config, how == "lonely", seed, data, out, settings), DATA_SETS[name], orders)

    judgements = side_by_side(work, planned, jobs)
    rows = [row_of(planned[k], judgements[k : k + seeds]).to_dict() for k in range(0, len(planned), seeds)]
    click.echo("\n" + table(rows))
    if json_file is not None:
        write_text(json_file, json.dumps({"study": "streaming", "orders": orders, "rows": rows}, indent=2) + "\n")


def plan(name: str, config: str, lonely: bool, seed: int, data: Path, out: Path, changes: Sequence[str]) -> Training:
    chosen = DATA_SETS[name]
    folder = f"{name}-{Path(config).stem}" + ("-lonely" if lonely else "")
    settings = (*changes, *(chosen.lonely if lonely else ()))
    return Training(out / folder / f"seed-{seed}", config, data / chosen.data, seed, settings, chosen.checkpoint)


def judged(training: Training, chosen: DataSet, orders: int) -> list[dict[str, np.ndarray]]:
    """Columns of every clip, for every pause between clips."""
    train(training)
    found = []
    for seconds in BETWEEN_SECONDS:
        options = ("--split", chosen.split, "--stream", "--orders", orders, "--between-seconds", seconds)
        found.append(evaluate(training, f"stream-{seconds:g}s-{orders}-orders", *options)[1])
    return found


def row_of(item: tuple[str, str, str, int], judgements: Sequence[list[dict[str, np.ndarray]]]) -> Row:
    def stacked(pause: int, column: str) -> np.ndarray:
        return np.stack([found[pause][column] for found in judgements])

    name, config, how, _ = item
    return Row(
        data_set=name,
        config=config,
        trained_on=how,
        alone=stacked(0, "right"),
        after_background=stacked(0, "right_after_background"),
        between=stacked(0, "right_carried"),
        back_to_back=stacked(1, "right_carried"),
    )


TOLD = {"scenes": "scenes", "lonely": "lonely clips"}


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown; mean ± sd over the seeds, losses with their 95 % interval."""
    lines = [
        "| data | network | trained on | clip alone % | after 1 s of background % | carried, 1 s between % "
        "| carried, back to back % | change with 1 s between, points | change back to back, points |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        shares = [spread(row[key]) for key in ("alone", "after_background", "between", "back_to_back")]
        changes = [points(row[f"{key}_against_after_background"]) for key in ("between", "back_to_back")]
        cells = [row["data_set"], row["config"], TOLD[row["trained_on"]], *shares, *changes]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def spread(shares: Sequence[float]) -> str:
    """In per cent; the standard deviation where there are several."""
    values = 100 * np.asarray(shares)
    return f"{values.mean():.2f}" + (f" ± {values.std(ddof=1):.2f}" if len(values) > 1 else "")


def points(change: dict[str, Any]) -> str:
    low, high = change["interval_95"]
    return f"{100 * change['difference']:+.2f} ({100 * low:+.2f} to {100 * high:+.2f})"
