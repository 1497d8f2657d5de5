"""Starting the app behind gunicorn: one worker, since sessions live in its memory, and a greenlet for each visitor.

A post is 3 ms of Python. Of threads, which pass the interpreter's lock on at every read and write, 32 made it 4 ms and
used both cores up to half; greenlets take turns on one core and change only where one waits (`auricle serve-load`).
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from auricle_shared.errors import AuricleError, SettingsError

MAX_CONNECTIONS = 512
KEEPALIVE_SECONDS = 30
"""for the next request of a connection, until its head is there"""
GRACEFUL_SECONDS = 3


class Certificate(NamedTuple):
    """PEM files."""

    cert: Path
    key: Path


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises AuricleError where the address is taken or not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise AuricleError(
            f"Cannot listen at {host} port {port} ({error.strerror or error}). Another program may be using it: "
            "--port 0 picks a free one."
        ) from error


def check_certificate(certificate: Certificate) -> None:
    """Raises SettingsError where the two files are missing, damaged, or do not belong together."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate.cert, certificate.key)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"The certificate {certificate.cert} with the key {certificate.key} cannot be used ({error}). Wanted: two "
            "PEM files that belong together, or --tls self."
        ) from error


def serve_forever(
    make_app: Callable[[], Any], listener: socket.socket, certificate: Certificate | None, ready: Callable[[], None]
) -> None:
    """Serve until a signal ends it.

    Args:
        make_app: called in the worker, after the fork.
        listener: bound and listening.
        ready: called when the app answers.
    """
    from gunicorn.app.base import BaseApplication

    options: dict[str, Any] = {
        "bind": f"fd://{listener.fileno()}",
        "workers": 1,
        "worker_class": f"{__package__}.worker.Worker",
        "worker_connections": MAX_CONNECTIONS,
        "keepalive": KEEPALIVE_SECONDS,
        "graceful_timeout": GRACEFUL_SECONDS,
        "loglevel": "warning",
        "control_socket_disable": True,
        "post_worker_init": lambda worker: ready(),
    }
    if certificate is not None:
        options |= {"certfile": str(certificate.cert), "keyfile": str(certificate.key)}

    class Production(BaseApplication):
        def load_config(self) -> None:
            for name, value in options.items():
                self.cfg.set(name, value)

        def load(self) -> Any:
            return make_app()

    Production().run()
