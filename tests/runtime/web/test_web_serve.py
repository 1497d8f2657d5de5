"""`auricle serve` as a process: what it says, what it refuses, and that a busy hour does not break it."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def get(url: str, **headers: str) -> Any:
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=60, context=ssl._create_unverified_context()) as answer:
        return json.load(answer)


def test_serves_until_control_c(serve: Any, tiny_model: Path) -> None:
    with serve(tiny_model) as server:
        assert get(server.url + "healthz") == {"status": "ok"}
        assert get(server.url + "api/model")["event_labels"] == ["high", "low"]
        with socket.create_connection(("127.0.0.1", server.port)):  # a page that is still open
            said = server.stop()
        assert "Traceback" not in said
        assert "WARNING" not in said  # gunicorn tells of a worker that died of a signal


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param(["--host", "0.0.0.0"], "add --public", id="public bind without the flag"),
        pytest.param(["--public", "--token", "short"], "at least 16", id="token that can be guessed"),
        pytest.param(["--tls", "no.pem", "none.pem"], "no.pem", id="no such certificate"),
        pytest.param(["--tls", "self", "--tls", "a", "b"], "exclude each other", id="two kinds of tls"),
        pytest.param(["--host", "192.0.2.77", "--public"], "Cannot listen at 192.0.2.77", id="not our address"),
    ],
)
def test_wrong_use_is_told_in_words(auricle_here: Run, tiny_model: Path, options: list[str], words: str) -> None:
    done = auricle_here("serve", tiny_model, "--port", 0, *options, check=False)
    assert done.returncode in (1, 2)
    assert words in done.stderr


def test_wrong_models_and_taken_ports_are_told_in_words(auricle_here: Run, tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no model")
    for model in ("text.onnx", "none.onnx"):
        done = auricle_here("serve", tmp_path / model, "--port", 0, check=False)
        assert done.returncode == 1
        assert model in done.stderr
        assert "Traceback" not in done.stderr
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = auricle_here("serve", tiny_model, "--port", taken.getsockname()[1], check=False)
    assert done.returncode == 1
    assert "--port 0 picks a free one" in done.stderr


def test_public_server_makes_a_token_and_wants_it(serve: Any, tiny_model: Path, tmp_path: Path) -> None:
    with serve(tiny_model, "--public", "--tls", "self", XDG_CACHE_HOME=str(tmp_path)) as server:
        base, token = server.url.split("#token=")
        assert base.startswith("https://")
        assert len(token) >= 24
        assert get(base + "api/model", Authorization=f"Bearer {token}")["labels"]
        with pytest.raises(urllib.error.HTTPError, match="401"):
            get(base + "api/model")


def test_a_client_that_stops_in_mid_request_keeps_nobody_waiting(serve: Any, tiny_model: Path) -> None:
    """Half a head, or a head whose body never comes."""
    with serve(tiny_model) as server:
        head = b"POST /api/clips HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
        stuck = [socket.create_connection(("127.0.0.1", server.port), timeout=60) for _ in range(40)]
        for i, one in enumerate(stuck):
            one.sendall(head + b"\r\nRIFF" if i % 2 else head)
        assert get(server.url + "healthz") == {"status": "ok"}
        for one in stuck:
            one.close()


def test_many_visitors_in_real_time(run_auricle: Run, tiny_model: Path, tmp_path: Path) -> None:
    figures = tmp_path / "load.json"
    done = run_auricle("serve-load", tiny_model, "--quick", "--json", figures, check=False)
    found = json.loads(figures.read_text())
    assert found["failed_posts"] == 0, done.stderr
    assert found["posts"] == 160
    assert "p99" in done.stdout
    growth_mb = found["memory_at_the_end_mb"] - found["memory_after_a_third_mb"]
    assert growth_mb < 20
