"""The report in words and tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from auricle_trainer.throughput.report import as_text as table_text


def as_text(found: dict[str, Any]) -> str:
    """All sections, those that failed with their reason."""
    parts = [f"Device {found['device']}, config {found['config']}"]
    for name, told in TOLD.items():
        section = found[name]
        failed = isinstance(section, dict) and "failed" in section
        parts.append(f"{name}: {section['failed']}" if failed else told(section))
    if found["verdict"]:
        parts.append(_verdict(found["verdict"]))
    return "\n\n".join(parts)


def _check(section: dict[str, Any]) -> str:
    first, second = section["ways"]
    errors = ", ".join(f"{units} units {error:.1e}" for units, error in section["relative_error"].items())
    verdict = "they agree" if section["agree"] else "they do NOT agree"
    return (
        f"Gradient of a GRU, {first} against {second} (batch {section['batch']}, {section['frames']} frames), "
        f"relative: {errors}; {verdict} (wanted {section['most']:.0e})."
    )


def _times(section: list[dict[str, Any]]) -> str:
    batches = sorted({row["batch"] for row in section})
    lines = ["GRU alone, forward + backward in ms:", "units    " + "".join(f"{'batch ' + str(b):>18}" for b in batches)]
    for hidden in sorted({row["hidden"] for row in section}):
        cells = {row["batch"]: row for row in section if row["hidden"] == hidden}
        told = (f"{cells[b]['forward_ms']:.2f} + {cells[b]['backward_ms']:.2f}" for b in batches)
        lines.append(f"{hidden:<9d}" + "".join(f"{cell:>18}" for cell in told))
    return "\n".join(lines)


def _floor(section: dict[str, Any]) -> str:
    return (
        f"Arithmetic floor: {1e6 * section['seconds_a_clip']:.2f} us a clip at this device's "
        f"{section['matmul_gflops']:.0f} GFLOP/s in float32 (matrix product)."
    )


def _providers(section: list[dict[str, Any]]) -> str:
    lines = ["ONNX Runtime, the same model:"]
    for row in section:
        if "failed" in row:
            lines.append(f"  {row['provider']:>4}: {row['failed']}")
            continue
        lines.append(
            f"  {row['provider']:>4}, batch {row['batch']:5d} x {row['frames']} frames: {row['ms']:.3f} ms, "
            f"logits within {row['error']:.1e} of the CPU's"
        )
    return "\n".join(lines)


def _precision(section: list[dict[str, Any]]) -> str:
    lines = [f"A training step at batch {section[0]['batch']}, features in float32, the network in"]
    lines += [f"  {row['precision']:>8}: {row['ms']:.2f} ms, first loss {row['loss']:.4f}" for row in section]
    return "\n".join(lines)


def _parallel(section: dict[str, Any]) -> str:
    return (
        f"nn.DataParallel over {section['gpus']} GPU(s), batch {section['batch']}: {section['all_ms']:.2f} ms a step "
        f"against {section['one_ms']:.2f} ms without it; gradients within {section['relative_error']:.1e}."
    )


def _verdict(section: dict[str, Any]) -> str:
    share = section["share_of_floor"]
    floor = "" if share is None else f", {100 * share:.1f} % of the arithmetic floor's speed"
    return (
        f"Fastest: {section['row']}, batch {section['batch']}: {section['audio_seconds_per_second']:.0f} s of audio a "
        f"second (wanted {section['wanted_audio_seconds_per_second']}, aimed at "
        f"{section['aimed_audio_seconds_per_second']} on one GPU of the H100's class), "
        f"{section['ratio_to_naive']:.1f} times the naive row (wanted {section['wanted_ratio']})" + floor + "."
    )


TOLD: dict[str, Callable[[Any], str]] = {
    "gradient_check": _check,
    "gru_times": _times,
    "floor": _floor,
    "providers": _providers,
    "precision": _precision,
    "data_parallel": _parallel,
    "throughput": table_text,
}
