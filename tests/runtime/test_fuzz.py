"""Anything at all is given to what reads from outside: clear words or scores, never another exception and no hang."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auricle_runtime.onnx_scorer import OnnxScorer, open_if_onnx
from auricle_runtime.sources.file import FileSource
from auricle_runtime.sources.stdin import StdinSource
from auricle_shared.errors import AuricleError

RATE_HZ = 16000
FEW = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def wav_header(code: int, channels: int, rate_hz: int, bits: int, fmt_bytes: int, claimed: int) -> bytes:
    fmt = struct.pack("<HHIIHH", code, channels, rate_hz, 0, 0, bits).ljust(fmt_bytes, b"\0")[:fmt_bytes]
    return b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<I", fmt_bytes) + fmt + b"data" + struct.pack("<I", claimed)


HEADERS = st.builds(
    wav_header,
    st.sampled_from([0, 1, 3, 0xFFFE]) | st.integers(0, 0xFFFF),
    st.integers(0, 9) | st.integers(0, 0xFFFF),
    st.sampled_from([8000, RATE_HZ, 48000]) | st.integers(0, 2**32 - 1),
    st.sampled_from([8, 16, 24, 32]) | st.integers(0, 0xFFFF),
    st.integers(0, 60),
    st.integers(0, 2**32 - 1),
)
PIPES = st.binary(max_size=4000) | st.builds(bytes.__add__, HEADERS, st.binary(max_size=4000))


@FEW
@given(PIPES)
def test_any_bytes_on_a_pipe_are_audio_or_refused_with_words(data: bytes) -> None:
    try:
        samples = [block.samples for block in StdinSource(io.BytesIO(data), RATE_HZ).blocks()]
    except AuricleError:
        return
    assert all(s.dtype == np.float32 and np.isfinite(s).all() and np.abs(s).max(initial=0) < 1.5 for s in samples)


@FEW
@given(PIPES)
def test_any_bytes_in_a_file_are_audio_or_refused_with_words(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "any.wav"
    path.write_bytes(data)
    try:
        source = FileSource(path, RATE_HZ)
        samples = [block.samples for block in source.blocks()]
        source.close()
    except AuricleError:
        return
    assert all(s.dtype == np.float32 and np.isfinite(s).all() for s in samples)


@FEW
@given(st.binary(max_size=500), st.booleans())
def test_random_bytes_are_no_model(tmp_path: Path, data: bytes, starts_well: bool) -> None:
    path = tmp_path / "any.onnx"
    path.write_bytes(b"\x08\x08\x12\x07auricle" * starts_well + data)
    with pytest.raises(AuricleError, match=r"any\.onnx"):
        open_if_onnx(path)


TRY_MODELS = """
import sys
from auricle_runtime.onnx_scorer import OnnxScorer
from auricle_shared.errors import AuricleError
for path in sys.argv[1:]:
    try:
        OnnxScorer(path, "cpu")
        print("opened", flush=True)
    except AuricleError as error:
        assert "model" in str(error) or path in str(error), error
        print("refused", flush=True)
"""


def test_truncated_and_damaged_models_are_opened_or_refused(tiny_model: Path, tmp_path: Path) -> None:
    """In a process of its own: a crash inside ONNX Runtime would be seen, and a hang would end the test."""
    whole, rng = tiny_model.read_bytes(), np.random.default_rng(7)
    paths = []
    for i in range(60):
        data = bytearray(whole[: int(rng.integers(1, len(whole)))] if i % 3 == 0 else whole)
        for _ in range(int(rng.integers(1, 4)) * (i % 3 != 0)):
            # half of the damage among the names and shapes at both ends, half anywhere
            place = int(rng.integers(0, len(data)) if i % 2 else rng.integers(0, 3000)) * (-1) ** int(rng.integers(2))
            data[place] = int(rng.integers(256))
        paths.append(tmp_path / f"{i}.onnx")
        paths[-1].write_bytes(data)
    command = [sys.executable, "-c", TRY_MODELS, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    said = [line for line in done.stdout.splitlines() if line in ("opened", "refused")]  # ONNX Runtime talks between
    assert len(said) == len(paths) and said.count("refused") >= len(paths) // 3
    assert OnnxScorer(tiny_model, "cpu").metadata.labels
