"""What a device does not need is not loaded: each of these costs it start time and memory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HEAVY = (
    "torch", "librosa", "scipy", "numba", "matplotlib", "onnx", "soundfile", "soxr", "sounddevice", "http", "ssl",
    "urllib.request", "email", "importlib.metadata", "asyncio", "multiprocessing",
)  # fmt: skip
THREADS = """
import os
def threads():
    return len(os.listdir("/proc/self/task"))
import numpy, onnxruntime
before = threads()
from auricle_runtime.onnx_scorer import OnnxScorer
scorer = OnnxScorer({model!r})
print(before, threads())
"""


def loaded_after(code: str) -> set[str]:
    program = f"{code}\nimport sys\nprint('\\n'.join(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    return set(done.stderr.split())


def test_the_command_line_is_read_before_numpy_is_loaded() -> None:
    """So that PortAudio can start beside it, once it is known that a microphone is wanted."""
    assert loaded_after("import auricle_runtime.listen").isdisjoint({*HEAVY, "numpy", "onnxruntime", "sounddevice"})


def test_importing_listening_loads_nothing_heavy() -> None:
    loaded = loaded_after("import auricle_runtime.listening")
    assert "numpy" in loaded
    assert loaded.isdisjoint(HEAVY)
    assert "onnxruntime" not in loaded


def test_listening_to_a_plain_wav_loads_nothing_heavy(tiny_model: Path, two_tones: Callable[[int], Path]) -> None:
    arguments = ["auricle", "listen", str(tiny_model), "--wav", str(two_tones(16000)), "--json"]
    loaded = loaded_after(f"import sys\nsys.argv = {arguments!r}\nfrom auricle_shared.command import main\nmain()")
    assert "onnxruntime" in loaded
    assert "auricle_runtime.sinks.json_lines" in loaded
    assert loaded.isdisjoint(HEAVY)


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="counts threads through /proc")
def test_a_session_starts_no_threads(tiny_model: Path) -> None:
    """ONNX Runtime's default pool would have one thread per core, and they spin."""
    code = THREADS.format(model=str(tiny_model))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    before, after = map(int, done.stdout.split())
    assert after == before


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="counts threads through /proc")
def test_importing_listening_starts_no_threads_and_leaves_the_environment_alone() -> None:
    """OpenBLAS would start one per core, and each spins for a while; what --exec starts may want its own."""
    code = (
        "import os\nbefore = dict(os.environ)\nimport auricle_runtime.listening, numpy\n"
        "print(len(os.listdir('/proc/self/task')), before == dict(os.environ))"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["1", "True"], done.stderr
