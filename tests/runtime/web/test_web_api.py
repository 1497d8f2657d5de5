"""The demo server's calls: what they answer, what they refuse, and that visitors never meet."""

from __future__ import annotations

import io
import json
import threading
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from auricle_runtime.onnx_scorer import OnnxScorer
from auricle_runtime.web import WebSettings, create_app
from auricle_runtime.web.batching import BatchingScorer
from auricle_runtime.web.errors import RefusedError
from auricle_runtime.web.sessions import Sessions
from auricle_shared.audio import read_audio
from auricle_shared.errors import ModelError, SettingsError
from auricle_shared.pcm import to_int16

Tones = Callable[[int], Path]
Heard = Callable[[Path], tuple[np.ndarray, list[dict[str, Any]]]]
FAST = WebSettings(max_ahead_seconds=1e6)


@pytest.fixture(scope="module")
def client(tiny_model: Path) -> FlaskClient:
    return create_app(tiny_model, FAST).test_client()


def visit(client: FlaskClient, rate_hz: int = 16000) -> str:
    answer = client.post("/api/sessions", json={"rate_hz": rate_hz})
    assert answer.status_code == 201, answer.json
    return str(answer.json["session"])


def post(client: FlaskClient, session: str, number: int, samples: np.ndarray) -> Any:
    return client.post(f"/api/sessions/{session}/blocks/{number}", data=samples.astype("<f4").tobytes())


def stream(client: FlaskClient, audio: np.ndarray, rate_hz: int, block_seconds: float = 0.25) -> tuple[Any, list[Any]]:
    """Scores [F, C] and events of a whole recording, sent in blocks."""
    session, size = visit(client, rate_hz), round(block_seconds * rate_hz)
    answers = [post(client, session, n, audio[i : i + size]).json for n, i in enumerate(range(0, len(audio), size))]
    return np.concatenate([np.reshape(a["scores"], (-1, 3)) for a in answers]), sum((a["events"] for a in answers), [])


@pytest.fixture
def listen(auricle_here: Callable[..., Any], tiny_model: Path, tmp_path: Path) -> Heard:
    """What `auricle listen --wav` makes of a recording: scores [F, C] and events."""

    def run(wav: Path) -> tuple[np.ndarray, list[dict[str, Any]]]:
        table = tmp_path / "scores.csv"
        done = auricle_here("listen", tiny_model, "--wav", wav, "--json", "--scores", table)
        scores = np.loadtxt(table, delimiter=",", skiprows=1)[:, 1:]
        return scores, [json.loads(line) for line in done.stdout.splitlines()]

    return run


def as_wav(samples: np.ndarray, rate_hz: int, channels: int = 1) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(channels)
        wav.setsampwidth(2)
        wav.setframerate(rate_hz)
        wav.writeframes(to_int16(samples).tobytes())
    return file.getvalue()


@pytest.mark.parametrize("rate_hz", [16000, 44100, 48000])
def test_posts_tell_what_listen_tells(client: FlaskClient, listen: Heard, two_tones: Tones, rate_hz: int) -> None:
    wanted, wanted_events = listen(two_tones(rate_hz))
    audio, _ = read_audio(two_tones(rate_hz))
    scores, events = stream(client, audio, rate_hz)
    assert len(wanted) - 10 <= len(scores) <= len(wanted)  # the resampler's rest never comes: the stream is still on
    np.testing.assert_allclose(scores, wanted[: len(scores)], atol=1e-5)
    assert [(e["phase"], e["label"]) for e in events] == [(e["phase"], e["label"]) for e in wanted_events]
    for found, other in zip(events, wanted_events, strict=True):
        assert found["onset_seconds"] == pytest.approx(other["onset_seconds"], abs=1e-3)


def test_uploads_tell_what_listen_tells(client: FlaskClient, listen: Heard, two_tones: Tones) -> None:
    wanted, wanted_events = listen(two_tones(44100))
    answer = client.post("/api/clips", data=two_tones(44100).read_bytes())
    assert answer.status_code == 200
    found = answer.json
    np.testing.assert_allclose(found["scores"], wanted, atol=1e-5)
    assert [e["onset_seconds"] for e in found["events"]] == pytest.approx(
        [e["onset_seconds"] for e in wanted_events], abs=1e-3
    )
    assert found["seconds"] == pytest.approx(8.0, abs=1e-3)
    assert sum(found["clip_scores"].values()) == pytest.approx(1.0, abs=1e-5)


