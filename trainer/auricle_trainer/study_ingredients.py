"""`auricle study ingredients`: which changes of a config pay, seen on folds inside the training clips."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from .study_options import QUICK, with_options
from .study_runs import Training, side_by_side, train
from .study_streaming import points, spread

FOLDS = 5
DATA_SETS: dict[str, tuple[str, tuple[str, ...]]] = {
    "speech-commands": ("speech_commands", ()),
    "esc10": ("esc10", ("data.held_out_column=fold", 'data.held_out_value="1"')),
}
"""Folder below AURICLE_DATA, and the settings that keep the clips of reported figures out where its splits do not"""
INGREDIENTS: dict[str, tuple[str, ...]] = {
    "label smoothing": ("loss.label_smoothing=0.1",),
    "classes balanced": ("scenes.balance=balanced",),
    "windows of 3 s": ("training.window_seconds=3.0", "training.streams=16"),
}
"""Name -> settings that are changed in the base, each alone"""
BASE = "base"


@click.command()
@click.option(
    "--on", type=click.Choice(sorted(DATA_SETS)), default="speech-commands", show_default=True, help="Data set."
)
@click.option(
    "--only",
    "names",
    multiple=True,
    type=click.Choice(sorted(INGREDIENTS)),
    help="Not all, only these; with --also none but these.",
)
@click.option("--also", multiple=True, metavar="NAME:A.B=VALUE,...", help="An ingredient that is not in the list.")
@click.option(
    "--folds", default=FOLDS, type=click.IntRange(1, FOLDS), show_default=True, help="So many of the five folds."
)
@with_options
def ingredients(
    on: str,
    names: tuple[str, ...],
    also: tuple[str, ...],
    folds: int,
    data: Path,
    out: Path,
    configs: tuple[str, ...],
    seeds: int,
    jobs: int,
    changes: tuple[str, ...],
    quick: bool,
    json_file: Path | None,
) -> None:
    """Which changes of a config pay: five folds inside the training clips.

    Of Speech Commands the training speakers are dealt into folds, of ESC-10 the recordings of all official folds but
    the first (another with --set 'data.held_out_value="2"'). The base is the config with --set; every ingredient
    changes it alone. Each run is judged on the fold that it did not train on, with its last checkpoint; the difference
    to the base is paired by clip, fold and seed, and its 95 % interval is about other clips and other seeds. The
    validation speakers, or the official fold, are never looked at.

    \b
    Example:
      AURICLE_DATA=data auricle study ingredients --config conv_gru --folds 2
      AURICLE_DATA=data auricle study ingredients --also "more dropout:model.dropout=0.3"
      AURICLE_DATA=data auricle study ingredients --on esc10 --config environmental --also "mixed:augment.mix=1.0"
    """
    from auricle_shared.files import write_text

    listed = names or (() if also else INGREDIENTS)
    chosen = {BASE: (), **{name: INGREDIENTS[name] for name in listed}, **dict(map(parse, also))}
    seeds, folds = (1, 1) if quick else (seeds, folds)
    settings = (*DATA_SETS[on][1], *changes, *(QUICK if quick else ()))
    blocks = []
    for config in configs:
        planned = [
            plan(on, name, chosen[name], config, seed, fold, data, out, settings)
            for name in chosen
            for seed in range(seeds)
            for fold in range(folds)
        ]
        click.echo(f"{on}, config {config}: {len(planned)} runs, {jobs} side by side")
        found = side_by_side(judged, planned, jobs)
        rows = rows_of(chosen, found, seeds, folds)
        click.echo("\n" + table(rows))
        blocks.append({"config": config, "rows": rows})
    if json_file is not None:
        told = {"study": "ingredients", "data_set": on, "folds": folds, "configs": blocks}
        write_text(json_file, json.dumps(told, indent=2) + "\n")


def parse(text: str) -> tuple[str, tuple[str, ...]]:
    """'more dropout:model.dropout=0.3,training.epochs=60' -> name and changes."""
    name, colon, changes = text.partition(":")
    parts = tuple(part.strip() for part in re.split(r",(?=[^,\]]*=)", changes) if part.strip())
    if not (name.strip() and colon and parts and all("=" in part for part in parts)) or name.strip() == BASE:
        raise click.UsageError(f"--also {text}: wanted NAME:A.B=VALUE, for instance 'more dropout:model.dropout=0.3'.")
    return name.strip(), parts


def plan(
    on: str,
    name: str,
    change: Sequence[str],
    config: str,
    seed: int,
    fold: int,
    data: Path,
    out: Path,
    changes: Sequence[str],
) -> Training:
    held = (f"data.folds={FOLDS}", f"data.fold_number={fold}")
    folder = f"ingredients-{on}-{Path(config).stem}/{re.sub(r'[^a-z0-9]+', '-', name.lower())}/seed-{seed}-fold-{fold}"
    return Training(out / folder, config, data / DATA_SETS[on][0], seed, (*changes, *change, *held), "last.pt")


def judged(training: Training) -> dict[str, np.ndarray]:
    """Of every clip of the run's own fold: whether it was right alone, and with the state carried."""
    from auricle_shared.evaluate import Carried, judge_clips
    from auricle_shared.evaluate_command import background_audio
    from auricle_shared.files import write_text
    from auricle_shared.pack import open_data

    from .config import load_config
    from .selection import select_clips
    from .torch_scorer import open_if_checkpoint

    train(training)
    kept = training.run / "fold.json"
    if not (kept.is_file() and kept.stat().st_mtime > training.model.stat().st_mtime):
        settings = load_config(training.config, training.changes)
        pack = open_data(training.data, settings.spectrogram.rate_hz)
        scorer = open_if_checkpoint(training.model)
        assert scorer is not None  # a path that ends in .pt is opened or refused
        clips = select_clips(pack, settings.data, training.seed).validation
        how = Carried(background_audio(None, pack.rate_hz), orders=1)
        found = judge_clips(scorer, pack, clips, how)
        columns = {"clip": clips, "alone": found.alone.right.tolist(), "carried": found.share_carried.tolist()}
        write_text(kept, json.dumps(columns) + "\n")
    return {key: np.array(values) for key, values in json.loads(kept.read_text(encoding="utf-8")).items()}


def rows_of(
    names: Sequence[str] | dict[str, Any], found: Sequence[dict[str, np.ndarray]], seeds: int, folds: int
) -> list[dict[str, Any]]:
    """A row an ingredient; `found` goes by name, then seed, then fold."""
    from auricle_shared.paired import paired_difference

    def right(number: int, column: str) -> np.ndarray:
        """[seeds, clips of all folds]"""
        of_seeds = [found[(number * seeds + seed) * folds :][:folds] for seed in range(seeds)]
        return np.stack([np.concatenate([fold[column] for fold in parts]) for parts in of_seeds])

    return [
        {
            "ingredient": name,
            "clips": right(number, "alone").shape[1],
            "alone": right(number, "alone").mean(axis=1).tolist(),
            "carried": right(number, "carried").mean(axis=1).tolist(),
            "against_base": {
                key: paired_difference(right(0, key), right(number, key)).to_dict() for key in ("alone", "carried")
            },
        }
        for number, name in enumerate(names)
    ]


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown; mean ± sd over the seeds, differences to the first row with their 95 % interval."""
    lines = [
        "| ingredient | clip alone % | against base, points | state carried % | against base, points |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [row["ingredient"]]
        for key in ("alone", "carried"):
            cells += [spread(row[key]), points(row["against_base"][key]) if row is not rows[0] else ""]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
