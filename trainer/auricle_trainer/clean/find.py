"""All that is probably wrong with a pack."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from auricle_shared.pack import Clip, Pack

from .copies import Copy, exact_copies, flatters, near_copies
from .faults import fault
from .finding import DROP, LISTEN, RELABEL, Finding, in_order, name_of

if TYPE_CHECKING:
    from .out_of_fold import OutOfFold

Progress = Callable[[str, int, int], object]


@dataclass(frozen=True)
class Looked:
    """What listening to every clip found."""

    findings: list[Finding]
    copies: list[tuple[int, int]]
    """(kept, copy), exact and near"""
    usable: list[int] = field(repr=False)
    """clips to learn from: neither silent nor short"""


def look(pack: Pack, shortest_seconds: float, progress: Progress = lambda what, done, total: None) -> Looked:
    """Faults and copies; no network."""
    findings = []
    for i in range(len(pack)):
        found = fault(pack, i, shortest_seconds)
        findings += [found] if found else []
        progress("levels", i + 1, len(pack))
    bad = {f.clip for f in findings if f.reason in ("silent", "short")}
    usable = [i for i in range(len(pack)) if i not in bad]
    exact = [copy for copy in exact_copies(pack.clips) if copy.copy not in bad]
    twice = {copy.copy for copy in exact}
    near = near_copies(pack, [i for i in usable if i not in twice], lambda done, total: progress("copies", done, total))
    findings += [_of_copy(pack, copy) for copy in (*exact, *near)]
    return Looked(in_order(findings), [(c.kept, c.copy) for c in (*exact, *near)], usable)


def _of_copy(pack: Pack, copy: Copy) -> Finding:
    kept, other = pack.clips[copy.kept], pack.clips[copy.copy]
    sides = f"{_side(other)} and {_side(kept)}"
    told = "the same samples as" if copy.exact else f"correlation {copy.correlation:.3f} with"
    told += f" {name_of(kept, copy.kept)} ({sides})"
    if flatters(kept, other):
        told += "; a leak"
    same_labels = kept.labels == other.labels
    if not same_labels:
        told += f"; labelled {';'.join(kept.labels)} there"
    reason = "copy" if copy.exact else "near-copy"
    return Finding(copy.copy, reason, DROP if same_labels else LISTEN, told, copy.correlation)


def _side(clip: Clip) -> str:
    return clip.split or (f"fold {clip.fold}" if clip.fold else "no split")


def label_findings(pack: Pack, found: OutOfFold) -> list[Finding]:
    """Clips whose label is doubtful, by confident learning."""
    from .doubtful_labels import doubtful

    place = {label: k for k, label in enumerate(found.labels)}
    present = np.array([place[pack.clips[i].labels[0]] for i in found.clips], np.int64)
    findings = []
    for doubt in doubtful(found.probabilities, present):
        row, label = found.probabilities[doubt.place], found.labels[doubt.proposed]
        told = (
            f"{label} {row[doubt.proposed]:.2f}, {found.labels[present[doubt.place]]} {row[present[doubt.place]]:.2f}"
        )
        findings.append(Finding(found.clips[doubt.place], "label", RELABEL, told, doubt.margin, label))
    return in_order(findings)