def test_one_visitors_audio_never_moves_anothers_scores(
    client: FlaskClient, two_tones: Tones, rng: np.random.Generator
) -> None:
    """Many at once, in threads of their own and with other audio each; every one hears as if alone."""
    audio, _ = read_audio(two_tones(16000))
    recordings = [audio, *(rng.normal(0, 0.1 * n, 48000).astype(np.float32) for n in range(1, 8))]
    alone = [stream(client, one, 16000)[0] for one in recordings]
    together: list[Any] = [None] * len(recordings)

    def visitor(i: int) -> None:
        with client.application.test_client() as mine:
            together[i] = stream(mine, recordings[i], 16000, 0.1 + 0.03 * i)[0]

    threads = [threading.Thread(target=visitor, args=(i,)) for i in range(len(recordings))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for found, wanted in zip(together, alone, strict=True):
        np.testing.assert_allclose(found, wanted, atol=2e-6)


def test_a_block_that_is_sent_again_is_heard_once(client: FlaskClient, two_tones: Tones) -> None:
    audio, _ = read_audio(two_tones(16000))
    session = visit(client)
    first = post(client, session, 0, audio[:4000]).json
    assert post(client, session, 0, audio[:4000]).json == first
    second = post(client, session, 1, audio[4000:8000]).json
    assert second["start_seconds"] == pytest.approx(0.25)
    skipped = post(client, session, 3, audio[:4000])
    assert skipped.status_code == 409
    assert skipped.json["wanted_block"] == 2


def test_model_tells_what_a_page_must_know(client: FlaskClient, tiny_model: Path) -> None:
    info = client.get("/api/model").json
    metadata = OnnxScorer(tiny_model).metadata
    assert info["labels"] == list(metadata.labels)
    assert info["event_labels"] == ["high", "low"]
    assert info["event_settings"]["low"]["on_threshold"] == metadata.event_settings("low").on_threshold
    assert info["provenance"]["run_id"] == metadata.provenance["run_id"]
    assert info["records"] is False
    assert client.get("/api/model.onnx").data == tiny_model.read_bytes()
    assert client.get("/healthz").json == {"status": "ok"}


@pytest.mark.parametrize(
    ("samples", "status"),
    [
        pytest.param(np.zeros(16000 * 5), 413, id="five seconds at once"),
        pytest.param(np.array([0.0, np.nan]), 400, id="NaN"),
        pytest.param(np.array([np.inf]), 400, id="infinity"),
        pytest.param(np.array([1e30]), 400, id="far too loud"),
    ],
)
def test_blocks_that_are_no_audio_are_refused_and_the_visit_goes_on(
    client: FlaskClient, samples: np.ndarray, status: int
) -> None:
    session = visit(client)
    refused = post(client, session, 0, samples)
    assert refused.status_code == status
    assert refused.json["error"]
    assert post(client, session, 0, np.zeros(4000)).status_code == 200


def test_odd_bytes_and_strange_rates_are_refused(client: FlaskClient) -> None:
    assert client.post(f"/api/sessions/{visit(client)}/blocks/0", data=b"abc").status_code == 400
    for rate in (0, -1, 10**9, 1.5, "48000", None, True, [48000]):
        answer = client.post("/api/sessions", json={"rate_hz": rate})
        assert answer.status_code == 400, rate
        assert "rate_hz" in answer.json["error"]


def test_uploads_that_are_no_recording_are_refused(client: FlaskClient, tiny_model: Path) -> None:
    quiet = np.zeros(1600, np.float32)
    claims_more = bytearray(as_wav(quiet, 16000))
    claims_more[40:44] = (0x7FFFFFFF).to_bytes(4, "little")
    for data, status in (
        (b"", 400),
        (b"hello, this is no audio" * 20, 400),
        (b"RIFF\xff\xff\xff\xffWAVEfmt ", 400),
        (as_wav(quiet, 16000)[:44], 400),
        (as_wav(np.zeros(1600 * 20, np.float32), 16000, channels=20), 400),
        (as_wav(quiet, 100), 400),
        (b"fLaC" + bytes(1000), 400),
        (bytes(claims_more), 200),  # what is there is scored, whatever the header claims
    ):
        answer = client.post("/api/clips", data=data)
        assert answer.status_code == status, data[:40]
        assert "/tmp" not in str(answer.json)
    small = create_app(tiny_model, WebSettings(max_clip_bytes=1000, max_clip_seconds=0.5)).test_client()
    assert small.post("/api/clips", data=bytes(2000)).status_code == 413
    slow_rate = as_wav(np.zeros(400, np.float32), 500 * 2)
    assert len(slow_rate) < 1000
    assert small.post("/api/clips", data=slow_rate).status_code == 200
    short = create_app(tiny_model, WebSettings(max_clip_seconds=0.5)).test_client()
    assert short.post("/api/clips", data=as_wav(np.zeros(16000, np.float32), 16000)).status_code == 413


def test_number_age_and_pace_of_visitors_are_bounded(tiny_model: Path) -> None:
    now = [1000.0]
    settings = WebSettings(max_sessions=2, idle_seconds=30, max_session_seconds=100, max_ahead_seconds=3)
    sessions = Sessions(BatchingScorer(OnnxScorer(tiny_model)), settings, clock=lambda: now[0])
    second = np.zeros(16000, np.float32)

    def status(session_id: str, number: int) -> int:
        try:
            sessions.hear(sessions.find(session_id), number, second)
        except RefusedError as error:
            return error.status
        return 200

    first = sessions.open(16000).id
    sessions.open(16000)
    with pytest.raises(RefusedError, match="2 visitors") as full:
        sessions.open(16000)
    assert full.value.status == 429
    assert [status(first, n) for n in range(4)] == [200, 200, 200, 429]  # 3 s may come ahead of time
    now[0] += 20
    assert status(first, 3) == 200
    now[0] += 20  # the other visitor has said nothing for 40 s
    third = sessions.open(16000).id
    for n in range(4):
        assert (status(first, 4 + n), status(third, n)) == (200, 200)
        now[0] += 19
    assert (status(first, 8), status(third, 4)) == (404, 200)  # the first is older than 100 s
    sessions.close(third)
    assert status(third, 5) == 404
    assert len(sessions) == 0


def test_token_origin_and_host_are_checked(tiny_model: Path) -> None:
    token = "a-token-of-24-characters"
    public = create_app(tiny_model, WebSettings(token=token, host_names=())).test_client()
    calls = [
        ("GET", "/api/model"), ("GET", "/api/model.onnx"), ("GET", "/api/status"), ("POST", "/api/sessions"),
        ("POST", "/api/clips"), ("POST", "/api/sessions/x/blocks/0"), ("DELETE", "/api/sessions/x"),
    ]  # fmt: skip
    for method, path in calls:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {token}"}):
            assert public.open(path, method=method, headers=headers).status_code == 401, path
    assert public.get("/api/model", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert public.get("/").status_code == 200
    loopback = create_app(tiny_model).test_client()
    for headers, status in (
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "evil.example"}, 400),  # another site's name that points at 127.0.0.1
        ({"Origin": "http://localhost"}, 200),
        ({"Host": "[::1]:8765"}, 200),
    ):
        assert loopback.get("/api/model", headers=headers).status_code == status, headers
    with pytest.raises(SettingsError, match="16"):
        WebSettings(token="short")


