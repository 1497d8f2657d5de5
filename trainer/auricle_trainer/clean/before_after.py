"""What cleaning was worth: the same config and seed on the pack before and after, judged on the same clips.

Judged are the test clips that both packs have under the same label. Those whose label was corrected are left aside:
with the old label they would speak against the new model, with the new one, which a network proposed, for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from auricle_shared.compare import Compared, compare
from auricle_shared.errors import AuricleError, DataError, SettingsError
from auricle_shared.pack import Clip, Pack
from auricle_shared.scorer import open_scorer

from ..config import load_config
from ..run_record import read_record
from ..study_runs import Training, state_of
from ..train import say, train


@dataclass(frozen=True)
class Compare:
    """One training, twice."""

    config: str
    changes: tuple[str, ...]
    background: Pack | None
    """None: a synthetic one"""
    seed: int
    device: torch.device
    runs: Path
    """the runs 'before' and 'after' are kept in it; those that are done are not trained again"""


def untouched_test_clips(before: Pack, after: Pack) -> list[int]:
    """Indices in `after` of test clips that `before` has with the same audio and labels.

    Raises:
        DataError: packs of other rates, or no such clip.
    """
    if before.rate_hz != after.rate_hz:
        raise DataError(f"{before.path} has {before.rate_hz} Hz, {after.path} {after.rate_hz} Hz; wanted one rate.")
    known = {_key(clip) for clip in before.clips}
    found = [i for i, clip in enumerate(after.clips) if clip.split == "test" and _key(clip) in known]
    if not found:
        raise DataError(
            f"{before.path} and {after.path} have no test clip in common, so there is nothing to judge on. "
            "Import with a test split, --split 80/10/10."
        )
    return found


def before_and_after(before: Pack, after: Pack, how: Compare) -> Compared:
    clips = untouched_test_clips(before, after)
    first, second = _trained(before, "before", how), _trained(after, "after", how)
    return compare(open_scorer(first), open_scorer(second), after, clips)


def _trained(pack: Pack, name: str, how: Compare) -> Path:
    """Raises AuricleError: stopped by Ctrl-C; the same command goes on."""
    run, config = how.runs / name, load_config(how.config, how.changes)
    state = state_of(Training(run, how.config, pack.path, how.seed, how.changes))
    if state != "finished":
        say(f"training on {pack.path}")
        resumed = state == "begun"
        if not train(config, pack, how.background, run, how.device, how.seed, resumed).finished:
            raise AuricleError(f"Stopped; {run} has a checkpoint. The same command goes on.")
    elif read_record(run).get("data_fingerprint") != pack.fingerprint:
        raise SettingsError(f"{run} was trained on other data than {pack.path}. Choose another folder for --runs.")
    return run


def _key(clip: Clip) -> tuple[str, tuple[str, ...], str, str]:
    return clip.sha256, clip.labels, clip.split, clip.source
