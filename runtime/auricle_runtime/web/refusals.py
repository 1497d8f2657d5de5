"""Errors as JSON, the same for every page."""

from __future__ import annotations

import math

from flask import Flask, Response, jsonify
from werkzeug.exceptions import HTTPException

from .errors import RefusedError


def add_errors(app: Flask) -> None:
    """Answer what is refused, and what is not there, in words."""

    @app.errorhandler(RefusedError)
    def refused(error: RefusedError) -> tuple[Response, int, dict[str, str]]:
        headers = {}
        if error.retry_seconds is not None:
            headers["Retry-After"] = str(math.ceil(error.retry_seconds))
        if error.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return jsonify(error=str(error), **error.details), error.status, headers

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        response = jsonify(error=error.description or error.name)
        response.status_code = error.code or 500
        return response
