"""`auricle serve-load`: many visitors at once, in real time, against the real server on this machine.

Every visitor posts a block each time a microphone would have filled one; delays are counted from the moment a block was
due, so a server that stalls cannot hide it by slowing its visitors down.
"""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import numpy as np

from auricle_shared.errors import AuricleError
from auricle_shared.files import write_text

from ..bench.machine import made_audio

AUDIO_SECONDS = 20.0
TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True)
class Load:
    sessions: int = 100
    seconds: float = 60.0
    post_seconds: float = 0.25
    rate_hz: int = 48000


@click.command("serve-load")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--sessions", type=click.IntRange(1, 1000), default=100, show_default=True, help="Visitors at once.")
@click.option("--seconds", type=click.FloatRange(1, 86400), default=60.0, show_default=True, help="Audio of each.")
@click.option("--post-ms", type=click.FloatRange(20, 4000), default=250.0, show_default=True, help="Audio in one post.")
@click.option(
    "--rate", type=click.IntRange(8000, 192000), default=48000, show_default=True, help="Visitors' rate in Hz."
)
@click.option("--quick", is_flag=True, help="10 visitors for 4 seconds: that it works, not how fast it is.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the figures to this file.")
def serve_load(
    model: Path, sessions: int, seconds: float, post_ms: float, rate: int, quick: bool, json_file: Path | None
) -> None:
    """Start `auricle serve` and let many visitors talk to it in real time, on loopback.

    \b
    auricle serve-load model.onnx
    auricle serve-load model.onnx --sessions 200 --post-ms 100

    Fails when a post is refused or a visitor ends more than one block behind real time.
    """
    load = Load(10, 4.0, post_ms / 1000, rate) if quick else Load(sessions, seconds, post_ms / 1000, rate)
    figures = measure(model, load)
    if json_file is not None:
        write_text(json_file, json.dumps(figures, indent=2) + "\n")
    for line in _lines(figures):
        click.echo(line)
    if figures["failed_posts"] or figures["sessions_behind"]:
        raise AuricleError(
            f"{figures['failed_posts']} posts failed and {figures['sessions_behind']} of {load.sessions} sessions fell "
            "behind real time. Wanted: none. A smaller model, longer posts or fewer visitors help."
        )


def measure(model: Path, load: Load) -> dict[str, Any]:
    """All figures; times in milliseconds, memory in MB."""
    audio = made_audio(AUDIO_SECONDS, load.rate_hz)
    with running_server(model, load.sessions) as address:
        click.echo(f"{load.sessions} visitors, {load.seconds:g} s each, at {address} ...", err=True)
        begin = time.monotonic() + 1.0
        visitors = [_Visitor(address, i, audio, load, begin) for i in range(load.sessions)]
        threads = [threading.Thread(target=visitor.talk, daemon=True) for visitor in visitors]
        for thread in threads:
            thread.start()
        time.sleep(1.0 + load.seconds / 3)
        early = _status(address)
        for thread in threads:
            thread.join(load.seconds + TIMEOUT_SECONDS)
        return _figures(load, visitors, early, _status(address))


class _Visitor:
    """Posts block after block, each when it is due; remembers how late every answer came."""

    def __init__(self, address: str, index: int, audio: np.ndarray, load: Load, begin: float) -> None:
        self._address, self._audio, self._load = address, audio, load
        self._first_sample = index * len(audio) // load.sessions  # everyone hears another part
        self._begin = begin + load.post_seconds * index / load.sessions  # and posts at another moment
        self.delays_seconds: list[float] = []
        self.failed = 0

    @property
    def behind_seconds(self) -> float:
        """How late the last answer came; all of the stream is missing where none came."""
        return self.delays_seconds[-1] if self.delays_seconds else self._load.seconds

    def talk(self) -> None:
        blocks = round(self._load.seconds / self._load.post_seconds)
        try:
            connection = _connect(self._address)
            session = _ask(connection, "POST", "/api/sessions", json.dumps({"rate_hz": self._load.rate_hz}).encode())
            for number in range(blocks):
                due = self._begin + (number + 1) * self._load.post_seconds  # when the block's last sample is there
                time.sleep(max(0.0, due - time.monotonic()))
                path = f"/api/sessions/{session['session']}/blocks/{number}"
                _ask(connection, "POST", path, self._block(number))
                self.delays_seconds.append(time.monotonic() - due)
            _ask(connection, "DELETE", f"/api/sessions/{session['session']}")
        except (OSError, http.client.HTTPException, AuricleError) as error:
            self.failed = blocks - len(self.delays_seconds)
            click.echo(f"A visitor stopped: {error}", err=True)

    def _block(self, number: int) -> bytes:
        size = round(self._load.post_seconds * self._load.rate_hz)
        places = self._first_sample + number * size + np.arange(size)
        return np.take(self._audio, places, mode="wrap").astype("<f4").tobytes()


