"""`auricle clean`: find what is wrong with a pack, write what a person decided, tell what it was worth."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from auricle_shared.pack import Pack

    from .find import Looked
    from .finding import Finding

RATE_HZ = 16000
"""of a plain folder; a pack has its own"""
SHOWN = 5
"""findings of each reason in the text; the list has all"""
REASON_NAMES = ("silent", "short", "clipped", "copy", "near-copy", "label")


@click.command()
@click.argument("pack", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="The list, or the new pack.  [default: beside PACK]")
@click.option("--no-training", is_flag=True, help="Do not look for wrong labels, which trains a network for each fold.")
@click.option(
    "--config",
    default="gru",
    show_default=True,
    help="What is trained; the search for wrong labels trains gru for 12 epochs.",
)
@click.option("--set", "changes", multiple=True, metavar="TABLE.KEY=VALUE", help="Change a setting of it.")
@click.option("--folds", default=5, show_default=True, type=click.IntRange(2, 100), help="Networks that are trained.")
@click.option("--background", type=click.Path(path_type=Path), help="Behind the sounds in training.")
@click.option("--by-clip", is_flag=True, help="Folds share speakers: surer of single slips, see above.")
@click.option("--shortest-seconds", default=0.1, show_default=True, type=click.FloatRange(0, 60), help="Else 'short'.")
@click.option("--apply", "decided", type=click.Path(path_type=Path), metavar="CSV", help="Write the pack it decides.")
@click.option(
    "--accept", "accepted", multiple=True, type=click.Choice([*REASON_NAMES, "all"]),
    help="With --apply: do what is proposed for this reason where no action was filled in.",
)  # fmt: skip
@click.option("--against", type=click.Path(path_type=Path), metavar="CLEANED", help="Train on both and compare.")
@click.option("--runs", type=click.Path(path_type=Path), help="With --against: where the two runs are kept.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:0, ...")
@click.option("--force", is_flag=True, help="Replace the list or the pack if it is there.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings or figures as JSON.")
def clean(pack: Path, out: Path | None, decided: Path | None, against: Path | None, **options: Any) -> None:
    """List what is probably wrong with PACK, for a person to decide: silent, short and clipped clips, copies, near
    copies on two sides of a split (at another level, shifted, with noise), and labels that networks trained on the
    other clips contradict.

    No fold has a speaker (else a group) of another one, so that nobody vouches for their own wrong labels. With few
    speakers, strangers are heard badly and many right labels are accused; --by-clip finds single slips far better, and
    none that a speaker made throughout.

    The list is a CSV. Write drop, relabel, keep or accept (what is proposed) into its column `action`; --apply makes
    the corrected pack, with a fingerprint of its own and the old one's audio: it takes no room. --against trains on
    both and compares them on the test clips that nobody touched.

    \b
    Example:
      auricle clean sounds.pack                                         writes sounds.pack-findings.csv
      auricle clean sounds.pack --apply sounds.pack-findings.csv        writes sounds.pack-cleaned
      auricle clean sounds.pack --against sounds.pack-cleaned --config conv_gru --runs runs/cleaning
    """
    from auricle_shared.pack import Pack, is_pack, open_data

    if decided and against:
        raise click.UsageError("--apply and --against go one after the other, not together.")
    if options["accepted"] and not decided:
        raise click.UsageError("--accept belongs to --apply CSV.")
    if bool(options["runs"]) != bool(against):
        raise click.UsageError("--against CLEANED and --runs FOLDER go together.")
    opened = Pack.open(pack) if is_pack(pack) else open_data(pack, RATE_HZ)
    if decided:
        _apply(opened, decided, out or beside(pack, "cleaned"), options)
    elif against:
        _compare(opened, Pack.open(against), options)
    else:
        _find(opened, out or beside(pack, "findings.csv"), options)


def beside(pack: Path, name: str) -> Path:
    return pack.with_name(f"{pack.resolve().name}-{name}")


def _find(pack: Pack, out: Path, options: dict[str, Any]) -> None:
    from auricle_shared.errors import DataError

    from .find import look
    from .finding import in_order
    from .review_table import counts, write_findings

    if out.exists() and not options["force"]:
        raise DataError(f"{out} is already there, perhaps with your decisions in it. Use --force or another --out.")
    looked = look(pack, options["shortest_seconds"], _progress)
    findings, note = looked.findings, "labels were not looked at (--no-training)"
    if not options["no_training"]:
        wrong, note = _labels(pack, looked, options)
        findings = in_order([*findings, *wrong])
    write_findings(out, pack, findings)
    if options["as_json"]:
        told = {"pack": str(pack.path), "fingerprint": pack.fingerprint, "list": str(out), "labels": note}
        found = [{**f.__dict__, "source": pack.clips[f.clip].source} for f in findings]
        click.echo(json.dumps({**told, "counts": counts(findings), "findings": found}, indent=2, ensure_ascii=False))
        return
    click.echo(_as_text(pack, findings, note))
    if findings:
        click.echo(
            f"{out}: fill in `action` (drop, relabel, keep, accept), then: auricle clean {pack.path} --apply {out}"
        )


def _labels(pack: Pack, looked: Looked, options: dict[str, Any]) -> tuple[list[Finding], str]:
    """Doubtful labels, and how they were found in words."""
    import torch

    from auricle_shared.pack import open_data

    from ..config import load_config
    from ..device import choose_device
    from .doubtful_labels import METHOD
    from .find import label_findings
    from .out_of_fold import FEW_EPOCHS, folds_of, out_of_fold

    if pack.multi_label:
        return [], "labels were not looked at: clips of this pack have several at once"
    changes = [*(FEW_EPOCHS if options["config"] == "gru" else ()), *options["changes"]]
    config = load_config(options["config"], changes)
    torch.set_num_threads(max(1, (os.cpu_count() or 1) - config.training.workers))
    numbers = folds_of(pack, looked.usable, options["folds"], looked.copies, options["by_clip"])
    device = choose_device(options["device"])
    noise = open_data(options["background"], pack.rate_hz) if options["background"] else None
    found = out_of_fold(pack, numbers, config, noise, options["seed"], device)
    how = f"labels: {METHOD}; {config.name}, {config.training.epochs} epochs, {len(set(numbers.values()))} folds; "
    return label_findings(pack, found), how + f"out of fold {100 * found.agreement(pack):.1f} % as labelled"


def _as_text(pack: Pack, findings: list[Finding], note: str) -> str:
    from .finding import REASONS, name_of
    from .review_table import counts

    lines = [f"{pack.path}: {len(pack)} clips, {len({f.clip for f in findings})} of them with findings", note]
    for reason, number in counts(findings).items():
        lines.append(f"{number:6d}  {reason}: {REASONS[reason]}")
        for f in [f for f in findings if f.reason == reason][:SHOWN]:
            clip = pack.clips[f.clip]
            lines.append(f"          {name_of(clip, f.clip)} ({';'.join(clip.labels)}): {f.evidence}")
        lines += [f"          ... and {number - SHOWN} more"] * (number > SHOWN)
    return "\n".join(lines)


def _apply(pack: Pack, decided: Path, out: Path, options: dict[str, Any]) -> None:
    from auricle_shared.errors import DataError

    from .apply import apply
    from .review_table import read_decisions

    accepted = REASON_NAMES if "all" in options["accepted"] else options["accepted"]
    decisions = read_decisions(decided, pack, accepted)
    if not decisions.drop and not decisions.relabel:
        raise DataError(
            f"{decided} changes nothing: no row has the action drop, relabel or accept. Nothing was written."
        )
    new = apply(pack, decisions, out, options["force"])
    told = {
        "pack": str(new.path), "clips": len(new), "dropped": len(decisions.drop),
        "relabelled": len(decisions.relabel), "undecided": decisions.undecided,
        "fingerprint_before": pack.fingerprint, "fingerprint": new.fingerprint,
    }  # fmt: skip
    if options["as_json"]:
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    click.echo(
        f"{new.path}: {len(new)} clips; {len(decisions.drop)} dropped, {len(decisions.relabel)} relabelled, "
        f"{decisions.undecided} rows without an action; fingerprint {pack.fingerprint} -> {new.fingerprint}\n"
        f"next: auricle clean {pack.path} --against {new.path} --runs runs/cleaning"
    )


def _compare(before: Pack, after: Pack, options: dict[str, Any]) -> None:
    from auricle_shared.compare import as_text
    from auricle_shared.pack import open_data

    from ..device import choose_device
    from .before_after import Compare, before_and_after

    device = choose_device(options["device"])
    noise = open_data(options["background"], before.rate_hz) if options["background"] else None
    how = Compare(options["config"], options["changes"], noise, options["seed"], device, options["runs"])
    result = before_and_after(before, after, how).report()
    if options["as_json"]:
        click.echo(json.dumps({"before": str(before.path), "after": str(after.path), **result}, indent=2))
    else:
        click.echo(as_text(result, f"trained on {before.path}", f"trained on {after.path}"))


def _progress(what: str, done: int, total: int) -> None:
    from auricle_shared.evaluate_command import show_progress

    if done % 50 == 0 or done == total:
        show_progress(done, total, what)
