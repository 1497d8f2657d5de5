"""`auricle bench`: what a model costs on this machine, in the program that will really run.

Two kinds of figures: blocks scored back to back inside this process, and the real `auricle listen` as processes of
their own, from start to end. A third, paced like a microphone, shows what a step costs when the caches are cold.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from auricle_shared.audio import write_wav
from auricle_shared.errors import AuricleError
from auricle_shared.files import write_text

BLOCKS_MS = (10, 20, 80, 1000)
LISTEN_BLOCK_MS = 80
START_ROUNDS = 5
PRODUCT_ROWS, PRODUCT_COLUMNS, PRODUCT_ROUNDS = 384, 128, 2000
"""The product of a matrix and a vector that a GRU of 128 units makes for every frame: half of its cost"""
LISTEN_CODE = [sys.executable, "-m", "auricle_shared.command", "listen"]
# A process's peak memory begins at that of the one it was forked from; this small one stands in between.
MEASURED = (
    "import json, os, sys\n"
    "pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)\n"
    "_, status, usage = os.wait4(pid, 0)\n"
    "print(json.dumps([os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, usage.ru_maxrss]))\n"
)
MAXRSS_PER_MB = 1 << 20 if sys.platform == "darwin" else 1 << 10


@dataclass(frozen=True)
class Lengths:
    """How much audio each measurement takes, in seconds."""

    blocks: float = 20.0
    rounds: int = 3
    paced: float = 5.0
    short: float = 10.0
    long: float = 610.0


QUICK = Lengths(blocks=3.0, rounds=1, paced=1.0, short=2.0, long=32.0)


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the figures to this file.")
@click.option("--quick", is_flag=True, help="A few seconds instead of half a minute; the figures are rougher.")
def bench(model: Path, json_file: Path | None, quick: bool) -> None:
    """Measure CPU time, latency, memory and start of a model on this machine (CPU, one thread).

    \b
    auricle bench model.onnx
    auricle bench model.onnx --json bench.json
    """
    figures = measure(model, QUICK if quick else Lengths())
    if json_file is not None:
        write_text(json_file, json.dumps(figures, indent=2) + "\n")
    for line in _lines(figures):
        click.echo(line)


def measure(model: Path, lengths: Lengths) -> dict[str, Any]:
    """All figures; times in milliseconds, CPU in milliseconds a second of audio."""
    from .onnx_scorer import OnnxScorer

    scorer = OnnxScorer(model, "cpu")  # first of all: a model that cannot be opened is told in its own words
    rate_hz = scorer.metadata.rate_hz
    figures: dict[str, Any] = {"model": str(model), "seconds_of_audio": lengths.long, "blocks_ms": {}}
    with tempfile.TemporaryDirectory(prefix="auricle-bench-") as folder:
        click.echo("Measuring auricle listen as a process ...", err=True)
        figures |= _measure_process(model, Path(folder), rate_hz, lengths)
    for block_ms in BLOCKS_MS:
        click.echo(f"Measuring blocks of {block_ms} ms ...", err=True)
        figures["blocks_ms"][str(block_ms)] = _measure_blocks(scorer, block_ms, lengths)
    click.echo("Measuring paced like a microphone ...", err=True)
    figures["paced_80_ms"] = _measure_paced(scorer, lengths)
    figures["matrix_vector_us"] = _measure_product()
    return figures


def made_audio(seconds: float, rate_hz: int) -> np.ndarray:
    """Faint noise with a loud burst of half a second every five seconds, float32 [n]."""
    rng = np.random.default_rng(0)
    audio = rng.normal(0.0, 1e-3, round(seconds * rate_hz)).astype(np.float32)
    for start in range(round(2.0 * rate_hz), len(audio), 5 * rate_hz):
        audio[start : start + rate_hz // 2] *= 200.0
    return np.clip(audio, -1.0, 1.0)


def _measure_blocks(scorer: Any, block_ms: int, lengths: Lengths) -> dict[str, float]:
    """Blocks back to back through the whole of classifier and detector; the best round, as others only add."""
    audio = made_audio(lengths.blocks, scorer.metadata.rate_hz)
    blocks = _cut(audio, block_ms, scorer.metadata.rate_hz)
    best: dict[str, float] | None = None
    for _ in range(lengths.rounds):
        found = _time_blocks(scorer, blocks, 0.0)
        found["cpu_ms_per_second"] = round(found.pop("cpu_ms") / (len(audio) / scorer.metadata.rate_hz), 4)
        if best is None or found["cpu_ms_per_second"] < best["cpu_ms_per_second"]:
            best = found
    assert best is not None
    return best


def _measure_paced(scorer: Any, lengths: Lengths) -> dict[str, float]:
    rate_hz = scorer.metadata.rate_hz
    blocks = _cut(made_audio(lengths.paced, rate_hz), LISTEN_BLOCK_MS, rate_hz)
    found = _time_blocks(scorer, blocks, LISTEN_BLOCK_MS / 1000)
    found["cpu_ms_per_second"] = round(found.pop("cpu_ms") / lengths.paced, 4)
    return found


def _measure_product() -> float:
    """Microseconds of one 384 x 128 matrix-vector product by NumPy: how fast this machine is at what costs most."""
    rng = np.random.default_rng(0)
    matrix, vector = (
        rng.standard_normal(shape).astype(np.float32) for shape in ((PRODUCT_ROWS, PRODUCT_COLUMNS), (PRODUCT_COLUMNS,))
    )
    walls = []
    for _ in range(PRODUCT_ROUNDS):
        began = time.perf_counter()
        matrix @ vector
        walls.append(time.perf_counter() - began)
    return round(1e6 * float(np.median(walls)), 2)


def _cut(audio: np.ndarray, block_ms: int, rate_hz: int) -> list[np.ndarray]:
    size = block_ms * rate_hz // 1000
    return [audio[i : i + size] for i in range(0, len(audio), size)]


def _time_blocks(scorer: Any, blocks: Sequence[np.ndarray], every_seconds: float) -> dict[str, float]:
    from .listen import Listener
    from .sources import Block

    listener = Listener(scorer, [])
    rate_hz = scorer.metadata.rate_hz
    walls, start_seconds = [], 0.0
    cpu = time.process_time()
    for samples in blocks:
        if every_seconds:
            time.sleep(every_seconds)
        began = time.perf_counter()
        listener.hear(Block(samples, start_seconds))
        walls.append(time.perf_counter() - began)
        start_seconds += len(samples) / rate_hz
    cpu = time.process_time() - cpu
    p50, p99 = np.percentile(walls, [50, 99]) * 1000
    return {"cpu_ms": cpu * 1000, "p50_ms": round(float(p50), 4), "p99_ms": round(float(p99), 4)}


def _measure_process(model: Path, folder: Path, rate_hz: int, lengths: Lengths) -> dict[str, float]:
    """`auricle listen --wav --json`: the whole of a long recording, and what each second more of it costs."""
    files = {}
    for name, seconds in (("short", lengths.short), ("long", lengths.long)):
        files[name] = folder / f"{name}.wav"
        write_wav(files[name], made_audio(seconds, rate_hz), rate_hz)
    short_cpu, _ = _run_listen(model, files["short"])
    long_cpu, peak_mb = _run_listen(model, files["long"])
    starts = [_start_to_first_score(model, files["short"]) for _ in range(START_ROUNDS)]
    return {
        "process_cpu_ms_per_second": round(1000 * long_cpu / lengths.long, 4),
        "process_cpu_slope_ms_per_second": round(1000 * (long_cpu - short_cpu) / (lengths.long - lengths.short), 4),
        "process_start_cpu_ms": round(1000 * short_cpu, 1),
        "peak_memory_mb": round(peak_mb, 1),
        "start_to_first_score_ms": round(1000 * sorted(starts)[len(starts) // 2], 1),
    }


def _run_listen(model: Path, wav: Path) -> tuple[float, float]:
    """CPU seconds (user and system) and peak memory in MB of one whole process."""
    listen = [*LISTEN_CODE, str(model), "--wav", str(wav), "--json", "--provider", "cpu"]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", MEASURED, *listen], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise AuricleError(f"The process that was to be measured could not be started: {done.stderr.strip()}")
    code, cpu_seconds, maxrss = json.loads(done.stdout.splitlines()[-1])
    if code:
        raise AuricleError(f"auricle listen ended with exit code {code}: {done.stderr.strip()}")
    return cpu_seconds, maxrss / MAXRSS_PER_MB


def _start_to_first_score(model: Path, wav: Path) -> float:
    """Wall seconds from starting `auricle listen` to the first row of scores that it writes."""
    listen = [*LISTEN_CODE, str(model), "--wav", str(wav), "--scores", "-", "--provider", "cpu"]
    began = time.perf_counter()
    with subprocess.Popen(listen, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        process.stdout.readline()  # the heading
        row = process.stdout.readline()
        seconds = time.perf_counter() - began
        process.kill()
    if not row:
        raise AuricleError("auricle listen gave no scores. Run it on a recording to see why.")
    return seconds


def _lines(figures: dict[str, Any]) -> list[str]:
    lines = ["block        CPU ms per s of audio    p50 ms    p99 ms"]
    rows = [(f"{ms:>5} ms", row) for ms, row in figures["blocks_ms"].items()]
    rows.append(("   80 ms paced", figures["paced_80_ms"]))
    lines += [
        f"{name:14} {row['cpu_ms_per_second']:18.3f} {row['p50_ms']:12.3f} {row['p99_ms']:9.3f}" for name, row in rows
    ]
    return [
        *lines,
        f"listen as a process: {figures['process_cpu_ms_per_second']:.3f} ms CPU per second of audio over "
        f"{figures['seconds_of_audio']:g} s ({figures['process_cpu_slope_ms_per_second']:.3f} without its start)",
        f"peak memory {figures['peak_memory_mb']:.1f} MB, start to first score "
        f"{figures['start_to_first_score_ms']:.0f} ms",
        f"this machine: {figures['matrix_vector_us']:.1f} us for a matrix-vector product of 384 x 128",
    ]
