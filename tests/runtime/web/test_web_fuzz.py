"""Whatever is posted, the server answers in words below 500, and goes on serving."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auricle_runtime.web import WebSettings, create_app

BOUNDED = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE"])
SEGMENTS = st.one_of(
    st.sampled_from(["api", "sessions", "blocks", "clips", "model", "model.onnx", "status", "static", "js", "..", "0"]),
    st.integers().map(str),
    st.text(max_size=12),
)
HEADERS = st.dictionaries(
    st.sampled_from(["Content-Type", "Authorization", "Origin", "Host", "Range", "Transfer-Encoding", "X-Any"]),
    st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=30),
    max_size=3,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def client(tiny_model: Path) -> FlaskClient:
    return create_app(tiny_model, WebSettings(max_sessions=10**6, max_ahead_seconds=1e9)).test_client()


def check(answer: Any) -> None:
    assert answer.status_code < 500, answer.data
    if answer.status_code >= 400 and answer.mimetype == "application/json" and answer.data:
        assert answer.json["error"]


@BOUNDED
@given(METHODS, st.lists(SEGMENTS, max_size=5), HEADERS, st.binary(max_size=300))
def test_any_request(client: FlaskClient, method: str, path: list[str], headers: dict[str, str], data: bytes) -> None:
    # As WSGI wants it, past the test client, which would take "//.." for a host.
    raw = ("/" + "/".join(path)).encode("utf-8", "replace").decode("latin-1")
    check(client.open("/", method=method, headers=headers, data=data, environ_overrides={"PATH_INFO": raw}))


@BOUNDED
@given(JSON, st.sampled_from(["{}", '{{"rate_hz": {}}}']))
def test_any_json_opens_a_session_or_is_refused(client: FlaskClient, value: Any, form: str) -> None:
    check(client.post("/api/sessions", data=form.format(json.dumps(value)), content_type="application/json"))


@BOUNDED
@given(st.sampled_from([1000, 8000, 16000, 44100, 48000, 767999]), st.lists(st.binary(max_size=3000), max_size=4))
def test_any_bytes_as_blocks(client: FlaskClient, rate_hz: int, blocks: list[bytes]) -> None:
    session = client.post("/api/sessions", json={"rate_hz": rate_hz}).json["session"]
    for number, block in enumerate(blocks):
        answer = client.post(f"/api/sessions/{session}/blocks/{number}", data=block)
        check(answer)
        if answer.status_code == 200:
            assert np.isfinite(np.array(answer.json["scores"], float)).all()
    client.delete(f"/api/sessions/{session}")


@BOUNDED
@given(st.data())
def test_recordings_with_damage(client: FlaskClient, recording: bytes, data: st.DataObject) -> None:
    """A WAV header or a FLAC stream in which a few bytes were changed, cut or added."""
    damaged = bytearray(recording)
    for place, value in data.draw(st.lists(st.tuples(st.integers(0, 80), st.integers(0, 255)), max_size=8)):
        damaged[place % len(damaged)] = value
    cut = data.draw(st.integers(0, len(damaged)))
    check(client.post("/api/clips", data=bytes(damaged[:cut]) + data.draw(st.binary(max_size=40))))


@pytest.fixture(scope="module", params=["WAV", "FLAC", "OGG"])
def recording(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    import soundfile

    path = tmp_path_factory.mktemp("fuzz") / f"tone.{request.param.lower()}"
    tone = 0.3 * np.sin(2 * np.pi * 300 * np.arange(4000) / 16000)
    soundfile.write(path, tone, 16000, format=request.param)
    return path.read_bytes()
