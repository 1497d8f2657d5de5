"""`auricle study few-shot`: words and speakers that training never heard, from 1, 5 and 10 examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from auricle_shared.files import write_text

from .few_shot_words import manifest_text, spoken_words, told
from .study_options import QUICK
from .study_runs import Training, auricle, train

QUICK_CLIPS = 12
"""Of each word, in the quick form"""


@click.command("few-shot")
@click.option(
    "--data", type=click.Path(path_type=Path), envvar="AURICLE_DATA", required=True, help="Folder of all data sets."
)
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/study"), show_default=True)
@click.option("--config", default="embedding", show_default=True)
@click.option("--seeds", default=1, type=click.IntRange(1), show_default=True)
@click.option("--set", "changes", multiple=True, metavar="A.B=VALUE", help="Change a setting of the config.")
@click.option("--quick", is_flag=True, help="A short run and few episodes, to see that it runs; means nothing.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write all figures to this file.")
def few_shot(
    data: Path, out: Path, config: str, seeds: int, changes: tuple[str, ...], quick: bool, json_file: Path | None
) -> None:
    """Train on words of speech_commands and more_words; tell ten other words of other speakers apart by few examples.

    \b
    Example:
      AURICLE_DATA=data auricle study few-shot --set training.epochs=20
    """
    folder = out / f"few-shot-{Path(config).stem}"
    folder.mkdir(parents=True, exist_ok=True)
    learned, tested = spoken_words(data)
    if quick:
        words = sorted({clip.word for clip in learned})
        learned = [clip for word in words for clip in [c for c in learned if c.word == word][:QUICK_CLIPS]]
    click.echo("\n".join(told(learned, tested)))
    packs = {}
    for side, clips in (("train", learned), ("test", tested)):
        manifest, packs[side] = folder / f"{side}.csv", folder / side
        write_text(manifest, manifest_text(data, folder, clips))
        auricle("import", manifest, packs[side], "--force")
    background = data / "background" if (data / "background").is_dir() else None
    results = []
    for seed in range(seeds):
        settings = (*changes, *(QUICK if quick else ()))
        run = Training(
            folder / f"seed-{seed}",
            config,
            packs["train"],
            seed,
            settings,
            background=background,
        )
        seconds = train(run)
        results.append({"run": run.run.name, "seconds": round(seconds), **_figures(run, packs["test"], quick)})
        click.echo(table(results[-1:]))
    if json_file is not None:
        write_text(json_file, json.dumps({"study": "few-shot", "runs": results}, indent=2) + "\n")


def _figures(run: Training, test: Path, quick: bool) -> dict[str, Any]:
    result = run.run / "few_shot.json"
    episodes = ("--episodes", 20) if quick else ()
    picture = run.run / "pictures" / "embedding.png"
    auricle("evaluate", run.model, "--data", test, "--split", "all", "--few-shot", *episodes, "--json", result,
            "--picture", picture)  # fmt: skip
    found: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    return found


def table(results: list[dict[str, Any]]) -> str:
    """A Markdown table, so that it can stand in a README as it is."""
    lines = [
        "| run | episodes | closed set % | right at 1 % false accepts | at 5 % | AUROC | training s |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in results:
        for f in r["few_shot"]:
            opened = [f"{100 * value:.1f}" for value in f["open_accuracy"].values()] or ["", ""]
            lines.append(
                f"| {r['run']} | {f['episodes']} of {f['ways']}-way {f['shots']}-shot "
                f"| {100 * f['accuracy']:.1f} ± {100 * f['half_width_95']:.1f} | {opened[0]} | {opened[1]} "
                f"| {f['auroc']:.3f} | {r['seconds']} |"
            )
    return "\n".join(lines)
