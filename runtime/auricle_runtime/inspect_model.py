"""`auricle inspect`: what a model.onnx says about itself, checked by opening it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from auricle_shared.file_hash import is_whole

from .onnx_scorer import OnnxScorer


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="As one JSON object on standard output.")
def inspect(model: Path, as_json: bool) -> None:
    """Show a model's labels, front end, events, origin, inputs and outputs.

    \b
    auricle inspect model.onnx
    auricle inspect model.onnx --json | jq .labels
    """
    values = describe(OnnxScorer(model, "cpu"))
    click.echo(json.dumps(values, ensure_ascii=False, indent=2) if as_json else "\n".join(_lines(values)))


def describe(scorer: OnnxScorer) -> dict[str, Any]:
    """Everything as plain values; `graph` (opset, IR version, sizes) needs the package onnx, else it is None.

    `as_exported` is whether the file still has its own hash; None for one that carries none.
    """
    meta = scorer.metadata
    return {
        "path": str(scorer.path),
        "file_bytes": scorer.path.stat().st_size,
        "as_exported": is_whole(scorer.path.read_bytes()),
        "labels": list(meta.labels),
        "activation": meta.activation,
        "rate_hz": meta.rate_hz,
        "hop_samples": meta.hop_samples,
        "spectrogram": asdict(meta.spectrogram),
        "spectrogram_hash": meta.spectrogram.hash,
        "resampler": meta.resampler,
        "state_size": meta.state_size,
        "embedding_size": meta.embedding_size,
        "temperature": meta.temperature,
        "events": {label: asdict(meta.event_settings(label)) for label in meta.event_labels},
        "provenance": dict(meta.provenance),
        **scorer.shapes(),
        "graph": _graph(scorer.path),
    }


def _graph(path: Path) -> dict[str, Any] | None:
    try:
        import onnx
    except ImportError:
        return None
    model = onnx.load(str(path), load_external_data=False)
    return {
        "opset": {(o.domain or "ai.onnx"): o.version for o in model.opset_import},
        "ir_version": model.ir_version,
        "nodes": len(model.graph.node),
        "constants": sum(_count(t.dims) for t in model.graph.initializer),
    }


def _count(dims: Any) -> int:
    total = 1
    for dim in dims:
        total *= dim
    return total


def _lines(values: dict[str, Any]) -> list[str]:
    """One `name  value` a line; tables as indented lines."""
    lines = []
    for name, value in values.items():
        if value is None:
            continue
        if isinstance(value, dict):
            lines.append(name)
            lines += [f"  {key:18} {_short(item)}" for key, item in value.items()]
        else:
            lines.append(f"{name:20} {_short(value)}")
    return lines


def _short(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {_short(item)}" for key, item in value.items())
    return str(value)
