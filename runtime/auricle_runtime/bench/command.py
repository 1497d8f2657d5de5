"""`auricle bench`: what a model costs on this machine, in the program that will really run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from auricle_shared.files import write_text

from . import QUICK, Lengths


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the figures to this file.")
@click.option("--provider", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--enrolled", type=click.Path(path_type=Path), help="Also what these enrolled sounds cost.")
@click.option("--quick", is_flag=True, help="Some seconds instead of a minute; the figures are rougher.")
def bench(model: Path, json_file: Path | None, provider: str, enrolled: Path | None, quick: bool) -> None:
    """Measure CPU time, latency, memory, start and number of streams of a model on this machine (one thread).

    \b
    auricle bench model.onnx
    auricle bench model.onnx --json bench.json
    auricle bench model.onnx --provider cuda
    """
    lengths = QUICK if quick else Lengths()
    figures = measure(model, lengths, provider)
    if enrolled is not None:
        figures["enrolled"] = _measure_enrolled(model, enrolled, lengths, provider)
    if json_file is not None:
        write_text(json_file, json.dumps(figures, indent=2) + "\n")
    for line in _lines(figures):
        click.echo(line)


def measure(model: Path, lengths: Lengths, provider: str) -> dict[str, Any]:
    """All figures; times in milliseconds, CPU in milliseconds a second of audio."""
    from ..onnx_scorer import OnnxScorer
    from .blocks import BLOCKS_MS, measure_blocks, measure_paced
    from .machine import product_us
    from .process import measure_process
    from .streams import measure_streams

    scorer = OnnxScorer(model, provider)  # first of all: a model that cannot be opened is told in its own words
    figures: dict[str, Any] = {
        "model": str(model),
        "provider": scorer.provider,
        "onnxruntime": scorer.runtime_version,
        "seconds_of_audio": lengths.long,
        "blocks_ms": {},
    }
    click.echo("Measuring auricle listen as a process ...", err=True)
    figures |= measure_process(model, scorer.metadata, lengths, provider)
    for block_ms in BLOCKS_MS:
        click.echo(f"Measuring blocks of {block_ms} ms ...", err=True)
        figures["blocks_ms"][str(block_ms)] = measure_blocks(scorer, block_ms, lengths)
    click.echo("Measuring paced like a microphone ...", err=True)
    figures["paced_80_ms"] = measure_paced(scorer, lengths)
    click.echo("Measuring many streams together ...", err=True)
    figures["streams"] = measure_streams(scorer, lengths, all_at_once=provider == "cuda")
    figures["matrix_vector_us"] = product_us()
    return figures


def _measure_enrolled(model: Path, enrolled: Path, lengths: Lengths, provider: str) -> dict[str, float]:
    from auricle_shared.enrolled_detector import EnrolledDetector
    from auricle_shared.enrolled_file import read_enrolled

    from ..onnx_scorer import OnnxScorer
    from .blocks import measure_enrolled

    click.echo("Measuring with enrolled sounds ...", err=True)
    scorer = OnnxScorer(model, provider)
    sounds = read_enrolled(enrolled, model, scorer.metadata.embedding_size)
    return measure_enrolled(scorer, EnrolledDetector(sounds, scorer.metadata), lengths)


def _lines(figures: dict[str, Any]) -> list[str]:
    lines = ["block        CPU ms per s of audio    times real time    p50 ms    p99 ms"]
    rows = [(f"{ms:>5} ms", row) for ms, row in figures["blocks_ms"].items()]
    rows.append(("   80 ms paced", figures["paced_80_ms"]))
    lines += [
        f"{name:14} {row['cpu_ms_per_second']:18.3f} {row['times_real_time']:18.0f} {row['p50_ms']:9.3f} "
        f"{row['p99_ms']:9.3f}"
        for name, row in rows
    ]
    return [
        *lines,
        *_enrolled_lines(figures.get("enrolled")),
        *_stream_lines(figures["streams"]),
        f"listen as a process: {figures['process_cpu_ms_per_second']:.3f} ms CPU per second of audio over "
        f"{figures['seconds_of_audio']:g} s ({figures['process_cpu_slope_ms_per_second']:.3f} without its start)",
        f"peak memory {figures['peak_memory_mb']:.1f} MB, start to first score "
        f"{figures['start_to_first_score_ms']:.0f} ms (best {figures['start_to_first_score_best_ms']:.0f}); "
        f"{figures['bare_start_to_first_score_ms']:.0f} ms (best {figures['bare_start_to_first_score_best_ms']:.0f}) "
        "for Python, numpy, ONNX Runtime and one call alone",
        f"this machine: {figures['matrix_vector_us']:.1f} us for a matrix-vector product of 384 x 128; ONNX Runtime "
        f"{figures['onnxruntime']} on {figures['provider']}",
    ]


def _enrolled_lines(found: dict[str, float] | None) -> list[str]:
    if found is None:
        return []
    name, more = f"   80 ms, {found['sounds']} enrolled", 100 * found["more_share"]
    without = found["cpu_ms_per_second_without"]
    return [f"{name:14} {found['cpu_ms_per_second']:10.3f}, without {without:.3f}: {more:+.1f} % of CPU"]


def _stream_lines(streams: dict[str, Any]) -> list[str]:
    """The table of how many streams together, and where it stops."""
    lines = [f"streams in {streams['block_ms']} ms blocks  % of a core    ms a stream and s    p50 ms    p99 ms"]
    lines += [
        f"{step['streams']:19} {100 * step['feed_cpu_share']:14.1f} {step['cpu_ms_per_second_and_stream']:20.3f} "
        f"{step['p50_ms']:9.2f} {step['p99_ms']:9.2f}"
        for step in streams["steps"]
    ]
    stops = streams["stops_at"]
    end = (
        f"it stops at {stops['streams']}, which would take {100 * stops['feed_cpu_share']:.0f} %" if stops else "no end"
    )
    return [
        *lines,
        f"one core carries {streams['fit']} streams ({streams['fit_with_events']} with their events); {end}",
    ]
