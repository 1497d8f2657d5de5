"""Each onset as JSON to a web address, tried again until it arrives or is too old to matter.

POST http://host/path
{"phase": "on", "label": "doorbell", "onset_seconds": 12.34, "score": 0.97, "onset_utc": "2026-11-23T08:14:08.123Z"}
"""

from __future__ import annotations

import base64
import json
import time
from http.client import HTTPException
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from auricle_shared.errors import SettingsError

from . import HeardEvent, Tell
from .queued import QueuedSink

REQUEST_SECONDS = 5.0
"""A server that takes longer counts as dead for this attempt."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 30.0
"""Between attempts, doubled each time."""
KEPT_SECONDS = 600.0
"""An onset that could not be delivered for so long is dropped: nobody wants it any more."""
TRY_AGAIN = (408, 425, 429)
"""Answers besides 5xx that mean: later (RFC 9110 15.5.9, RFC 8470, RFC 6585)."""


class Posted(NamedTuple):
    body: bytes
    since_seconds: float
    """monotonic clock at the onset"""


class Webhook(QueuedSink[Posted]):
    """Posts onsets in their order, one at a time.

    Args:
        url: http or https; user:password@ in front of the host is sent as basic authentication (RFC 7617).
        tell: see QueuedSink.
    """

    def __init__(self, url: str, tell: Tell) -> None:
        parts = _checked(url)
        host = parts.netloc.rpartition("@")[2]
        self._url = parts._replace(netloc=host, fragment="").geturl()
        self._headers = {"Content-Type": "application/json", "User-Agent": "auricle", **_authorization(parts)}
        self._opener = build_opener(_NoRedirects)
        super().__init__(f"Webhook {parts.scheme}://{host}", tell)  # a path may hold a secret

    def event(self, event: HeardEvent) -> None:
        if event.phase == "on":
            self.put(Posted(json.dumps(event.to_dict()).encode(), time.monotonic()))

    def deliver(self, item: Posted) -> None:
        pause_seconds = FIRST_PAUSE_SECONDS
        while True:
            problem = self._post(item.body)
            if problem is None:
                return
            if time.monotonic() - item.since_seconds > KEPT_SECONDS:
                raise TimeoutError(f"{problem}; given up after {KEPT_SECONDS:.0f} s")
            self.failing(f"{problem}; trying again")
            if not self.wait(pause_seconds):
                raise TimeoutError(problem)
            pause_seconds = min(2 * pause_seconds, LONGEST_PAUSE_SECONDS)

    def _post(self, body: bytes) -> str | None:
        """One attempt; what went wrong, if trying again may help. Raises HTTPError where it cannot."""
        request = Request(self._url, body, self._headers, method="POST")
        try:
            with self._opener.open(request, timeout=REQUEST_SECONDS):
                return None
        except HTTPError as error:
            error.close()
            if error.code >= 500 or error.code in TRY_AGAIN:
                return f"the server answers {error.code}"
            raise
        except URLError as error:
            return str(error.reason)
        except (OSError, HTTPException) as error:
            return str(error) or type(error).__name__


class _NoRedirects(HTTPRedirectHandler):
    """A POST that is sent elsewhere would become a GET there: better to say that the address is wrong."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _checked(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        wrong = parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0
    except ValueError:
        wrong = True
    if wrong or not url.isascii() or any(c.isspace() for c in url):
        raise SettingsError("--webhook: wanted http://host/path or https://host/path, other characters written as %XX.")
    return parts


def _authorization(parts: SplitResult) -> dict[str, str]:
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
