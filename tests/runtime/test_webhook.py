"""Onsets posted to a real HTTP server that refuses, hangs, dies and returns."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator

import pytest
from web_peer import WebPeer

from auricle_runtime.sinks import HeardEvent, webhook
from auricle_runtime.sinks.webhook import Webhook
from auricle_shared.errors import SettingsError


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "FIRST_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(webhook, "REQUEST_SECONDS", 0.5)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def peer() -> Iterator[WebPeer]:
    peer = WebPeer()
    yield peer
    peer.die()


def onset(seconds: float) -> HeardEvent:
    return HeardEvent("on", "doorbell", seconds, 0.97, onset_utc=1.8e9)


def posted(peer: WebPeer, count: int) -> list[float]:
    return [peer.posted.get(timeout=30).body["onset_seconds"] for _ in range(count)]


def test_each_onset_is_posted_once(peer: WebPeer, said: list[str]) -> None:
    sink = Webhook(peer.url.replace("http://", "http://me:a%3Ab@"), said.append)
    sink.event(onset(1.5))
    sink.event(HeardEvent("off", "doorbell", 1.5, 0.98, 2.5, onset_utc=1.8e9, offset_utc=1.8e9 + 1))
    sink.event(onset(3.0))
    sink.close()
    first = peer.posted.get(timeout=10)
    assert first.path == "/hook?key=secret"
    assert first.headers["Content-Type"] == "application/json"
    assert base64.b64decode(first.headers["Authorization"].split()[1]) == b"me:a:b"
    assert first.body == onset(1.5).to_dict()
    assert first.body["onset_utc"] == "2027-01-15T08:00:00.000Z"
    assert posted(peer, 1) == [3.0]
    assert peer.attempts == 2
    assert said == []


def test_server_that_dies_and_returns_gets_what_it_missed(peer: WebPeer, said: list[str]) -> None:
    sink = Webhook(peer.url, said.append)
    sink.event(onset(1))
    assert posted(peer, 1) == [1.0]
    peer.die()
    began = time.monotonic()
    for i in range(5):
        sink.event(onset(10 + i))
    assert time.monotonic() - began < 1
    time.sleep(0.4)
    peer.return_()
    assert posted(peer, 5) == [10.0, 11.0, 12.0, 13.0, 14.0]
    sink.close()
    assert len(said) == 2
    assert "refused" in said[0]
    assert "works again" in said[1]
    assert not any("secret" in text for text in said)


def test_answers_that_mean_later_and_those_that_mean_never(said: list[str]) -> None:
    peer = WebPeer((503, 429, 500, 204, 404, 302, 204))
    sink = Webhook(peer.url, said.append)
    for i in range(4):
        sink.event(onset(i))
    assert posted(peer, 2) == [0.0, 3.0]
    sink.close()
    assert peer.attempts == 7
    assert any("404" in text for text in said)
    assert said[-1].endswith("2 could not be delivered")
    peer.die()


def test_server_that_hangs_holds_nobody(said: list[str]) -> None:
    peer = WebPeer((0,))
    sink = Webhook(peer.url, said.append)
    began = time.monotonic()
    for i in range(1000):
        sink.event(onset(i))
    assert time.monotonic() - began < 2
    sink.close()
    assert time.monotonic() - began < 15
    assert said[-1].endswith("1000 could not be delivered")
    assert any("too slow" in text or "timed out" in text for text in said)
    peer.die()


def test_onset_of_long_ago_is_dropped(said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "KEPT_SECONDS", 0.3)
    peer = WebPeer((500,))
    sink = Webhook(peer.url, said.append)
    sink.event(onset(1))
    deadline = time.monotonic() + 20
    while not sink.dropped and time.monotonic() < deadline:
        time.sleep(0.05)
    assert sink.dropped == 1
    sink.close()
    peer.die()


@pytest.mark.parametrize(
    "url", ["host/path", "ftp://host/", "http://", "http://h:0/", "http://h:99999/", "http://h/a b"]
)
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(SettingsError, match="--webhook"):
        Webhook(url, print)
