"""What the page is told about the model: all it needs to show scores, to decide events and to run the model itself."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from auricle_shared.metadata import ModelMetadata

from .settings import WebSettings

STATIC = Path(__file__).parent / "static"
RUNTIME_FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
"""onnxruntime-web, fetched by `make web` into static/ort"""


def has_page_runtime() -> bool:
    """Whether onnxruntime-web lies there, so that the page can run the model itself."""
    return all((STATIC / "ort" / name).is_file() for name in RUNTIME_FILES)


def describe_model(model: bytes, metadata: ModelMetadata, server_runs_on: str, settings: WebSettings) -> dict[str, Any]:
    """The answer to GET /api/model."""
    return {
        "sha256": hashlib.sha256(model).hexdigest(),
        "labels": list(metadata.labels),
        "event_labels": list(metadata.event_labels),
        "event_settings": {label: asdict(metadata.event_settings(label)) for label in metadata.event_labels},
        "activation": metadata.activation,
        "temperature": metadata.temperature,
        "rate_hz": metadata.rate_hz,
        "hop_samples": metadata.hop_samples,
        "frame_seconds": metadata.hop_samples / metadata.rate_hz,
        "state_size": metadata.state_size,
        "spectrogram": asdict(metadata.spectrogram),
        "resampler": metadata.resampler,
        "provenance": dict(metadata.provenance),
        "server_runs_on": server_runs_on,
        "on_device": has_page_runtime(),
        "records": settings.record_folder is not None,
        "post_seconds": settings.post_seconds,
        "max_post_seconds": settings.max_post_seconds,
        "max_clip_bytes": settings.max_clip_bytes,
        "max_clip_seconds": settings.max_clip_seconds,
    }