@contextmanager
def running_server(model: Path, sessions: int) -> Iterator[str]:
    """`auricle serve` as a process of its own on a free port; gives host:port."""
    command = [sys.executable, "-m", "auricle_shared.command", "serve", str(model), "--port", "0"]
    server = subprocess.Popen(
        [*command, "--max-visitors", str(sessions)], stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )
    assert server.stderr is not None
    try:
        said = server.stderr.readline()
        found = re.search(r"http://\S+", said)
        if found is None:
            raise AuricleError(f"The server did not start: {(said + server.stderr.read()).strip()}")
        yield urlsplit(found.group()).netloc
    finally:
        server.terminate()
        server.wait()
        server.stderr.close()


def _connect(address: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(address, timeout=TIMEOUT_SECONDS)


def _ask(connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None) -> Any:
    connection.request(method, path, body)
    answer = connection.getresponse()
    data = answer.read()
    if answer.status >= 300:
        raise AuricleError(f"{method} {path} was answered with {answer.status}: {data[:200].decode(errors='replace')}")
    return json.loads(data) if data else None


def _status(address: str) -> dict[str, Any]:
    connection = _connect(address)
    try:
        status: dict[str, Any] = _ask(connection, "GET", "/api/status")
        return status
    finally:
        connection.close()


def _figures(load: Load, visitors: list[_Visitor], early: dict[str, Any], late: dict[str, Any]) -> dict[str, Any]:
    delays = np.array([delay for visitor in visitors for delay in visitor.delays_seconds] or [load.seconds]) * 1000
    p50, p99 = np.percentile(delays, [50, 99])
    return {
        **asdict(load),
        "posts": sum(len(visitor.delays_seconds) for visitor in visitors),
        "failed_posts": sum(visitor.failed for visitor in visitors),
        "p50_ms": round(float(p50), 1),
        "p99_ms": round(float(p99), 1),
        "worst_ms": round(float(delays.max()), 1),
        "sessions_behind": sum(visitor.behind_seconds > load.post_seconds for visitor in visitors),
        "server_cpu_share": round(late["cpu_seconds"] / load.seconds, 3),
        "streams_per_call": round(late["streams_scored"] / max(1, late["calls"]), 2),
        "memory_after_a_third_mb": early["peak_memory_mb"],
        "memory_at_the_end_mb": late["peak_memory_mb"],
    }


def _lines(figures: dict[str, Any]) -> list[str]:
    memory = [figures["memory_after_a_third_mb"], figures["memory_at_the_end_mb"]]
    return [
        f"{figures['sessions']} sessions of {figures['seconds']:g} s at {figures['rate_hz']} Hz, "
        f"{1000 * figures['post_seconds']:g} ms a post: {figures['posts']} posts, {figures['failed_posts']} failed",
        f"from a block's last sample to its answer: p50 {figures['p50_ms']} ms, p99 {figures['p99_ms']} ms, "
        f"worst {figures['worst_ms']} ms; {figures['sessions_behind']} sessions ended behind real time",
        f"server: {100 * figures['server_cpu_share']:.0f} % of a core, {figures['streams_per_call']} streams a call, "
        f"peak memory {memory[0]} MB after a third, {memory[1]} MB at the end",
    ]