def test_every_answer_forbids_other_hosts(client: FlaskClient) -> None:
    for path in ("/", "/static/js/main.js", "/api/model", "/nothing/here"):
        headers = client.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "http" not in policy
        assert "*" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Origin" not in headers
    assert client.get("/static/js/main.js").mimetype == "text/javascript"


def test_no_path_reaches_the_file_system(client: FlaskClient) -> None:
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static//etc/passwd", "/app.py"):
        answer = client.get(path)
        assert answer.status_code in (308, 404), path  # 308: without the second slash
        assert b"import" not in answer.data


def test_audio_is_stored_only_where_it_was_asked_for(
    tiny_model: Path, two_tones: Tones, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    audio, _ = read_audio(two_tones(16000))
    for settings in (FAST, WebSettings(max_ahead_seconds=1e6, record_folder=tmp_path / "kept")):
        client = create_app(tiny_model, settings).test_client()
        assert client.get("/api/model").json["records"] is (settings.record_folder is not None)
        session = visit(client)
        for n in range(4):
            post(client, session, n, audio[n * 16000 : (n + 1) * 16000])
        client.delete(f"/api/sessions/{session}")
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert len(files) == (settings.record_folder is not None)
    kept, rate_hz = read_audio(files[0])
    assert rate_hz == 16000
    np.testing.assert_allclose(kept, audio[:64000], atol=2e-5)


def test_model_that_cannot_be_opened_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        create_app(tmp_path / "none.onnx")
