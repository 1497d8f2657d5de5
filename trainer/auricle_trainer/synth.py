"""`auricle synth`: write the embedded alarm set as a pack."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click


@click.command()
@click.argument("pack", type=click.Path(path_type=Path))
@click.option(
    "--clips-per-class",
    type=click.IntRange(1, 100000),
    default=120,
    show_default=True,
    metavar="N",
    help="Clips of each sound, and a fifth of it of each look-alike.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Same seed, same sounds.")
@click.option(
    "--ranges",
    type=click.Choice(["train", "unseen"]),
    default="train",
    show_default=True,
    help="What pitches, rhythms and rooms are drawn from; 'unseen' has none of training's (split 'test').",
)
@click.option("--rate", type=click.IntRange(8000, 192000), default=16000, show_default=True, help="Samples a second.")
@click.option("--force", is_flag=True, help="Replace PACK if it is already there.")
@click.option("--json", "as_json", is_flag=True, help="Print counts and fingerprint as JSON.")
def synth(pack: Path, clips_per_class: int, seed: int, ranges: str, rate: int, force: bool, as_json: bool) -> None:
    """Make the alarm set and write it to PACK: no recordings and no network needed.

    Smoke alarm (ISO 8201 temporal-three), CO alarm (temporal-four), doorbell, telephone ring, siren, reversing beeper,
    and sounds that resemble them as background. What is trained on it is no safety device.

    \b
    auricle synth alarms
    auricle synth quick --clips-per-class 20
    auricle synth alarms-unseen --ranges unseen --seed 1
    """
    from .alarms import CLASSES, NEGATIVES, write_alarm_pack

    click.echo(f"Making {len(CLASSES)} sounds and {len(NEGATIVES)} that resemble them ...", err=True)
    with click.progressbar(length=1, label="clips", file=sys.stderr, update_min_steps=8) as bar:

        def progress(_done: int, total: int) -> None:
            bar.length = total
            bar.update(1)

        written = write_alarm_pack(pack, clips_per_class, seed, ranges, rate, progress, overwrite=force)
    if as_json:
        kept = ("rate_hz", "labels", "clips", "seconds", "counts", "splits", "fingerprint", "synth")
        click.echo(json.dumps({"pack": str(pack), **{key: written.info[key] for key in kept}}))
        return
    counts = ", ".join(f"{label} {count}" for label, count in written.info["counts"].items())
    click.echo(f"{pack}: {len(written)} clips, {written.seconds / 60:.0f} minutes at {rate} Hz ({counts})")
    click.echo(f"Next: auricle train alarms --data {pack} --run RUN")
