"""Events on a real broker, read by its own client: discovery, states, last will; the broker away, frozen, protected."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from broker import Broker, Subscriber

from auricle_runtime.sinks import HeardEvent
from auricle_runtime.sinks.home_assistant import Topics, discovery_messages
from auricle_runtime.sinks.mqtt import Mqtt, parse_broker
from auricle_shared.errors import SettingsError

NEEDED = ("mosquitto", "mosquitto_sub", "mosquitto_passwd", "openssl")


@pytest.fixture
def start_broker(tmp_path: Path, require_peer: Callable[[str], NoReturn]) -> Iterator[Callable[..., Broker]]:
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        require_peer(f"No MQTT broker: {', '.join(missing)} missing (apt install mosquitto mosquitto-clients openssl).")
    running: list[Broker] = []

    def start(**options: Any) -> Broker:
        folder = tmp_path / f"broker{len(running)}"
        folder.mkdir()
        running.append(Broker(folder, **options))
        return running[-1]

    yield start
    for broker in running:
        broker.stop()


def event(phase: str = "on", label: str = "doorbell", onset: float = 12.34) -> HeardEvent:
    if phase == "on":
        return HeardEvent("on", label, onset, 0.97, onset_utc=1.8e9)
    return HeardEvent("off", label, onset, 0.99, onset + 1, onset_utc=1.8e9, offset_utc=1.8e9 + 1)


def test_home_assistant_finds_every_sound_and_its_state(start_broker: Callable[..., Broker]) -> None:
    broker = start_broker()
    sink = Mqtt(f"mqtt://localhost:{broker.port}/auricle/kitchen", ["doorbell", "smoke alarm"], "a.onnx", print)
    witness = Subscriber(broker)
    witness.wait_for("auricle/kitchen/availability", "online")
    sink.event(event())
    told = json.loads(witness.wait_for("auricle/kitchen/doorbell/event").payload)
    assert told == event().to_dict()
    witness.wait_for("auricle/kitchen/doorbell/state", "ON")
    sink.event(event("off"))
    witness.wait_for("auricle/kitchen/doorbell/state", "OFF")
    sink.lost("unplugged")
    witness.wait_for("auricle/kitchen/availability", "offline")
    sink.back()
    witness.wait_for("auricle/kitchen/availability", "online")
    sink.close()
    witness.wait_for("auricle/kitchen/availability", "offline")
    witness.close()
    late = Subscriber(broker, "homeassistant/#")  # whoever comes later learns of them all the same
    found = {}
    for _ in range(2):
        message = late.messages.get(timeout=20)
        assert message.retained
        found[message.topic] = json.loads(message.payload)
    late.close()
    config = found["homeassistant/binary_sensor/auricle_kitchen/doorbell/config"]
    assert config["state_topic"] == "auricle/kitchen/doorbell/state"
    assert config["availability_topic"] == "auricle/kitchen/availability"
    assert len({c["unique_id"] for c in found.values()}) == 2
    assert {c["name"] for c in found.values()} == {"doorbell", "smoke alarm"}


def test_names_that_mqtt_cannot_hold_stay_apart() -> None:
    labels = ["a/b", "a b", "a_b", "Türklingel", "+", "#"]
    messages = discovery_messages(Topics("auricle/x"), labels, "m.onnx")
    assert len(messages) == len(labels)
    assert all(not set(topic) & set("+# ") and topic.isascii() and topic.count("/") == 4 for topic in messages)


def test_broker_that_stops_and_returns_gets_what_it_missed(start_broker: Callable[..., Broker]) -> None:
    broker = start_broker()
    said: list[str] = []
    sink = Mqtt(f"mqtt://127.0.0.1:{broker.port}/a", ["doorbell"], "a.onnx", said.append)
    witness = Subscriber(broker)
    witness.wait_for("a/availability", "online")
    broker.stop()
    began = time.monotonic()
    sink.event(event(onset=20.0))
    sink.event(event("off", onset=20.0))
    sink.event(event(onset=30.0))
    assert time.monotonic() - began < 1
    broker.start()
    for onset, phase in ((20.0, "on"), (20.0, "off"), (30.0, "on")):
        told = json.loads(witness.wait_for("a/doorbell/event").payload)
        assert (told["onset_seconds"], told["phase"]) == (onset, phase)
    witness.wait_for("a/availability", "online")
    broker.freeze()
    for i in range(20):
        sink.event(event(onset=40.0 + i))
    broker.thaw()
    for i in range(20):
        assert json.loads(witness.wait_for("a/doorbell/event").payload)["onset_seconds"] == 40.0 + i
    sink.close()
    witness.close()
    assert any("connection" in text for text in said)
    assert any("works again" in text for text in said)
    assert not any("could not be delivered" in text for text in said)


def test_broker_that_never_was_holds_nobody(start_broker: Callable[..., Broker]) -> None:
    broker = start_broker()
    broker.kill()
    said: list[str] = []
    sink = Mqtt(f"mqtt://127.0.0.1:{broker.port}", ["doorbell"], "a.onnx", said.append)
    began = time.monotonic()
    for i in range(1000):
        sink.event(event(onset=float(i)))
    assert time.monotonic() - began < 2
    sink.close()
    assert time.monotonic() - began < 20
    assert "could not be delivered" in said[-1]
    assert "1000 could" in said[-1]
    broker.start()


def test_password_and_tls(start_broker: Callable[..., Broker], monkeypatch: pytest.MonkeyPatch) -> None:
    broker = start_broker(user="kitchen", password="p@ss/wörd", tls=True)
    certificate = broker.folder / "cert.pem"
    url = f"mqtts://kitchen@localhost:{broker.port}/a"
    monkeypatch.setenv("AURICLE_MQTT_PASSWORD", "p@ss/wörd")
    sink = Mqtt(url, ["doorbell"], "a.onnx", print, certificate)
    witness = Subscriber(broker)
    witness.wait_for("a/availability", "online")
    sink.close()
    witness.close()
    monkeypatch.setenv("AURICLE_MQTT_PASSWORD", "wrong")
    for certificates, said_so in ((certificate, "refuses"), (None, "certificate")):
        said: list[str] = []
        sink = Mqtt(url, ["doorbell"], "a.onnx", said.append, certificates)
        deadline = time.monotonic() + 20
        while not said and time.monotonic() < deadline:
            time.sleep(0.05)
        sink.close()
        assert said_so in said[0]


def test_last_will_when_the_program_dies(
    start_broker: Callable[..., Broker], tiny_model: Path, two_tones: Callable[[int], Path]
) -> None:
    broker = start_broker()
    process = subprocess.Popen(
        [sys.executable, "-m", "auricle_shared.command", "listen", str(tiny_model), "--stdin", "--mqtt",
         f"mqtt://127.0.0.1:{broker.port}/a"],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    witness = Subscriber(broker)
    assert process.stdin is not None
    process.stdin.write(two_tones(16000).read_bytes()[: 44 + 2 * 16000 * 3])
    process.stdin.flush()
    witness.wait_for("a/low/state", "ON")
    process.kill()
    witness.wait_for("a/availability", "offline")
    witness.close()
    process.wait(10)


@pytest.mark.parametrize(
    "url",
    ["localhost", "http://localhost", "mqtt://", "mqtt://h:99999", "mqtt://h/a/#", "mqtt://h/+/x", "mqtt://h?x=1"],
)
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(SettingsError, match="--mqtt"):
        parse_broker(url)


def test_parts_of_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AURICLE_MQTT_PASSWORD", raising=False)
    found = parse_broker("mqtts://me%40home:a%2Fb@broker.lan/x/y/")
    assert (found.host, found.port, found.tls) == ("broker.lan", 8883, True)
    assert (found.user, found.password, found.prefix) == ("me@home", "a/b", "x/y")
    assert parse_broker("mqtt://[::1]:1884").port == 1884
    assert parse_broker("mqtt://h").prefix.startswith("auricle/")
