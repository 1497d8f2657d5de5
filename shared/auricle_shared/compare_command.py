"""`auricle compare`: is the second model better than the first, on the same clips, by more than chance?"""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command()
@click.argument("first", metavar="MODEL_A", type=click.Path(path_type=Path))
@click.argument("second", metavar="MODEL_B", type=click.Path(path_type=Path))
@click.option("--data", required=True, type=click.Path(path_type=Path), help="A pack, or a plain folder of recordings.")
@click.option("--split", default="test", show_default=True, help="Which clips; 'all' for every one.")
@click.option(
    "--where", metavar="COLUMN=VALUE", help="Only clips with this fold, speaker or group (then of any split)."
)
@click.option("--stream", is_flag=True, help="Also after background, and with the state carried through all clips.")
@click.option(
    "--orders", default=5, type=click.IntRange(1, 1000), show_default=True, help="Random orders for --stream."
)
@click.option("--between-seconds", default=1.0, type=click.FloatRange(0, 60), show_default=True, help="With --stream.")
@click.option("--background", type=click.Path(path_type=Path), help="Played between the clips with --stream.")
@click.option("--seed", default=0, type=click.IntRange(0), show_default=True, help="First order with --stream.")
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="Write the figures to this file ('-': print)."
)
def compare(
    first: Path,
    second: Path,
    data: Path,
    split: str,
    where: str | None,
    stream: bool,
    orders: int,
    between_seconds: float,
    background: Path | None,
    seed: int,
    json_file: Path | None,
) -> None:
    """Score the same clips with MODEL_A and MODEL_B (runs, checkpoints or model.onnx files) and compare, clip by clip.

    Prints both accuracies, the difference (B less A) with its 95 % interval, McNemar's exact test over the clips that
    changed, and the first of these clips. With --stream also after a second of background and with the state carried.

    \b
    Example:
      auricle compare runs/first runs/second --data recordings
      auricle compare runs/first model.onnx --data recordings --stream --json figures.json
    """
    from .compare import as_text
    from .compare import compare as compare_models
    from .evaluate import Carried
    from .evaluate_command import background_audio, chosen_clips, show_progress
    from .files import write_text
    from .pack import open_data
    from .scorer import open_scorer

    scorers = open_scorer(first), open_scorer(second)
    rate_hz = scorers[0].metadata.rate_hz
    pack = open_data(data, rate_hz)
    how = Carried(background_audio(background, rate_hz), between_seconds, orders, seed) if stream else None
    result = compare_models(*scorers, pack, chosen_clips(pack, split, where), how, show_progress).report()
    told = {"model_a": str(first), "model_b": str(second), **result}
    text = json.dumps(told, indent=2, ensure_ascii=False)
    if str(json_file) == "-":
        click.echo(text)
        return
    click.echo(as_text(result, str(first), str(second)))
    if json_file is not None:
        write_text(json_file, text + "\n")
