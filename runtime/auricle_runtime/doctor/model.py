"""Whether a model opens, where it really runs, and what it costs this machine."""

from __future__ import annotations

from pathlib import Path

from auricle_shared.errors import AuricleError

from ..bench import QUICK
from ..bench.blocks import measure_paced
from ..onnx_fields import versions
from ..onnx_scorer import OnnxScorer
from . import Finding

OPSET, IR = 17, 8
"""Of exported models"""
COMFORTABLE_SHARE, MOST_SHARE = 0.25, 0.8
"""Of a core, in blocks of 80 ms at the pace of a microphone"""


def findings(path: Path, provider: str) -> list[Finding]:
    try:
        scorer = OnnxScorer(path, provider)
    except AuricleError as error:
        closed = Finding("model", "problem", f"{path} does not open with --provider {provider}", str(error))
        return [closed, *_format(path, opens=False)]
    meta = scorer.metadata
    sounds = ", ".join(meta.event_labels)
    runs = Finding("provider", "ok", f"asked for {provider}, runs on {scorer.provider}")
    return [
        Finding("model", "ok", f"{path}: {sounds}; {meta.rate_hz} Hz; ONNX Runtime {scorer.runtime_version} takes it"),
        *_format(path, opens=True),
        runs,
        _budget(scorer),
    ]


def _format(path: Path, opens: bool) -> list[Finding]:
    """What the file is written in. Whether an ONNX Runtime takes it is asked of that one, not of a table."""
    try:
        ir, opset = versions(path.read_bytes())
    except (OSError, ValueError):
        return []
    found = f"opset {opset}, IR version {ir}"
    if opens:
        return [Finding("format", "ok", f"{found}: this ONNX Runtime takes them")]
    if opset <= OPSET and ir <= IR:
        return [Finding("format", "ok", f"{found}, as 'auricle export' writes them: the format is not what is wrong")]
    todo = f"install a newer ONNX Runtime, or export again: 'auricle export' writes opset {OPSET} and IR version {IR}"
    return [Finding("format", "warning", f"{found}: newer than what 'auricle export' writes", todo)]


def _budget(scorer: OnnxScorer) -> Finding:
    share = measure_paced(scorer, QUICK)["cpu_ms_per_second"] / 1000
    found = f"{100 * share:.1f} % of a core to listen in blocks of 80 ms"
    if share > MOST_SHARE:
        return Finding("budget", "problem", found, "too slow to listen here: use a smaller model, or longer --block-ms")
    if share > COMFORTABLE_SHARE:
        return Finding("budget", "warning", found, "use longer blocks (--block-ms 250) or a smaller model")
    return Finding("budget", "ok", found)
