"""What a model says about itself: the strings that travel inside model.onnx, read and written in one place."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from .errors import AuricleError, ModelError
from .settings import EventSettings, SpectrogramSettings, from_table

FORMAT = 1
"""Version of the metadata and of the model's inputs and outputs; a reader refuses any other."""
PREFIX = "auricle."
BACKGROUND = "background"
"""Name of the class that means: none of the sounds asked for. Always the first label of a softmax model."""
RESAMPLER = "soxr-hq"
"""The one resampler, for import and for the microphone."""


@dataclass(frozen=True)
class ModelMetadata:
    labels: tuple[str, ...]
    """in the order of the logits"""
    activation: Literal["softmax", "sigmoid"]
    """softmax: one sound at a time, `background` first; sigmoid: several at once, no background output"""
    spectrogram: SpectrogramSettings
    state_size: int
    events: Mapping[str, EventSettings] = field(default_factory=dict)
    """by label; a label that is absent uses the defaults"""
    temperature: float = 1.0
    """scores are the activation of logits / temperature"""
    resampler: str = RESAMPLER
    embedding_size: int = 0
    carried_embeddings: str = ""
    """of training's sounds and rooms, for enrolment; see `embeddings.decode_vectors`"""
    report_as: Mapping[str, str] = field(default_factory=dict)
    """label of an output -> label in reports: trained fine, reported coarse"""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """run id, code commit, fingerprints, metrics, versions, licence: told, never computed with"""

    @property
    def rate_hz(self) -> int:
        return self.spectrogram.rate_hz

    @property
    def hop_samples(self) -> int:
        return self.spectrogram.hop_samples

    @property
    def event_labels(self) -> tuple[str, ...]:
        """Outputs that mean an event: neither background nor reported as background."""
        return tuple(label for label in self.labels if BACKGROUND not in (label, self.report_as.get(label)))

    def event_settings(self, label: str) -> EventSettings:
        return self.events.get(label, EventSettings())

    def to_strings(self) -> dict[str, str]:
        """Flat strings, one per key, as ONNX `metadata_props` want them."""
        values = {
            "format": FORMAT,
            "labels": list(self.labels),
            "activation": self.activation,
            "rate_hz": self.rate_hz,
            "hop_samples": self.hop_samples,
            "state_size": self.state_size,
            "spectrogram": asdict(self.spectrogram),
            "spectrogram_hash": self.spectrogram.hash,
            "resampler": self.resampler,
            "events": {label: asdict(settings) for label, settings in self.events.items()},
            "temperature": self.temperature,
            "embedding_size": self.embedding_size,
            "carried_embeddings": self.carried_embeddings,
            "report_as": dict(self.report_as),
            "provenance": dict(self.provenance),
        }
        return {PREFIX + key: json.dumps(value, ensure_ascii=False) for key, value in values.items()}

    @classmethod
    def from_strings(cls, strings: Mapping[str, str], where: str) -> ModelMetadata:
        """Read what `to_strings` wrote; `where` names the file in messages.

        Raises:
            ModelError: another program's model, another format version, or strings that contradict each other.
        """
        if PREFIX + "format" not in strings:
            raise ModelError(
                f"{where} is not an Auricle model: it has no '{PREFIX}format' in its metadata. "
                "Wanted: a file written by 'auricle export'."
            )
        try:
            values = {k[len(PREFIX) :]: json.loads(v) for k, v in strings.items() if k.startswith(PREFIX)}
            if values["format"] != FORMAT:
                raise ModelError(
                    f"{where} has format {values['format']}; this version of Auricle reads format {FORMAT}. "
                    "Export the run again, or install the version that wrote it."
                )
            spectrogram = from_table(SpectrogramSettings, values["spectrogram"], "spectrogram")
            found = cls(
                labels=tuple(values["labels"]),
                activation=values["activation"],
                spectrogram=spectrogram,
                state_size=int(values["state_size"]),
                events={k: from_table(EventSettings, v, f"events.{k}") for k, v in values["events"].items()},
                temperature=float(values["temperature"]),
                resampler=values["resampler"],
                embedding_size=int(values["embedding_size"]),
                carried_embeddings=str(values.get("carried_embeddings", "")),
                report_as=dict(values["report_as"]),
                provenance=values["provenance"],
            )
        except ModelError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, AuricleError) as error:
            raise ModelError(f"{where} has damaged metadata ({error}). Export the run again.") from error
        if values["spectrogram_hash"] != spectrogram.hash:
            raise ModelError(
                f"{where} says its front end has the hash {values['spectrogram_hash']}, but its settings give "
                f"{spectrogram.hash}. Somebody edited the file; export the run again."
            )
        temperature_fits = math.isfinite(found.temperature) and found.temperature > 0
        if found.activation not in ("softmax", "sigmoid") or not found.labels or not temperature_fits:
            raise ModelError(f"{where} has damaged metadata (activation, labels or temperature). Export the run again.")
        return found
