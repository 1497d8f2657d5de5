"""Whether a model opens, where it really runs, and what it costs this machine."""

from __future__ import annotations

from pathlib import Path

from auricle_shared.errors import AuricleError

from ..bench import QUICK
from ..bench.blocks import measure_paced
from ..onnx_scorer import OnnxScorer
from . import Finding

COMFORTABLE_SHARE, MOST_SHARE = 0.25, 0.8
"""Of a core, in blocks of 80 ms at the pace of a microphone"""


def findings(path: Path, provider: str) -> list[Finding]:
    try:
        scorer = OnnxScorer(path, provider)
    except AuricleError as error:
        return [Finding("model", "problem", f"{path} does not open with --provider {provider}", str(error))]
    meta = scorer.metadata
    sounds = ", ".join(meta.event_labels)
    runs = Finding("provider", "ok", f"asked for {provider}, runs on {scorer.provider}")
    return [
        Finding("model", "ok", f"{path}: {sounds}; {meta.rate_hz} Hz; ONNX Runtime {scorer.runtime_version} takes it"),
        runs,
        _budget(scorer),
    ]


def _budget(scorer: OnnxScorer) -> Finding:
    share = measure_paced(scorer, QUICK)["cpu_ms_per_second"] / 1000
    found = f"{100 * share:.1f} % of a core to listen in blocks of 80 ms"
    if share > MOST_SHARE:
        return Finding("budget", "problem", found, "too slow to listen here: use a smaller model, or longer --block-ms")
    if share > COMFORTABLE_SHARE:
        return Finding("budget", "warning", found, "use longer blocks (--block-ms 250) or a smaller model")
    return Finding("budget", "ok", found)
