"""The pack without what a person decided against, and the decisions in the form that `auricle import` takes."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path

from auricle_shared.pack import Pack
from auricle_shared.pack_edit import write_edited

from .review_table import Decisions

CORRECTIONS = "corrections.csv"


def apply(pack: Pack, decisions: Decisions, path: Path, overwrite: bool) -> Pack:
    """Raises DataError: nothing is left, or `path` cannot be written."""
    relabelled = {i: labels for i, labels in decisions.relabel.items() if labels != pack.clips[i].labels}
    about = {"of": pack.fingerprint, "dropped": len(decisions.drop), "relabelled": len(relabelled)}
    table = corrections(pack, decisions)
    files = {CORRECTIONS: table} if table else {}
    return write_edited(pack, path, decisions.drop, relabelled, overwrite, files, corrected=about)


def corrections(pack: Pack, decisions: Decisions) -> str:
    """`path,label` for `auricle import --corrections`; empty where the pack's clips have no names of their own."""
    names = Counter(clip.source for clip in pack.clips)
    changed = sorted({*decisions.drop, *decisions.relabel})
    if any(not pack.clips[i].source or names[pack.clips[i].source] > 1 for i in changed):
        return ""
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["path", "label"])
    rows.writerows([pack.clips[i].source, ";".join(decisions.relabel.get(i, ()))] for i in changed)
    return table.getvalue()
