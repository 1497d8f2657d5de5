"""What cleaning was worth: the same config and seed on the pack before and after, judged on the same clips.

Judged are the test clips that both packs have under the same label. Those whose label was corrected are left aside:
with the old label they would speak against the new model, with the new one, which a network proposed, for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from auricle_shared.compare import Compared, compare
from auricle_shared.errors import DataError
from auricle_shared.pack import Clip, Pack
from auricle_shared.scorer import open_scorer

from ..study_runs import Training, train


@dataclass(frozen=True)
class Compare:
    """One training, twice."""

    config: str
    changes: tuple[str, ...]
    seed: int
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
    training = Training(how.runs / name, how.config, pack.path, how.seed, how.changes)
    train(training)
    return training.run


def _key(clip: Clip) -> tuple[str, tuple[str, ...], str, str]:
    return clip.sha256, clip.labels, clip.split, clip.source
