"""Counting right and wrong: accuracy with its interval, confusion, precision and recall."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Z_95 = 1.959963984540054
"""97.5 % quantile of the normal distribution"""


def wilson_interval(correct: int, n: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson, J. Am. Stat. Assoc. 22, 1927): sound also at 0 and 100 %."""
    if n == 0:
        return 0.0, 1.0
    share, z2 = correct / n, Z_95**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * np.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def confusion_matrix(truth: Sequence[int], predicted: Sequence[int], classes: int) -> np.ndarray:
    """int [classes, classes]: rows are the truth, columns what was said."""
    matrix = np.zeros((classes, classes), np.int64)
    np.add.at(matrix, (np.asarray(truth, np.int64), np.asarray(predicted, np.int64)), 1)
    return matrix


def per_class(matrix: np.ndarray, labels: Sequence[str]) -> dict[str, dict[str, float | int]]:
    """Precision, recall, F1, clips and times said for every class; a rate without a case is 0."""
    hits = np.diag(matrix).astype(float)
    clips, said = matrix.sum(axis=1), matrix.sum(axis=0)
    recall, precision = _share(hits, clips), _share(hits, said)
    f1 = _share(2 * precision * recall, precision + recall)
    return {
        label: {
            "precision": float(precision[i]),
            "recall": float(recall[i]),
            "f1": float(f1[i]),
            "clips": int(clips[i]),
            "predicted": int(said[i]),
        }
        for i, label in enumerate(labels)
    }


def _share(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.divide(a, b, out=np.zeros(len(a)), where=b > 0)


def report(truth: Sequence[int], predicted: Sequence[int], labels: Sequence[str]) -> dict[str, Any]:
    """The figures of one evaluation; truth and predicted are indices into labels."""
    matrix = confusion_matrix(truth, predicted, len(labels))
    n, correct = int(matrix.sum()), int(np.trace(matrix))
    return {**_counted(n, correct, labels), "confusion": matrix.tolist(), "per_class": per_class(matrix, labels)}


def report_multi_label(truth: np.ndarray, predicted: np.ndarray, labels: Sequence[str]) -> dict[str, Any]:
    """The same keys for bool [n, classes] each: a clip is correct when all of its labels are.

    `confusion` then holds one 2 x 2 table per label, [[true negatives, false alarms], [misses, hits]].
    """
    n, correct = len(truth), int((truth == predicted).all(axis=1).sum())
    tables = [confusion_matrix(t.astype(int), p.astype(int), 2) for t, p in zip(truth.T, predicted.T, strict=True)]
    classes = {}
    for label, table in zip(labels, tables, strict=True):
        classes[label] = per_class(table, ["absent", "present"])["present"]
    return {**_counted(n, correct, labels), "confusion": [table.tolist() for table in tables], "per_class": classes}


def _counted(n: int, correct: int, labels: Sequence[str]) -> dict[str, Any]:
    return {
        "n": n,
        "correct": correct,
        "accuracy": correct / n if n else 0.0,
        "interval_95": list(wilson_interval(correct, n)),
        "labels": list(labels),
    }


def as_text(result: dict[str, Any]) -> str:
    """The report for a person: the share, its interval, every class, the confusion matrix."""
    low, high = result["interval_95"]
    lines = [
        f"got {result['correct']} of {result['n']}: {100 * result['accuracy']:.2f} %"
        f"   (95 % interval {100 * low:.2f} to {100 * high:.2f} %)",
        "",
    ]
    width = max(len("class"), *(len(label) for label in result["labels"]))
    lines.append(f"{'class':{width}}   clips  predicted  precision  recall     F1")
    for label in result["labels"]:
        c = result["per_class"][label]
        lines.append(
            f"{label:{width}}  {c['clips']:6d}  {c['predicted']:9d}  {100 * c['precision']:7.1f} %"
            f"  {100 * c['recall']:4.1f} %  {c['f1']:.3f}"
        )
    matrix = np.asarray(result["confusion"])
    if matrix.ndim == 2:
        cell = max(4, len(str(matrix.max(initial=0))) + 1)
        lines += ["", "confusion (rows: truth, columns: predicted, in the order above)"]
        lines += [
            f"{label:{width}} " + "".join(f"{v:{cell}d}" for v in row)
            for label, row in zip(result["labels"], matrix, strict=True)
        ]
    return "\n".join(lines)


def stream_as_text(result: dict[str, Any]) -> str:
    """The figures with background before and with the state carried, and what they lose, for a person."""
    after, stream = result["after_background"], result["stream"]
    orders, pause = stream["orders"], stream["between_seconds"]
    between = f"{pause:g} s of background between" if pause else "back to back"
    several = " (" + ", ".join(f"{100 * o['accuracy']:.2f}" for o in orders) + ")" if len(orders) > 1 else ""
    return "\n".join(
        [
            f"after 1 s of background: {_got(after)}",
            f"    {_points(after['against_alone'])} against each clip alone",
            f"state carried: {_got(stream)}, {between}, {len(orders)} random order{'s' * (len(orders) > 1)}{several}",
            f"    {_points(stream['against_after_background'])} against after background",
            f"    {_points(stream['against_alone'])} against each clip alone",
        ]
    )


def _got(result: dict[str, Any]) -> str:
    return f"got {result['correct']} of {result['n']}: {100 * result['accuracy']:.2f} %"


def _points(change: dict[str, Any]) -> str:
    low, high = change["interval_95"]
    return f"{100 * change['difference']:+.2f} points (95 % interval {100 * low:+.2f} to {100 * high:+.2f})"
