"""Who may ask (token, origin, host name), and what the page may load."""

from __future__ import annotations

import hmac
import json
import time
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, request

from .errors import RefusedError
from .settings import WebSettings

READ_BYTES = 1 << 16
SILENCE_SECONDS = 5
"""a client that sends nothing for this long in the middle of a request is given up"""
MAX_JSON_BYTES = 4096
"""more than any JSON the page sends"""
SECURITY_HEADERS = {
    # 'wasm-unsafe-eval' lets the page compile onnxruntime-web's WebAssembly; nothing else is evaluated.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; "
        "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def guard(app: Flask, settings: WebSettings) -> None:
    """Let every request to `app` pass these checks, and every answer carry these headers."""

    @app.before_request
    def check() -> None:
        limit_silence()
        check_host(settings.host_names)
        if request.path.startswith("/api/"):
            check_origin()
            if settings.token is not None:
                check_token(settings.token)

    @app.after_request
    def add_headers(response: Response) -> Response:
        for name, value in SECURITY_HEADERS.items():
            response.headers[name] = value
        if request.path.startswith("/api/"):
            response.headers["Cache-Control"] = "no-store"
        return response


def check_host(names: tuple[str, ...]) -> None:
    """Refuse a name that is not ours: another site could let its own name point here, and be the same origin."""
    host = request.headers.get("Host", "")
    name = host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0]
    if names and name.lower() not in names:
        raise RefusedError(400, f"This server is not called {name!r}; wanted {', '.join(names)}.")


def check_origin() -> None:
    """Refuse what a page of another origin sends; programs, which send neither header, pass."""
    site = request.headers.get("Sec-Fetch-Site", "none")
    origin = request.headers.get("Origin")
    if site not in ("same-origin", "none") or (origin is not None and not is_own_origin(origin)):
        raise RefusedError(403, "Only this server's own page may ask this from within a browser.")


def is_own_origin(origin: str) -> bool:
    try:
        return urlsplit(origin).netloc == request.host
    except ValueError:
        return False


def check_token(token: str) -> None:
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    same = hmac.compare_digest(given.encode("utf-8", "surrogateescape"), token.encode())
    if kind.lower() != "bearer" or not same:
        raise RefusedError(401, "The token is missing or wrong. Open the address the server printed, with its #token.")


def limit_silence() -> None:
    """A client that stops in mid-request must not keep one of the server's threads."""
    socket: Any = request.environ.get("gunicorn.socket")
    if socket is not None:
        socket.settimeout(SILENCE_SECONDS)


def read_body(max_bytes: int, max_seconds: float) -> bytes:
    """The request's body. Raises 413 above `max_bytes`, 408 when it dribbles in for longer than `max_seconds`."""
    request.max_content_length = max_bytes
    deadline = time.monotonic() + max_seconds
    pieces = []
    while piece := request.stream.read(READ_BYTES):
        if time.monotonic() > deadline:
            raise RefusedError(408, f"The request took over {max_seconds:g} s to arrive.")
        pieces.append(piece)
    return b"".join(pieces)


def read_json(max_seconds: float) -> dict[str, Any]:
    """The request's body as a JSON object; anything else is refused with 400."""
    try:
        found = json.loads(read_body(MAX_JSON_BYTES, max_seconds))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise RefusedError(400, "The request's body is no JSON object.")
    return found
