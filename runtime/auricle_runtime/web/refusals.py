"""Errors as JSON, the same for every page."""

from __future__ import annotations

import json
import math

from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from .errors import RefusedError


def add_errors(app: Flask) -> None:
    """Answer what is refused, and what is not there, in words."""
    app.register_error_handler(RefusedError, refused)
    app.register_error_handler(HTTPException, http_error)


def refused(error: RefusedError) -> Response:
    response = _in_words(str(error), error.status, error.details)
    if error.retry_seconds is not None:
        response.headers["Retry-After"] = str(math.ceil(error.retry_seconds))
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def http_error(error: HTTPException) -> Response:
    return _in_words(error.description or error.name, error.code or 500, {})


def _in_words(words: str, status: int, details: dict[str, object]) -> Response:
    return Response(json.dumps({"error": words, **details}), status, mimetype="application/json")
