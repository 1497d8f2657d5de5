"""`auricle import`: labelled recordings into one pack."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from .source import KINDS

SHOWN_BROKEN = 20


@click.command("import")
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("pack", type=click.Path(path_type=Path))
@click.option(
    "--kind", type=click.Choice(["auto", *KINDS]), default="auto", show_default=True, help="Layout of SOURCE."
)
@click.option("--rate", "rate_hz", type=click.IntRange(1000, 192000), default=16000, show_default=True, metavar="HZ")
@click.option("--split", metavar="TRAIN/VAL/TEST", help="Parts, in percent.  [default: 80/10/10 where SOURCE has none]")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the split.")
@click.option(
    "--corrections", type=click.Path(path_type=Path), metavar="CSV", help="path,label: other labels; none drops."
)
@click.option(
    "--negatives", type=click.Path(path_type=Path), metavar="FOLDER", help="Long recordings of none of the sounds."
)
@click.option(
    "--pickle-rate", "pickle_rate_hz", type=click.IntRange(1000, 768000), metavar="HZ", help="If the pickle says none."
)
@click.option("--esc10", is_flag=True, help="Of ESC-50 only the ten classes of ESC-10.")
@click.option("--licence", default="", metavar="TEXT", help="Kept in the pack and in models trained on it.")
@click.option("--force", is_flag=True, help="Replace PACK if it is there.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def import_(
    source: Path,
    pack: Path,
    kind: str,
    rate_hz: int,
    split: str | None,
    seed: int,
    corrections: Path | None,
    negatives: Path | None,
    pickle_rate_hz: int | None,
    esc10: bool,
    licence: str,
    force: bool,
    as_json: bool,
) -> None:
    """Labelled recordings into one pack.

    \b
    auricle import recordings/ sounds.pack              class folders: recordings/dog/*.wav, recordings/cat/*.wav
    auricle import list.csv sounds.pack                 CSV: path,label and any of split,fold,speaker,group,
                                                        start_seconds,end_seconds; "a;b" is two labels
    auricle import sounds.pkl sounds.pack               dict label -> arrays, or pairs (array, label)
    auricle import data/fsdd digits.pack --rate 8000    after 'auricle fetch fsdd data'

    Reads whatever libsndfile reads, at any rate from 1 to 768 kHz, mixed to mono. What cannot be read is listed with
    the reason, here and in PACK/broken.csv, and the rest goes on. An import that was cut off (Ctrl-C, a kill) goes on
    where it was when the same command is given again.

    Labels and class folders named background, _background_, _background_noise_, background_noise, _silence_ or silence
    all become 'background': none of the sounds asked for.

    With --negatives FOLDER, long recordings in which none of the sounds happens (people talking, a television, the
    street) become clips of background of 4 s, so that training hears them as loud as the sounds themselves.

    Clips of one group (else of one speaker) never come on two sides of a split. A split or folds that SOURCE brings are
    kept; if it has train and test but no val, a tenth of train becomes val.
    """
    from .corrections import apply_corrections
    from .importing import import_source
    from .negatives import negative_clips
    from .source import open_source
    from .splits import Shares

    shares = Shares.parse(split) if split else None
    found = open_source(source, kind, pickle_rate_hz, esc10)
    click.echo(f"{found.path}: taken as {found.kind}, {len(found.recordings)} recordings.", err=True)
    notes = []
    if corrections is not None:
        recordings, note = apply_corrections(found.recordings, corrections)
        found, notes = replace(found, recordings=recordings), [note]
    if negatives is not None:
        pieces = negative_clips(negatives, keep_split=any(r.split for r in found.recordings))
        found = replace(found, recordings=[*found.recordings, *pieces])
        notes.append(f"{negatives} is in it as {len(pieces)} clips of background")
    with click.progressbar(length=len(found.recordings), label="Importing", file=sys.stderr) as bar:
        result = import_source(
            found, pack, rate_hz, shares, seed, licence, force, progress=lambda done: bar.update(done - bar.pos)
        )
    result.notes[:0] = notes
    click.echo(json.dumps(_summary(result, found.kind), ensure_ascii=False) if as_json else _report(result))


def _summary(result: Any, kind: str) -> dict[str, Any]:
    pack = result.pack
    return {
        "pack": str(pack.path),
        "kind": kind,
        "rate_hz": pack.rate_hz,
        "clips": len(pack),
        "seconds": round(pack.seconds, 3),
        "labels": list(pack.labels),
        "counts": result.table(),
        "splits": pack.info["splits"],
        "broken": [{"path": path, "reason": reason} for path, reason in result.broken],
        "notes": result.notes,
        "fingerprint": pack.fingerprint,
        "seconds_taken": round(result.seconds, 3),
        "bytes_per_second": round(result.bytes_per_second),
    }


def _report(result: Any) -> str:
    pack, table = result.pack, result.table()
    sides = [side for side in ("train", "val", "test", "") if side in pack.info["splits"]]
    wide = max(len(label) for label in (*table, "label"))
    lines = [f"{'label':<{wide}}" + "".join(f"{side or 'no split':>10}" for side in sides)]
    lines += [f"{label:<{wide}}" + "".join(f"{row.get(side, 0):>10}" for side in sides) for label, row in table.items()]
    lines += [f"Note: {note}" for note in result.notes]
    if result.broken:
        lines.append(f"{len(result.broken)} recordings could not be used (all in {pack.path / 'broken.csv'}):")
        lines += [f"  {path}: {reason}" for path, reason in result.broken[:SHOWN_BROKEN]]
        lines += [f"  ... and {len(result.broken) - SHOWN_BROKEN} more"] * (len(result.broken) > SHOWN_BROKEN)
    lines.append(
        f"{pack.path}: {len(pack)} clips, {pack.seconds:.1f} s at {pack.rate_hz} Hz, fingerprint {pack.fingerprint}"
    )
    lines.append(f"Packed in {result.seconds:.1f} s, {result.bytes_per_second / 1e6:.1f} MB of samples a second.")
    lines.append(f"Next: auricle train --data {pack.path} --run runs/first")
    return "\n".join(lines)
