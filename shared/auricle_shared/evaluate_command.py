"""`auricle evaluate`: one command for a run, a checkpoint and an exported model."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import numpy as np

    from .evaluate import Outcomes
    from .pack import Pack

QUIET_ROOM_DB = -60.0
BACKGROUND_SECONDS = 60.0


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--data", required=True, type=click.Path(path_type=Path), help="A pack, or a plain folder of recordings.")
@click.option("--split", default="test", show_default=True, help="Which clips; 'all' for every one.")
@click.option(
    "--where", metavar="COLUMN=VALUE", help="Only clips with this fold, speaker or group (then of any split)."
)
@click.option("--stream", is_flag=True, help="Also after background, and with the state carried through all clips.")
@click.option(
    "--orders", default=5, type=click.IntRange(1, 1000), show_default=True, help="Random orders for --stream."
)
@click.option(
    "--between-seconds",
    default=1.0,
    type=click.FloatRange(0, 60),
    show_default=True,
    help="Background between the clips with --stream; 0: back to back.",
)
@click.option("--scenes", is_flag=True, help="Also events on scenes: misses, false alarms an hour, time to detect.")
@click.option("--minutes", default=20.0, type=click.FloatRange(0.05, 24 * 60), show_default=True, help="Of scenes.")
@click.option(
    "--snr", "snr_db", type=float, help="Event over background in scenes, in dB; drawn (6 to 25) for each if absent."
)
@click.option(
    "--negatives", type=click.Path(path_type=Path), help="Long recordings without events, for --scenes to count on."
)
@click.option("--ignore", "ignored", multiple=True, metavar="LABEL", help="A label that is no event, for --scenes.")
@click.option("--pictures", type=click.Path(path_type=Path), help="Draw det.png and scene.png of --scenes in here.")
@click.option("--few-shot", is_flag=True, help="Instead: classes that training never heard, from a few clips of each.")
@click.option("--ways", default=5, type=click.IntRange(2), show_default=True, help="Classes an episode of --few-shot.")
@click.option("--episodes", default=600, type=click.IntRange(2, 10**6), show_default=True, help="Of --few-shot.")
@click.option("--background", type=click.Path(path_type=Path), help="Behind scenes, and between clips with --stream.")
@click.option("--seed", default=0, type=click.IntRange(0), show_default=True, help="Of scenes, and of the first order.")
@click.option("--checkpoints", type=click.Choice(["best", "all"]), default="best", help="'all': a table of a run's.")
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="Write the figures to this file ('-': print)."
)
@click.option("--clips", "clips_file", type=click.Path(path_type=Path), help="Write what was said of every clip (CSV).")
@click.option(
    "--picture",
    type=click.Path(path_type=Path),
    help="Draw the confusion matrix, or with --few-shot the embedding, into this PNG file.",
)
def evaluate(
    model: Path,
    data: Path,
    split: str,
    where: str | None,
    stream: bool,
    orders: int,
    between_seconds: float,
    scenes: bool,
    minutes: float,
    snr_db: float | None,
    negatives: Path | None,
    ignored: tuple[str, ...],
    pictures: Path | None,
    few_shot: bool,
    ways: int,
    episodes: int,
    background: Path | None,
    seed: int,
    checkpoints: str,
    json_file: Path | None,
    clips_file: Path | None,
    picture: Path | None,
) -> None:
    """Score labelled clips with MODEL: a model.onnx, a run's folder or a checkpoint.

    With --stream the same clips are scored three ways: each alone from zero state; after a second of background from
    zero state; and with the state carried through all of them, in several random orders with background between.

    With --scenes the clips become events of endless scenes: how many are missed at how many false alarms an hour, at
    the model's own thresholds and over a range of others; what is heard in the negatives is false. Of background and
    negatives with splits, those of --split are taken.

    Figures of a run, of its checkpoints and of models kept in it are added to RUN/evaluations.jsonl.

    With --few-shot, episodes of 5 classes that the model was not trained on are told apart by the embeddings of 1, 5
    and 10 clips of each; it takes a model of the config `embedding`.

    \b
    Example:
      auricle evaluate runs/first --data recordings
      auricle evaluate model.onnx --data other_words --split all --few-shot --picture embedding.png
      auricle evaluate model.onnx --data recordings --stream --json figures.json
      auricle evaluate model.onnx --data recordings --stream --between-seconds 0
      auricle evaluate model.onnx --data recordings --scenes --snr 10 --negatives speech --pictures pictures
    """
    if few_shot:
        if stream or scenes or checkpoints == "all":
            raise click.UsageError("--few-shot goes without --stream, --scenes and --checkpoints all.")
        from .few_shot_command import evaluate_few_shot

        evaluate_few_shot(model, data, split, where, ways, episodes, seed, background, json_file, picture)
        return
    from .accuracy import as_text, stream_as_text
    from .evaluate import Carried, judge_clips
    from .evaluation_record import keep_evaluation
    from .files import write_text
    from .pack import open_data
    from .scene_evaluation import SceneEvaluation, SceneOptions, check_drawing
    from .scene_text import as_text as scenes_as_text
    from .scorer import open_scorer

    paths = sorted((model / "checkpoints").glob("*.pt")) if checkpoints == "all" else [model]
    if not scenes and (negatives or ignored or pictures or snr_db is not None):
        raise click.UsageError("--snr, --negatives, --ignore and --pictures belong to --scenes; add it.")
    if scenes and checkpoints == "all":
        raise click.UsageError("--scenes judges one checkpoint; leave out --checkpoints all, or name a checkpoint.")
    if not paths:
        raise click.UsageError(f"--checkpoints all needs a run's folder with checkpoints; {model} has none.")
    if pictures is not None:
        check_drawing()
    results: dict[str, Any] = {}
    for path in paths:
        scorer = open_scorer(path)
        pack = open_data(data, scorer.metadata.rate_hz)
        clips = chosen_clips(pack, split, where)
        judged = None
        if scenes:  # what cannot be done is told before the clips are scored
            options = SceneOptions(minutes, snr_db, background, negatives, ignored, seed)
            judged = SceneEvaluation(scorer, pack, clips, "test" if where else split, options)
        noise = background_audio(background, scorer.metadata.rate_hz) if stream else None
        how = None if noise is None else Carried(noise, between_seconds, orders, seed)
        outcomes = judge_clips(scorer, pack, clips, how, progress=show_progress)
        results[path.name] = outcomes.report()
        if clips_file is not None and path is paths[0]:
            write_text(clips_file, clip_table(pack, clips, outcomes))
        if judged is not None:
            results[path.name]["scenes"] = judged.report(show_progress)
            if pictures is not None:
                judged.draw(results[path.name]["scenes"], pictures)
        keep_evaluation(path, scorer.metadata, pack, where or split, results[path.name])
    result = results[paths[0].name]
    if str(json_file) == "-":
        pass  # whoever reads JSON reads nothing else
    elif checkpoints == "all":
        click.echo("\n".join(_table(results)))
    else:
        click.echo(as_text(result))
        if stream:
            click.echo("\n" + stream_as_text(result))
        if scenes:
            click.echo("\n" + scenes_as_text(result["scenes"]))
    if json_file is not None:
        text = json.dumps(results if checkpoints == "all" else result, indent=2, ensure_ascii=False)
        if str(json_file) == "-":
            click.echo(text)
        else:
            write_text(json_file, text + "\n")
    if picture is not None:
        _draw(result, picture)


def chosen_clips(pack: Pack, split: str, where: str | None) -> list[int]:
    """Indices of the clips of a split, or of those with a value in a column.

    Raises DataError for a column that packs do not have, or a value that does not occur in it.
    """
    from .errors import DataError

    if where is None:
        return pack.select("" if split == "all" else split)
    column, equals, value = where.partition("=")
    if not equals or column not in ("fold", "speaker", "group", "split"):
        raise DataError(f"--where {where}: wanted fold=…, speaker=…, group=… or split=….")
    chosen = [i for i, c in enumerate(pack.clips) if getattr(c, column) == value]
    if not chosen:
        values = ", ".join(sorted({getattr(c, column) for c in pack.clips} - {""}))
        raise DataError(f"--where {where}: no clip of {pack.path} has it; {column} has {values or 'no values'}.")
    return chosen


def clip_table(pack: Pack, clips: Sequence[int], outcomes: Outcomes) -> str:
    """CSV: every clip's source and labels, whether it was right and what was said of it, in each way it was scored.

    `right_carried` is the share of the orders.
    """
    ways = {"": outcomes.alone}
    if outcomes.after_background is not None:
        ways["_after_background"] = outcomes.after_background
    orders = {f"_carried_{k}": outcome for k, outcome in enumerate(outcomes.carried)}
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    right = [f"right{way}" for way in ways] + ["right_carried"] * bool(orders)
    rows.writerow(["clip", "source", "labels", *right, *(f"said{way}" for way in ways | orders)])
    for place, i in enumerate(clips):
        c = pack.clips[i]
        told = [f"{int(outcome.right[place])}" for outcome in ways.values()]
        told += [f"{outcomes.share_carried[place]:g}"] if orders else []
        rows.writerow([i, c.source, ";".join(c.labels), *told, *(o.words(place) for o in (ways | orders).values())])
    return table.getvalue()


def background_audio(path: Path | None, rate_hz: int) -> np.ndarray:
    """Audio to play between clips: recordings, or white noise of a quiet room (-60 dB re full scale)."""
    import numpy as np

    from .pack import open_data, to_float

    samples = round(BACKGROUND_SECONDS * rate_hz)
    if path is None:
        return (np.random.default_rng(3).standard_normal(samples) * 10 ** (QUIET_ROOM_DB / 20)).astype(np.float32)
    return to_float(np.asarray(open_data(path, rate_hz).samples[: 20 * samples]))


def _table(results: dict[str, Any]) -> list[str]:
    lines = [f"{'checkpoint':20}  accuracy  95 % interval    correct of n"]
    for name, r in results.items():
        low, high = r["interval_95"]
        lines.append(
            f"{name:20}  {100 * r['accuracy']:6.2f} %  {100 * low:5.2f} to {100 * high:5.2f}   "
            f"{r['correct']} of {r['n']}"
        )
    return lines


def _draw(result: dict[str, Any], picture: Path) -> None:
    from .errors import AuricleError

    try:
        from auricle_trainer.metrics.plots import confusion_figure, save
    except ImportError as error:
        raise AuricleError("--picture needs auricle-trainer (it draws with matplotlib).") from error
    if len(result["confusion"]) and isinstance(result["confusion"][0][0], list):
        raise AuricleError("--picture draws one confusion matrix; a model for several labels at once has one a label.")
    save(confusion_figure(result), picture)


def show_progress(done: int, total: int, what: str = "clips") -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{what} {done}/{total}" + ("\n" if done == total else ""))
        sys.stderr.flush()
