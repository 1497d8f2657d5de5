"""The code of a run or model against the code that is here now."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .checks import Check, differs, judged, ok, unknown
from .code import Code
from .run_folder import RunFolder

MOST_NAMES = 3


def check_commit(told: Mapping[str, Any], here: Code) -> Check:
    """The commit and the patch of what was not committed.

    Args:
        told: a run's record or a model's provenance.
    """
    commit, patch = str(told.get("code_commit", "")), str(told.get("code_patch", ""))
    if not commit:
        return unknown("commit", f"trained by installed packages ({_versions(told) or 'of unknown version'})")
    if not here.commit:
        return unknown("commit", f"trained from {_state(commit, patch)}; the packages here are no checkout")
    found, wanted = _state(here.commit, here.patch_hash), _state(commit, patch)
    return ok("commit", found) if found == wanted else differs("commit", f"here {found}; trained from {wanted}")


def check_sources(told: Mapping[str, Any], here: Code, sources: Mapping[str, str] | None = None) -> Check:
    """The files that train, in a checkout and in installed packages alike.

    Args:
        sources: the run's own list, 'auricle_trainer/train.py' -> SHA-256, to name what differs.
    """
    wanted, found = str(told.get("source_hash", "")), here.source_hash
    if not wanted:
        return unknown("sources", "no hash of them was recorded (version 0.1)")
    if found == wanted:
        return ok("sources", f"the same {len(here.sources)} files train here")
    names = _changed(sources, here.sources) if sources else []
    listed = ", ".join(names[:MOST_NAMES]) + (", ..." if len(names) > MOST_NAMES else "")
    counted = f": {len(names)} files ({listed})" if names else ""
    versions = f"; trained with {_versions(told)}" if _versions(told) and not told.get("code_commit") else ""
    return differs("sources", f"here {found}; trained with {wanted}{counted}{versions}")


def check_kept_code(run: RunFolder) -> Check:
    """What the run itself keeps of its code: the patch, the list of sources, one code in all sessions."""
    record, name = run.record, "kept code"
    wanted, sources = str(record.get("source_hash", "")), kept_sources(run)
    if not wanted:
        return unknown(name, "nothing was kept (version 0.1)")
    faults = []
    for patch in sorted({str(told.get("code_patch", "")) for told in (record, *run.sessions)} - {""}):
        path = run.path / "code" / f"{patch}.patch"
        if not path.is_file():
            faults.append(f"code/{patch}.patch is gone: changes that were not committed")
        elif hashlib.sha256(path.read_bytes()).hexdigest()[:16] != patch:
            faults.append(f"code/{patch}.patch was edited: its name is the hash of its content")
    if Code(sources).source_hash != wanted:
        faults.append(f"code/sources.json is gone or was edited; run.json has the source hash {wanted}")
    if len({line["source_hash"] for line in run.sessions if "source_hash" in line} | {wanted}) > 1:
        faults.append("the run was resumed with other sources than it began with")
    return judged(name, faults, "patch and list of sources are as they were written")


def kept_sources(run: RunFolder) -> dict[str, str]:
    """Empty where the list is missing or damaged."""
    try:
        found = json.loads((Path(run.path) / "code" / "sources.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _state(commit: str, patch: str) -> str:
    return f"commit {commit[:12]}" + (f" with the uncommitted patch {patch[:12]}" if patch else "")


def _changed(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def _versions(told: Mapping[str, Any]) -> str:
    versions = told.get("versions", {})
    return ", ".join(f"{name} {versions[name]}" for name in versions if name.startswith("auricle-"))
