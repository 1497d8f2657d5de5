"""Opening a model in ONNX Runtime: one thread, no spinning, and the provider that really runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from auricle_shared.errors import AuricleError, DeviceError, ModelError

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
WARNING_SEVERITY = 2
"""ONNX Runtime's log level from which messages are shown. A warning at every run tells of a broken export."""


def needs_onnxruntime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise AuricleError(
            f"ONNX Runtime is not installed ({error}). Wanted: pip install 'auricle-runtime[cpu]', or "
            "'auricle-runtime[gpu]' on a machine with an NVIDIA GPU; exactly one of the two."
        ) from error
    if not hasattr(onnxruntime, "InferenceSession"):  # what is left after one of two wheels was uninstalled
        raise AuricleError(
            "ONNX Runtime is installed but empty: the CPU and the GPU package share a folder, and one of them was "
            "removed. Do: pip uninstall onnxruntime onnxruntime-gpu; pip install 'auricle-runtime[cpu]'."
        )
    return onnxruntime


def check_is_file(path: Path) -> None:
    if not path.is_file():
        raise ModelError(f"{path} does not exist or is not a file. Wanted: a model.onnx written by 'auricle export'.")


def open_session(path: Path, provider: str, model: bytes | None = None) -> tuple[Any, str]:
    """The session and the provider that really runs it; of `model` where that is not the file as it stands."""
    check_is_file(path)
    runtime = needs_onnxruntime()
    wanted = _wanted_providers(runtime, provider)
    options = runtime.SessionOptions()
    # The default thread pool spins: 32-92 % of a core for a network that needs 1 %.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.log_severity_level = WARNING_SEVERITY
    try:
        session = runtime.InferenceSession(model or os.fspath(path), options, providers=wanted)
    except Exception as error:  # ONNX Runtime's errors share no base class
        raise ModelError(
            f"{path} ({path.stat().st_size} bytes) is not an ONNX model that can be opened: {first_line(error)} "
            "Is it whole? Wanted: a file written by 'auricle export'."
        ) from error
    session.disable_fallback()
    running = session.get_providers()  # what was asked for, less what fell back silently
    runs_cuda = PROVIDERS["cuda"] in running
    if provider == "cuda" and not runs_cuda:
        raise DeviceError(
            f"CUDA was asked for, but ONNX Runtime {runtime.__version__} could not start it and would run on "
            f"{', '.join(running)}. Wanted: an NVIDIA driver, CUDA and cuDNN of the versions its GPU build needs "
            "(its own message is above). Or use --provider cpu."
        )
    return session, "cuda" if runs_cuda else "cpu"


def plain_run(session: Any) -> Callable[..., list[Any]]:
    """(outputs, feeds, options) -> values. `session.run` looks through its arguments once more at every call, 5 us in
    100; this is the call below it."""
    run: Callable[..., list[Any]] = getattr(session, "_sess", session).run
    return run


def bound_run(session: Any, binding: Any, options: Any) -> Callable[[], None]:
    """`session.run_with_iobinding`; the call below it, as 1.32 looks for WebGPU's options every time, for 35 us."""
    if hasattr(session, "_sess") and hasattr(binding, "_iobinding"):
        return partial(session._sess.run_with_iobinding, binding._iobinding, options)
    return partial(session.run_with_iobinding, binding, options)


def _wanted_providers(runtime: Any, provider: str) -> list[str]:
    if provider not in ("auto", *PROVIDERS):
        raise DeviceError(f"{provider!r} is not a provider. Wanted: auto, {', '.join(PROVIDERS)}.")
    installed = runtime.get_available_providers()
    has_cuda = PROVIDERS["cuda"] in installed
    if provider == "cuda" and not has_cuda:
        raise DeviceError(
            f"CUDA was asked for, but the installed ONNX Runtime {runtime.__version__} is built for "
            f"{', '.join(installed)} only. Wanted: pip uninstall onnxruntime; pip install 'auricle-runtime[gpu]'. "
            "Or use --provider cpu."
        )
    return [PROVIDERS["cuda"], PROVIDERS["cpu"]] if has_cuda and provider != "cpu" else [PROVIDERS["cpu"]]


def first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0].removeprefix("[ONNXRuntimeError] : ")
