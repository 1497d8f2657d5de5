"""Who may ask (token, origin, host name), and what the page may load."""

from __future__ import annotations

import hmac
import json
import time
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, request
from werkzeug.wrappers import Request

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
API = "/api/"
API_HEADERS = {**SECURITY_HEADERS, "Cache-Control": "no-store"}


def guard(app: Flask, settings: WebSettings) -> None:
    """Let every request to `app` pass these checks, and every answer carry these headers."""

    @app.before_request
    def before() -> None:
        check(request, settings)

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers.update(API_HEADERS if request.path.startswith(API) else SECURITY_HEADERS)
        return response


def check(request: Request, settings: WebSettings) -> None:
    """Raises RefusedError for whoever may not ask."""
    limit_silence(request)
    check_host(request, settings.host_names)
    if request.path.startswith(API):
        check_origin(request)
        if settings.token is not None:
            check_token(request, settings.token)


def check_host(request: Request, names: tuple[str, ...]) -> None:
    """Refuse a name that is not ours: another site could let its own name point here, and be the same origin."""
    host = request.headers.get("Host", "")
    name = host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0]
    if names and name.lower() not in names:
        raise RefusedError(400, f"This server is not called {name!r}; wanted {', '.join(names)}.")


def check_origin(request: Request) -> None:
    """Refuse what a page of another origin sends; programs, which send neither header, pass."""
    site = request.headers.get("Sec-Fetch-Site", "none")
    origin = request.headers.get("Origin")
    if site not in ("same-origin", "none") or (origin is not None and not is_own_origin(request, origin)):
        raise RefusedError(403, "Only this server's own page may ask this from within a browser.")


def is_own_origin(request: Request, origin: str) -> bool:
    try:
        return urlsplit(origin).netloc == request.host
    except ValueError:
        return False


def check_token(request: Request, token: str) -> None:
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    same = hmac.compare_digest(given.encode("utf-8", "surrogateescape"), token.encode())
    if kind.lower() != "bearer" or not same:
        raise RefusedError(401, "The token is missing or wrong. Open the address the server printed, with its #token.")


def limit_silence(request: Request) -> None:
    """A client that stops in mid-request must not keep its connection."""
    socket: Any = request.environ.get("gunicorn.socket")
    if socket is not None:
        socket.settimeout(SILENCE_SECONDS)


def read_body(request: Request, max_bytes: int, max_seconds: float) -> bytes:
    """The request's body. Raises 413 above `max_bytes`, 408 when it dribbles in for longer than `max_seconds`."""
    request.max_content_length = max_bytes
    deadline = time.monotonic() + max_seconds
    pieces = []
    while piece := request.stream.read(READ_BYTES):
        if time.monotonic() > deadline:
            raise RefusedError(408, f"The request took over {max_seconds:g} s to arrive.")
        pieces.append(piece)
    return b"".join(pieces)


def read_json(request: Request, max_seconds: float) -> dict[str, Any]:
    """The request's body as a JSON object; anything else is refused with 400."""
    try:
        found = json.loads(read_body(request, MAX_JSON_BYTES, max_seconds))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise RefusedError(400, "The request's body is no JSON object.")
    return found
