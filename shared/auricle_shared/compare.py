"""Two models on the same clips: what changed, and whether it is more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import ModelError
from .evaluate import Carried, Outcomes, Progress, judge_clips
from .metadata import ModelMetadata
from .pack import Pack
from .paired import mcnemar, paired_difference
from .scorer import Scorer

TOLD_CLIPS = 5
"""Clips told by name in the text, of each kind; the JSON has all of them."""


@dataclass(frozen=True)
class Compared:
    """Both models' outcomes on the same clips of a pack."""

    pack: Pack
    clips: Sequence[int]
    first: Outcomes
    second: Outcomes

    def report(self) -> dict[str, Any]:
        """Each way of scoring: both accuracies, McNemar's test, the difference (second less first), what changed."""
        result = {"n": len(self.clips), "alone": _way(self.first.alone.right, self.second.alone.right)}
        if self.first.after_background is not None and self.second.after_background is not None:
            first, second = self.first.after_background, self.second.after_background
            result["after_background"] = _way(first.right, second.right)
            one_order = len(self.first.carried) == 1  # the share of several orders is neither right nor wrong
            result["stream"] = _way(self.first.share_carried, self.second.share_carried, test=one_order)
        result["only_first"] = self._changed(self.first, self.second)
        result["only_second"] = self._changed(self.second, self.first)
        return result

    def _changed(self, right: Outcomes, wrong: Outcomes) -> list[dict[str, Any]]:
        """Clips that one got right alone and the other did not, and what the other said."""
        places = np.flatnonzero(right.alone.right & ~wrong.alone.right).tolist()
        rows = [(self.clips[k], self.pack.clips[self.clips[k]], wrong.alone.words(k)) for k in places]
        return [{"clip": i, "source": c.source, "labels": list(c.labels), "said": said} for i, c, said in rows]


def _way(first: np.ndarray, second: np.ndarray, test: bool = True) -> dict[str, Any]:
    """Args: first, second: [n] right (1) or wrong (0), or shares of several orders, which McNemar's test is not for."""
    found = {"first": float(first.mean()), "second": float(second.mean())}
    found |= paired_difference(first, second).to_dict()
    return found | ({"mcnemar": mcnemar(first, second).to_dict()} if test else {})


def compare(
    first: Scorer,
    second: Scorer,
    pack: Pack,
    clips: Sequence[int],
    how: Carried | None = None,
    progress: Progress | None = None,
) -> Compared:
    """Judge the same clips with both.

    Raises:
        ModelError: models that cannot be given the same clips, or report other labels.
        DataError: clips that one of them cannot judge.
    """
    check_alike(first.metadata, second.metadata)
    both = [judge_clips(scorer, pack, clips, how, progress) for scorer in (first, second)]
    return Compared(pack, clips, *both)


def check_alike(first: ModelMetadata, second: ModelMetadata) -> None:
    if first.rate_hz != second.rate_hz:
        raise ModelError(
            f"The first model hears {first.rate_hz} Hz, the second {second.rate_hz} Hz: they cannot be given the same "
            "clips. Compare models of one rate."
        )
    labels, others = ({m.report_as.get(label, label) for label in m.labels} for m in (first, second))
    if labels != others:
        words = [f"only the {who} says {', '.join(sorted(x))}" for who, x in _apart(labels, others).items() if x]
        raise ModelError(f"The models report other labels: {'; '.join(words)}. Compare models of the same sounds.")
    if first.activation != second.activation:
        raise ModelError(
            f"The first model is {_kind(first)}, the second {_kind(second)}: they are not right in the same sense. "
            "Compare models of one kind."
        )


def _apart(labels: set[str], others: set[str]) -> dict[str, set[str]]:
    return {"first": labels - others, "second": others - labels}


def _kind(metadata: ModelMetadata) -> str:
    return "for one sound at a time" if metadata.activation == "softmax" else "for several sounds at once"


WAYS = {"alone": "alone", "after_background": "after 1 s of background", "stream": "state carried"}


def as_text(result: dict[str, Any], first: str, second: str) -> str:
    """For a person; first and second are the models' names."""
    lines = [f"first:  {first}", f"second: {second}", f"{result['n']} clips, the same for both", ""]
    for key, words in WAYS.items():
        if key in result:
            lines += _way_as_text(words, result[key])
    for key, words in (("only_first", "first"), ("only_second", "second")):
        lines += _clips_as_text(words, result[key])
    return "\n".join(lines)


def _way_as_text(words: str, way: dict[str, Any]) -> list[str]:
    low, high = (100 * x for x in way["interval_95"])
    lines = [
        f"{words}: first {100 * way['first']:.2f} %, second {100 * way['second']:.2f} %",
        f"    second - first: {100 * way['difference']:+.2f} points (95 % interval {low:+.2f} to {high:+.2f})",
    ]
    if "mcnemar" in way:
        m = way["mcnemar"]
        lines.append(
            f"    McNemar's exact test: n = {m['n']} clips changed ({m['only_first']} right by the first alone, "
            f"{m['only_second']} by the second alone), p = {m['p']:.3g}"
        )
    return lines


def _clips_as_text(who: str, rows: Sequence[dict[str, Any]]) -> list[str]:
    if not rows:
        return []
    lines = ["", f"only the {who} is right about {len(rows)}:"]
    for row in rows[:TOLD_CLIPS]:
        name, labels = row["source"] or f"clip {row['clip']}", ";".join(row["labels"])
        lines.append(f"    {name} ({labels}; the other says {row['said'] or 'nothing'})")
    return lines + ["    ..."] * (len(rows) > TOLD_CLIPS)
