"""The findings as a CSV that a person goes through, and their decisions read back.

action,reason,proposal,confidence,present_label,proposed_label,split,path,evidence,clip,sha256
,copy,drop,1,dog,,train,dog/7.wav,"the same samples as dog/2.wav (test)",41,9f2c...
accept,label,relabel,0.84,dog,cat,train,dog/9.wav,...

`action` is empty when it comes. `accept` does what is proposed, `drop` leaves the clip out, `relabel` gives it the
label in `proposed_label` (which may be edited; a;b are two), `keep` or nothing leaves it as it is.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from auricle_shared.errors import DataError
from auricle_shared.files import write_text
from auricle_shared.pack import Pack

from ..importers.recording import parse_labels
from .finding import DROP, REASONS, RELABEL, Finding, in_order

COLUMNS = (
    "action", "reason", "proposal", "confidence", "present_label", "proposed_label", "split", "path", "evidence",
    "clip", "sha256",
)  # fmt: skip
ACTIONS = ("", "keep", "accept", DROP, RELABEL)


@dataclass(frozen=True)
class Decisions:
    """What is to be done with the clips of a pack."""

    drop: frozenset[int]
    relabel: dict[int, tuple[str, ...]]
    undecided: int
    """rows without an action"""


def write_findings(path: Path, pack: Pack, findings: Sequence[Finding]) -> None:
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(COLUMNS)
    for f in in_order(findings):
        clip = pack.clips[f.clip]
        what = (f.reason, f.proposal, f"{f.confidence:.3g}", ";".join(clip.labels), f.proposed_label)
        rows.writerow(["", *what, clip.split, clip.source, f.evidence, f.clip, clip.sha256])
    write_text(path, table.getvalue())


def read_decisions(path: Path, pack: Pack, accepted: Sequence[str] = ()) -> Decisions:
    """The decisions in a list, checked against the pack it was made for.

    Args:
        accepted: reasons whose proposals are taken where `action` is empty.

    Raises:
        DataError: no such list, another pack's, or an action that cannot be done; the line is named.
    """
    drop: set[int] = set()
    relabel: dict[int, tuple[str, ...]] = {}
    undecided = 0
    for number, row in enumerate(_rows(path), 2):
        where = f"{path}, line {number}"
        i = _clip_of(row, pack, where)
        action = _action(row, accepted, where)
        if action == DROP:
            drop.add(i)
        elif action == RELABEL:
            labels = parse_labels(row["proposed_label"])
            if not labels:
                raise DataError(f"{where}: relabel, but proposed_label is empty. Write the label there, or drop.")
            if relabel.setdefault(i, labels) != labels:
                raise DataError(
                    f"{where}: {row['path']} was relabelled {';'.join(relabel[i])} above. Keep one of them."
                )
        undecided += not action
    return Decisions(frozenset(drop), {i: new for i, new in relabel.items() if i not in drop}, undecided)


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
            if missing:
                raise DataError(
                    f"{path} has no column {', '.join(missing)}. Wanted: a list that 'auricle clean' wrote."
                )
            return [{name: row[name] or "" for name in COLUMNS} for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read ({error}). Wanted: a list that 'auricle clean' wrote.") from error


def _clip_of(row: dict[str, str], pack: Pack, where: str) -> int:
    text = row["clip"].strip()
    i = int(text) if text.isdecimal() else -1
    if not 0 <= i < len(pack) or pack.clips[i].sha256 != row["sha256"].strip():
        raise DataError(f"{where}: {pack.path} has no such clip {text!r}. The list was made for another pack.")
    if ";".join(pack.clips[i].labels) != row["present_label"]:
        raise DataError(
            f"{where}: the clip is labelled {';'.join(pack.clips[i].labels)!r} now, not {row['present_label']!r}. "
            "The list was made before the labels changed; make it again."
        )
    return i


def _action(row: dict[str, str], accepted: Sequence[str], where: str) -> str:
    """'' , 'keep', 'drop' or 'relabel'; 'accept' of what only a person can tell is an error."""
    action = row["action"].strip().lower()
    if action not in ACTIONS:
        raise DataError(
            f"{where}: the action is {action!r}; wanted one of {', '.join(filter(None, ACTIONS))}, or none."
        )
    if action == "accept" and row["proposal"] not in (DROP, RELABEL):
        raise DataError(f"{where}: nothing is proposed there to accept. Write drop, relabel or keep.")
    if action == "accept" or (not action and row["reason"] in accepted and row["proposal"] in (DROP, RELABEL)):
        return row["proposal"]
    return action


def counts(findings: Sequence[Finding]) -> dict[str, int]:
    """Findings of each reason, in the order of the list."""
    return {reason: sum(f.reason == reason for f in findings) for reason in REASONS}
