"""Python, packages, and the two builds of ONNX Runtime that clash."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

from auricle_shared.errors import AuricleError

from ..session import PROVIDERS, needs_onnxruntime
from . import Finding

PACKAGES = ("auricle-shared", "auricle-runtime", "numpy", "click", "soxr", "soundfile", "sounddevice", "paho-mqtt")
RUNTIMES = ("onnxruntime", "onnxruntime-gpu")
THREADS = "OMP_NUM_THREADS"
ONLY_ONE = "pip uninstall onnxruntime onnxruntime-gpu, then pip install 'auricle-runtime[cpu]' or '[gpu]', one of them"


def findings() -> list[Finding]:
    return [_python(), _packages(), *_onnxruntime(), _threads()]


def installed(names: tuple[str, ...]) -> dict[str, str]:
    """Versions by name of those that are there."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _python() -> Finding:
    found = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    if sys.maxsize < 2**32:
        return Finding("system", "problem", f"{found}, 32 bit", "install a 64-bit system: ONNX Runtime needs one")
    return Finding("system", "ok", found)


def _packages() -> Finding:
    return Finding(
        "packages", "ok", ", ".join(f"{name} {v}" for name, v in installed(PACKAGES).items()) or "none known"
    )


def _onnxruntime() -> list[Finding]:
    both = installed(RUNTIMES)
    if len(both) > 1:
        said = " and ".join(f"{name} {v}" for name, v in both.items())
        return [Finding("onnxruntime", "problem", f"{said} are installed into one folder and clash", ONLY_ONE)]
    try:
        runtime = needs_onnxruntime()
    except AuricleError as error:
        return [Finding("onnxruntime", "problem", str(error), ONLY_ONE)]
    providers = runtime.get_available_providers()
    found = f"ONNX Runtime {runtime.__version__}, built for {', '.join(providers)}"
    if PROVIDERS["cuda"] in providers:
        todo = "name a model (auricle doctor MODEL.onnx --provider cuda) to see whether CUDA really runs"
        return [Finding("onnxruntime", "warning", f"{found}; being built for CUDA says nothing", todo)]
    return [Finding("onnxruntime", "ok", found)]


def _threads() -> Finding:
    cores = os.cpu_count() or 1
    numpy_threads = os.environ.get(THREADS, "(not set)")
    return Finding("threads", "ok", f"{cores} cores; a model runs on one that does not spin; {THREADS}={numpy_threads}")
