"""The real `auricle listen` as processes of their own, from start to end."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from auricle_shared.audio import write_wav
from auricle_shared.errors import AuricleError
from auricle_shared.metadata import ModelMetadata

from . import Lengths
from .machine import made_audio

START_ROUNDS = 5
LISTEN_CODE = [sys.executable, "-c", "from auricle_shared.command import main; main()", "listen"]
"""What the installed script `auricle` does; `python -m` would look for the module first, 15 ms more."""
# A process's peak memory begins at that of the one it was forked from; this small one stands in between.
MEASURED = (
    "import json, os, sys\n"
    "pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)\n"
    "_, status, usage = os.wait4(pid, 0)\n"
    "print(json.dumps([os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, usage.ru_maxrss]))\n"
)
BARE = (
    "import sys, numpy, onnxruntime\n"
    "options = onnxruntime.SessionOptions()\n"
    "options.intra_op_num_threads = 1\n"
    "session = onnxruntime.InferenceSession(sys.argv[1], options, providers=['CPUExecutionProvider'])\n"
    "shapes = [(1, int(size)) for size in sys.argv[2:]]\n"
    "feeds = dict(zip(('audio', 'state'), (numpy.zeros(shape, numpy.float32) for shape in shapes)))\n"
    "print(session.run(['scores'], feeds)[0][0, 0, 0], flush=True)\n"
)
"""The least that any Python program does to its first score"""
MAXRSS_PER_MB = 1 << 20 if sys.platform == "darwin" else 1 << 10


def measure_process(model: Path, metadata: ModelMetadata, lengths: Lengths, provider: str) -> dict[str, float]:
    """`auricle listen --wav --json`: the whole of a long recording, and what each second more of it costs."""
    with tempfile.TemporaryDirectory(prefix="auricle-bench-") as folder:
        rate_hz = metadata.rate_hz
        short, long = (Path(folder) / f"{name}.wav" for name in ("short", "long"))
        write_wav(short, made_audio(lengths.short, rate_hz), rate_hz)
        write_wav(long, made_audio(lengths.long, rate_hz), rate_hz)
        short_cpu, _ = _run_listen(model, short, provider)
        long_cpu, peak_mb = _run_listen(model, long, provider)
        sizes = [str(metadata.hop_samples), str(metadata.state_size)]
        starts, bare = [], []
        for _ in range(START_ROUNDS):  # in turn, so that both meet the same machine
            starts.append(_start_to_first_score(model, short, provider))
            bare.append(_seconds_to_line([sys.executable, "-c", BARE, str(model), *sizes], 1))
    return {
        "process_cpu_ms_per_second": round(1000 * long_cpu / lengths.long, 4),
        "process_cpu_slope_ms_per_second": round(1000 * (long_cpu - short_cpu) / (lengths.long - lengths.short), 4),
        "process_start_cpu_ms": round(1000 * short_cpu, 1),
        "peak_memory_mb": round(peak_mb, 1),
        "start_to_first_score_ms": round(1000 * sorted(starts)[len(starts) // 2], 1),
        "start_to_first_score_best_ms": round(1000 * min(starts), 1),
        "bare_start_to_first_score_ms": round(1000 * sorted(bare)[len(bare) // 2], 1),
        "bare_start_to_first_score_best_ms": round(1000 * min(bare), 1),
    }


def _run_listen(model: Path, wav: Path, provider: str) -> tuple[float, float]:
    """CPU seconds (user and system) and peak memory in MB of one whole process."""
    listen = [*LISTEN_CODE, str(model), "--wav", str(wav), "--json", "--provider", provider]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", MEASURED, *listen], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise AuricleError(f"The process that was to be measured could not be started: {done.stderr.strip()}")
    code, cpu_seconds, maxrss = json.loads(done.stdout.splitlines()[-1])
    if code:
        raise AuricleError(f"auricle listen ended with exit code {code}: {done.stderr.strip()}")
    return cpu_seconds, maxrss / MAXRSS_PER_MB


def _start_to_first_score(model: Path, wav: Path, provider: str) -> float:
    """Wall seconds from starting `auricle listen` to the first row of scores that it writes."""
    listen = [*LISTEN_CODE, str(model), "--wav", str(wav), "--scores", "-", "--provider", provider]
    return _seconds_to_line(listen, 2)  # the first one is the heading


def _seconds_to_line(command: list[str], number: int) -> float:
    """Wall seconds from starting a process to its line `number` on standard output."""
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(number)]
        seconds = time.perf_counter() - began
        process.kill()
    if not lines[-1]:
        raise AuricleError(
            f"'{' '.join(command[:4])} ...' gave no scores. Run 'auricle listen' on a recording to see why."
        )
    return seconds
