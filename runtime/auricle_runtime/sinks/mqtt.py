"""Events to an MQTT broker, where Home Assistant finds them by itself.

mqtt://user@broker:1883/auricle/kitchen

auricle/kitchen/availability      online, offline (retained; the broker says offline when this program dies)
auricle/kitchen/doorbell/state    ON, OFF (retained)
auricle/kitchen/doorbell/event    {"phase": "on", "label": "doorbell", "onset_seconds": 12.34, ...}
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from auricle_shared.errors import AuricleError, SettingsError

from . import HeardEvent, Tell
from .home_assistant import OFF, OFFLINE, ON, ONLINE, Topics, discovery_messages, plain_name
from .queued import QueuedSink

PASSWORD_VARIABLE = "AURICLE_MQTT_PASSWORD"
"""Read where the address has no password: a command line can be read by everybody on the machine."""
PORTS = {"mqtt": 1883, "mqtts": 8883}
KEEPALIVE_SECONDS = 15
"""A broker that is silent for one and a half times as long is dead, and to the broker we are."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1, 30
CONNECT_SECONDS = 5.0
POLL_SECONDS = 0.2
MOST_UNCONFIRMED = 256
LAST_MESSAGE_SECONDS = 2.0


class Broker(NamedTuple):
    host: str
    port: int
    tls: bool
    user: str | None
    password: str | None
    prefix: str


class Mqtt(QueuedSink[Callable[[], None]]):
    """Connects by itself, and again whenever the broker was away.

    Args:
        url: mqtt://[user[:password]@]host[:port][/prefix]; mqtts for TLS. The prefix is auricle/HOSTNAME by default.
        labels: sounds that are announced.
        model: name of the model, for people.
        tell: see QueuedSink.
        certificates: file with the authorities to trust, for TLS; None: the system's.

    Raises:
        SettingsError: not such an address, or certificates that cannot be read.
        AuricleError: paho-mqtt is not installed.
    """

    def __init__(
        self, url: str, labels: Sequence[str], model: str, tell: Tell, certificates: Path | None = None
    ) -> None:
        broker = parse_broker(url)
        self._topics, self._labels, self._model = Topics(broker.prefix), labels, model
        self._states = dict.fromkeys(labels, OFF)
        self._available = ONLINE
        self._last: Any = None
        self._client = self._connect(broker, certificates)
        super().__init__(f"MQTT {broker.host}:{broker.port}", tell)
        self._client.loop_start()

    def event(self, event: HeardEvent) -> None:
        self.put(lambda: self._publish_event(event))

    def lost(self, reason: str) -> None:
        self.put(lambda: self._publish_availability(OFFLINE))

    def back(self) -> None:
        self.put(lambda: self._publish_availability(ONLINE))

    def deliver(self, item: Callable[[], None]) -> None:
        while not self._client.is_connected():
            if not self.wait(POLL_SECONDS):
                raise ConnectionError("no connection")
        item()

    def close(self) -> None:
        """Goes offline properly, if the broker is there."""
        if self._client.is_connected():
            self.put(lambda: self._publish_availability(OFFLINE))
        super().close()
        if self._last is not None and self._client.is_connected():
            try:
                self._last.wait_for_publish(LAST_MESSAGE_SECONDS)
            except (RuntimeError, ValueError):  # it was never taken
                pass
        self._client.disconnect()  # its thread is a daemon: one that hangs is left to the process's end

    def _publish_event(self, event: HeardEvent) -> None:
        self._states[event.label] = ON if event.phase == "on" else OFF
        self._publish(self._topics.event(event.label), json.dumps(event.to_dict()))
        self._publish(self._topics.state(event.label), self._states[event.label], retain=True)

    def _publish_availability(self, available: str) -> None:
        self._available = available
        self._publish(self._topics.availability, available, retain=True)

    def _announce(self) -> None:
        """After every connection: a broker may have forgotten everything."""
        for topic, message in discovery_messages(self._topics, self._labels, self._model).items():
            self._publish(topic, message, retain=True)
        for label, state in self._states.items():
            self._publish(self._topics.state(label), state, retain=True)
        self._publish_availability(self._available)

    def _publish(self, topic: str, payload: str, retain: bool = False) -> None:
        from paho.mqtt.client import MQTT_ERR_NO_CONN, MQTT_ERR_SUCCESS

        self._last = self._client.publish(topic, payload, qos=1, retain=retain)
        if self._last.rc not in (MQTT_ERR_SUCCESS, MQTT_ERR_NO_CONN):  # without a connection it is kept and sent later
            raise ConnectionError("the broker confirms nothing any more")

    def _connect(self, broker: Broker, certificates: Path | None) -> Any:
        try:
            from paho.mqtt.client import CallbackAPIVersion, Client
        except ImportError as error:
            raise AuricleError("--mqtt needs the package paho-mqtt: pip install 'auricle-runtime[mqtt]'.") from error
        client = Client(CallbackAPIVersion.VERSION2, client_id=f"{self._topics.node[:40]}-{os.urandom(4).hex()}")
        client.username_pw_set(broker.user, broker.password)
        tls = _tls_context(certificates) if broker.tls else None
        if tls is not None:
            client.tls_set_context(tls)
        client.will_set(self._topics.availability, OFFLINE, qos=1, retain=True)
        client.reconnect_delay_set(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        client.max_queued_messages_set(MOST_UNCONFIRMED)
        client.connect_timeout = CONNECT_SECONDS
        client.on_connect = self._connected
        client.on_connect_fail = lambda *_: self.failing(f"{_why_not(broker, tls)}; trying again")
        client.on_disconnect = self._disconnected
        client.connect_async(broker.host, broker.port, KEEPALIVE_SECONDS)
        return client

    def _connected(self, _client: Any, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self.failing(f"the broker refuses: {reason}")
        else:
            self.put(self._announce)

    def _disconnected(self, _client: Any, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self.failing(f"the connection is lost ({reason}); trying again")


def _tls_context(certificates: Path | None) -> Any:
    import ssl

    try:
        return ssl.create_default_context(cafile=certificates)
    except (OSError, ValueError) as error:
        raise SettingsError(f"--mqtt-ca {certificates}: {error}. Wanted: a PEM file.") from error


def _why_not(broker: Broker, tls: Any) -> str:
    """paho tells that a connection failed, not why; one more attempt does."""
    try:
        with socket.create_connection((broker.host, broker.port), CONNECT_SECONDS) as connection:
            if tls is not None:
                tls.wrap_socket(connection, server_hostname=broker.host).close()
        return "no connection"
    except OSError as error:
        return f"no connection ({error})"


def parse_broker(url: str) -> Broker:
    wanted = "--mqtt: wanted mqtt://[user@]host[:port][/prefix], or mqtts:// for TLS"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise SettingsError(f"{wanted}; found {error}.") from error
    if parts.scheme not in PORTS or not parts.hostname or "?" in url or "#" in url:
        raise SettingsError(f"{wanted}.")
    prefix = unquote(parts.path).strip("/") or f"auricle/{plain_name(socket.gethostname())}"
    if any(c in prefix for c in "+#\0"):
        raise SettingsError(f"--mqtt: the prefix {prefix!r} holds '+' or '#', which MQTT keeps for subscriptions.")
    user = None if parts.username is None else unquote(parts.username)
    password = os.environ.get(PASSWORD_VARIABLE) if parts.password is None else unquote(parts.password)
    return Broker(parts.hostname, port or PORTS[parts.scheme], parts.scheme == "mqtts", user, password, prefix)
