"""A pack against what was trained on: the audio on the disk, byte by byte, and the labels, clip by clip."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from auricle_shared.pack import Clip, Pack, audio_fingerprint, fingerprint

from .checks import Check, differs, judged, ok, unknown
from .data_rows import DataRow, difference, rows_fingerprint

Progress = Callable[[int], None]
"""is given the number of clips that were read since"""
MOST_NAMES = 3
EVERY_CLIPS = 256


def check_data(
    told: Mapping[str, Any], pack: Pack, rows: Sequence[DataRow] = (), progress: Progress | None = None
) -> list[Check]:
    """The checks 'pack' (which clips, their audio) and 'labels' (labels, splits and groups).

    Args:
        told: a run's record or a model's provenance.
        rows: the run's data.csv; without it, fingerprints alone decide.
    """
    damaged = changed_audio(pack, progress)
    heard = [f"the audio of {_named(damaged)} is not what its index says"] if damaged else []
    good = f"{len(pack)} clips of {pack.path}"
    wanted = str(told.get("data_fingerprint", ""))
    if fingerprint(pack.rate_hz, pack.clips) == wanted:
        if pack.fingerprint != wanted:
            heard.append(f"dataset.json has the fingerprint {pack.fingerprint}; its clips give {wanted}")
        return [judged("pack", heard, good), ok("labels")]
    if rows and rows_fingerprint(pack.rate_hz, rows) == wanted:
        found = difference([row.clip for row in rows], pack.clips)
        clips = replace(found, relabelled=[], moved=[]).words()
        labels = replace(found, added=[], removed=[], other_audio=[]).words()
        return [judged("pack", [*heard, *filter(None, [clips])], good), judged("labels", list(filter(None, [labels])))]
    return _by_fingerprints(told, pack, heard, good)


def _by_fingerprints(told: Mapping[str, Any], pack: Pack, heard: list[str], good: str) -> list[Check]:
    """For a model alone, whose data have another fingerprint."""
    found, wanted = fingerprint(pack.rate_hz, pack.clips), str(told.get("data_fingerprint", ""))
    words = f"fingerprint {found}; trained on {wanted}"
    audio = told.get("audio_fingerprint")
    if audio is None:
        return [differs("pack", f"{words}; clips, labels or splits differ"), unknown("labels", "see pack")]
    if audio_fingerprint(pack.rate_hz, pack.clips) != audio:
        return [differs("pack", f"other clips, {words}"), unknown("labels", "the clips are others")]
    return [judged("pack", heard, good), differs("labels", f"labels, splits or groups were edited: {words}")]


def changed_audio(pack: Pack, progress: Progress | None = None) -> list[str]:
    """The clips whose samples do not have the hash in the index; clips without a hash are left out."""
    damaged = []
    for i, clip in enumerate(pack.clips):
        if clip.sha256 and hashlib.sha256(pack.audio(i).tobytes()).hexdigest() != clip.sha256:
            damaged.append(_name(clip))
        if progress and (i + 1) % EVERY_CLIPS == 0:
            progress(EVERY_CLIPS)
    return damaged


def check_background(told: Mapping[str, Any], pack: Pack) -> Check:
    found, wanted = fingerprint(pack.rate_hz, pack.clips), str(told.get("background_fingerprint", ""))
    damaged = changed_audio(pack)
    faults = [f"fingerprint {found}; trained on {wanted}"] if found != wanted else []
    faults += [f"the audio of {_named(damaged)} is not what its index says"] if damaged else []
    return judged("background", faults, f"{len(pack)} recordings of {pack.path}")


def _name(clip: Clip) -> str:
    return clip.source or f"clip {clip.sha256[:12]}"


def _named(names: Sequence[str]) -> str:
    listed = ", ".join(names[:MOST_NAMES]) + (", ..." if len(names) > MOST_NAMES else "")
    return f"{len(names)} clip{'s' if len(names) > 1 else ''} ({listed})"
