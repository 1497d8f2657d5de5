"""A real MQTT broker (mosquitto) of our own on the loopback, and its own client as a witness."""

from __future__ import annotations

import os
import queue
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import NamedTuple

# Debian installs mosquitto where the PATH of plain users does not look.
os.environ["PATH"] += os.pathsep + "/usr/sbin"


class Message(NamedTuple):
    topic: str
    retained: bool
    payload: str


class Broker:
    """mosquitto, which keeps sessions and retained messages when it is stopped properly.

    Args:
        folder: for its files.
        user, password: wanted of every client, if given.
        tls: with a certificate of its own, `folder / "cert.pem"`.
    """

    def __init__(self, folder: Path, user: str = "", password: str = "", tls: bool = False) -> None:
        self.folder, self.user, self.password = folder, user, password
        self.port = free_port()
        lines = [f"listener {self.port} 127.0.0.1", "persistence true", f"persistence_location {folder}/"]
        lines += ["user root", f"allow_anonymous {'false' if user else 'true'}"]
        if user:
            subprocess.run(["mosquitto_passwd", "-b", "-c", str(folder / "users"), user, password], check=True)
            lines.append(f"password_file {folder / 'users'}")
        if tls:
            make_certificate(folder)
            lines += [f"certfile {folder / 'cert.pem'}", f"keyfile {folder / 'key.pem'}"]
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")
        self.start()

    def start(self) -> None:
        command = ["mosquitto", "-c", str(self.folder / "mosquitto.conf")]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError("mosquitto did not answer within 10 s.")

    def stop(self) -> None:
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        self._process.wait(10)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)


class Subscriber:
    """mosquitto_sub with a session that outlives a restart of the broker, so that nothing is missed."""

    def __init__(self, broker: Broker, topic: str = "#") -> None:
        command = ["mosquitto_sub", "-p", str(broker.port), "-q", "1", "-c", "-i", "witness", "-t", topic]
        if broker.user:
            command += ["-u", broker.user, "-P", broker.password]
        if (broker.folder / "cert.pem").exists():
            command += ["-h", "localhost", "--cafile", str(broker.folder / "cert.pem")]
        self._process = subprocess.Popen([*command, "-F", "%t %r %p"], stdout=subprocess.PIPE, text=True)
        self.messages: queue.Queue[Message] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            topic, retained, payload = line.rstrip("\n").split(" ", 2)
            self.messages.put(Message(topic, retained == "1", payload))

    def wait_for(self, topic: str, payload: str = "", seconds: float = 30) -> Message:
        """The next message of a topic that holds this text; those before it are passed over."""
        deadline = time.monotonic() + seconds
        while True:
            message = self.messages.get(timeout=max(0.01, deadline - time.monotonic()))
            if message.topic == topic and payload in message.payload:
                return message

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_certificate(folder: Path) -> None:
    """cert.pem for localhost, which is its own authority, and key.pem."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
