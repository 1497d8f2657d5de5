"""What is different between two runs: settings, code, data, machine, figures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .data_rows import difference
from .figures import PERCENT, as_cell, key_figures
from .git import PATCH, GitError, git
from .run_folder import RunFolder, flat

FIGURES = ("epochs", "minutes", "parameters", "loss", "validation", "test", "stream", "misses", "false_alarms_an_hour")
ABSENT = "(none)"
MOST_TOLD = 3

Pairs = dict[str, tuple[Any, Any]]


@dataclass(frozen=True)
class Differences:
    """Of a first run and a second; what is the same in both is left out, but for the figures."""

    config: Pairs
    """'training.epochs' -> (20, 40)"""
    code: Pairs
    """commit, patch and source files"""
    data: str
    """in words; empty for the same data"""
    machine: Pairs
    figures: Pairs

    @property
    def same(self) -> bool:
        return not (self.config or self.code or self.data or self.machine)

    def to_dict(self) -> dict[str, Any]:
        return {name: value if name == "data" else dict(value) for name, value in self.__dict__.items()}


def differences(first: RunFolder, second: RunFolder) -> Differences:
    one, other = key_figures(first), key_figures(second)
    return Differences(
        config=changed({**flat(first.config), "seed": one["seed"]}, {**flat(second.config), "seed": other["seed"]}),
        code=code_changes(first, second),
        data=data_changes(first, second),
        machine=changed(machine_facts(first), machine_facts(second)),
        figures={n: (one[n], other[n]) for n in FIGURES if one[n] is not None or other[n] is not None},
    )


def changed(first: Mapping[str, Any], second: Mapping[str, Any]) -> Pairs:
    """Keys with another value, in the order of their names."""
    keys = sorted(first.keys() | second.keys())
    pairs = ((key, first.get(key, ABSENT), second.get(key, ABSENT)) for key in keys)
    return {key: (one, other) for key, one, other in pairs if one != other}


def in_words(pairs: Pairs) -> str:
    """'training.epochs 20 -> 40, ...'"""
    told = [f"{key} {before} -> {after}" for key, (before, after) in pairs.items()]
    return ", ".join(told[:MOST_TOLD]) + (", ..." if len(told) > MOST_TOLD else "")


def code_changes(first: RunFolder, second: RunFolder) -> Pairs:
    """Commit and patch where they differ, then every source file that does, by its hash.

    Where the sources that train are the same, another commit is still told: it is what a reader would look up.
    """
    names = {"code_commit": "commit", "code_patch": "uncommitted patch", "source_hash": "sources"}
    one, other = ({names[k]: run.record[k] for k in names if run.record.get(k)} for run in (first, second))
    return {**changed(one, other), **changed(_sources(first), _sources(second))}


def code_diff(repository: Path, first: RunFolder, second: RunFolder, most: int = 60_000) -> str:
    """`git diff` from the first run's commit to the second's, for a person; empty where Git cannot tell."""
    commits = [str(run.record.get("code_commit", "")) for run in (first, second)]
    if not all(commits) or commits[0] == commits[1]:
        return ""
    try:
        text = git(repository, PATCH[0], "--stat", "--patch", *PATCH[3:], *commits).decode(errors="replace")
    except GitError:
        return ""
    return text if len(text) <= most else text[:most] + "\n... (longer; git diff " + " ".join(commits) + ")\n"


def data_changes(first: RunFolder, second: RunFolder) -> str:
    one, other = (str(run.record.get("data_fingerprint", "")) for run in (first, second))
    if one == other:
        return ""
    words = ""
    if first.data and second.data:
        words = difference([row.clip for row in first.data], [row.clip for row in second.data]).words()
    return f"fingerprint {one} -> {other}" + (f": {words}" if words else "")


def _sources(run: RunFolder) -> dict[str, str]:
    path = run.path / "code" / "sources.json"
    if not path.is_file():
        return {}
    found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return {name: digest[:12] for name, digest in found.items()}


def machine_facts(run: RunFolder) -> dict[str, Any]:
    """Without the packages that nothing here is computed with."""
    path = run.path / "environment.json"
    found = flat(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}
    kept = {key: value for key, value in found.items() if not key.startswith("packages.")}
    versions = {f"version of {key}": value for key, value in run.record.get("versions", {}).items()}
    return {**kept, **versions, "device": run.record.get("device", ""), "threads": run.record.get("threads", "")}


def as_text(found: Differences, names: tuple[str, str]) -> str:
    """The differences for a person, the first run to the left."""
    lines = [f"{names[0]}  ->  {names[1]}"]
    for title in ("config", "code", "machine"):
        pairs: Pairs = getattr(found, title)
        lines.append(f"{title}: {'' if pairs else 'the same'}".rstrip())
        lines += [f"    {key}: {one} -> {other}" for key, (one, other) in pairs.items()]
    lines.append(f"data: {found.data or 'the same'}")
    lines.append("figures:")
    wide = max((len(name) for name in found.figures), default=0)
    lines += [f"    {name:{wide}}  {_figure(name, *pair)}" for name, pair in found.figures.items()]
    return "\n".join(lines)


def _figure(name: str, one: Any, other: Any) -> str:
    told = f"{as_cell(name, one):>10}  {as_cell(name, other):>10}"
    if isinstance(one, int | float) and isinstance(other, int | float):
        step = other - one
        told += f"  {100 * step:+.2f} points" if name in PERCENT else f"  {step:+.4g}"
    return told
