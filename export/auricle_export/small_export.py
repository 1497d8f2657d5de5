"""A model made small: proved to be the same weights rounded, and refused where rounding costs more than was allowed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from auricle_runtime.onnx_scorer import OnnxScorer
from auricle_shared.compare import compare as compare_on_clips
from auricle_shared.errors import ModelError
from auricle_shared.evaluate import clip_frame_logits
from auricle_shared.files import write_whole
from auricle_shared.metadata import ModelMetadata
from auricle_shared.pack import Pack
from auricle_shared.scorer import Scorer

from .kinds import Kind
from .parity import ParityReport, compare
from .small import rounded, shrink
from .to_onnx import sealed_bytes

CARRIED_SECONDS = 60.0
"""The same kernels run the same numbers: what differs at all differs at once."""


@dataclass(frozen=True)
class Loss:
    """What rounding the weights costs, on the same clips before and after."""

    clips: int
    accuracy: float
    small_accuracy: float
    changed: int
    """clips that were right and are wrong now, or the other way round"""
    same_label: float
    """share of frames with the same top label"""
    largest_logit_error: float

    @property
    def points(self) -> float:
        """Percentage points of accuracy lost; negative where the small model is better by chance."""
        return 100 * (self.accuracy - self.small_accuracy)

    def to_dict(self) -> dict[str, Any]:
        return {
            "clips": self.clips,
            "accuracy": self.accuracy,
            "small_accuracy": self.small_accuracy,
            "changed": self.changed,
            "same_label": round(self.same_label, 6),
            "largest_logit_error": round(self.largest_logit_error, 6),
        }

    def as_text(self) -> str:
        return (
            f"accuracy on {self.clips} validation clips {100 * self.accuracy:.2f} % -> "
            f"{100 * self.small_accuracy:.2f} % ({0.0 - self.points:+.2f} points, {self.changed} clips changed); the "
            f"same top label in {100 * self.same_label:.2f} % of frames, logits within {self.largest_logit_error:.2g}"
        )


def write_small(
    whole: Path, target: Path, kind: Kind, pack: Pack, clips: Sequence[int], most_lost_points: float
) -> tuple[ParityReport, Loss]:
    """Write `target`, the model `whole` with its weights stored as `kind`, and judge it on clips.

    Raises:
        ModelError: it is not the rounded weights that run, or more than `most_lost_points` of accuracy are lost;
            `target` is not written then.
    """
    model = onnx.load(str(whole))
    with _scorer(shrink(model, kind)) as small:
        report = small_parity(model, small, kind)
        if not report.passed:
            raise ModelError(f"The small model does not run its rounded weights.\n{report.as_text()}")
        loss = measure_loss(OnnxScorer(whole, "cpu"), small, pack, clips)
    if loss.points > most_lost_points + 1e-9:
        raise ModelError(
            f"--small {kind} loses {loss.points:.2f} points of accuracy; at most {most_lost_points:g} are allowed "
            f"({loss.as_text()}). {'Try --small fp16, or allow' if kind == 'int8' else 'Allow'} more with --most-lost."
        )
    data = sealed_bytes(_with_provenance(shrink(model, kind), weights=kind, rounding=loss.to_dict()))
    write_whole(target, lambda file: file.write(data))
    return report, loss


def small_parity(model: onnx.ModelProto, small: Scorer, kind: Kind, pack: Pack | None = None) -> ParityReport:
    """A small scorer against `model` with its weights rounded but in plain float32, in every shape audio comes in."""
    with _scorer(rounded(model, kind)) as reference:
        return compare(reference, small, pack, CARRIED_SECONDS)


def measure_loss(whole: Scorer, small: Scorer, pack: Pack, clips: Sequence[int]) -> Loss:
    """Both scorers on the same clips, each clip alone."""
    found = compare_on_clips(whole, small, pack, clips).report()
    before, after = (np.concatenate(clip_frame_logits(scorer, pack, clips)) for scorer in (whole, small))
    return Loss(
        clips=len(clips),
        accuracy=found["alone"]["first"],
        small_accuracy=found["alone"]["second"],
        changed=len(found["only_first"]) + len(found["only_second"]),
        same_label=float(np.mean(before.argmax(-1) == after.argmax(-1))),
        largest_logit_error=float(np.abs(before - after).max()),
    )


def stored_as(metadata: ModelMetadata) -> Kind | None:
    """How a model's weights are stored where that is not float32."""
    kind: Kind | None = metadata.provenance.get("weights")
    return kind


@contextmanager
def _scorer(model: onnx.ModelProto) -> Iterator[OnnxScorer]:
    with tempfile.TemporaryDirectory(prefix="auricle-small-") as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(model.SerializeToString())
        yield OnnxScorer(path, "cpu")


def _with_provenance(model: onnx.ModelProto, **facts: Any) -> onnx.ModelProto:
    strings = {entry.key: entry.value for entry in model.metadata_props}
    metadata = ModelMetadata.from_strings(strings, "the model")
    told = replace(metadata, provenance={**metadata.provenance, **facts})
    onnx.helper.set_model_props(model, told.to_strings())
    return model
