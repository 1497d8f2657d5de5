"""The review page: the clips of one folder, to play and to say what they are. For this machine alone.

GET  /api/clips               -> {"folder": ..., "labels": [...], "clips": [{"name", "heard", "score", "label"}, ...]}
GET  /api/clips/NAME          -> the WAV file
PUT  /api/clips/NAME/label {"label": "background"}     "" takes it back
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from flask import Flask, Response, jsonify, request, send_file

from auricle_shared.errors import DataError
from auricle_shared.metadata import BACKGROUND

from ..review import ReviewFolder
from .errors import RefusedError
from .guard import SECURITY_HEADERS, guard, read_json
from .model_info import STATIC
from .refusals import add_errors
from .settings import WebSettings


def create_review_app(folder: ReviewFolder, settings: WebSettings | None = None) -> Flask:
    """The page for one folder."""
    settings = settings or WebSettings()
    app = Flask(__name__, static_folder=str(STATIC), static_url_path="/static")

    @app.after_request  # what is registered first runs last
    def allow_sound(response: Response) -> Response:
        policy = SECURITY_HEADERS["Content-Security-Policy"]
        response.headers["Content-Security-Policy"] = f"{policy}; media-src 'self'"
        return response

    guard(app, settings)
    add_errors(app)

    @app.errorhandler(DataError)
    def data_error(error: DataError) -> tuple[Response, int]:
        return jsonify(error=str(error)), 404

    @app.get("/")
    def page() -> Response:
        return app.send_static_file("review.html")

    @app.get("/api/clips")
    def clips() -> dict[str, Any]:
        return _told(folder)

    @app.get("/api/clips/<name>")
    def clip(name: str) -> Response:
        return send_file(folder.file(unquote(name)), mimetype="audio/wav", conditional=True)

    @app.put("/api/clips/<name>/label")
    def label(name: str) -> dict[str, Any]:
        wanted = read_json(request, settings.read_seconds).get("label")
        if not isinstance(wanted, str):
            raise RefusedError(400, 'Wanted: {"label": "background"}, or "" to take an answer back.')
        folder.file(unquote(name))
        try:
            folder.set_label(unquote(name), wanted)
        except DataError as error:
            raise RefusedError(400, str(error)) from error
        return _told(folder)

    return app


def _told(folder: ReviewFolder) -> dict[str, Any]:
    found = folder.clips()
    known = {clip.heard for clip in found} | set(folder.labels.values()) | {BACKGROUND}
    return {
        "folder": str(folder.path),
        "labels": sorted(known - {""}, key=lambda label: (label == BACKGROUND, label)),
        "clips": [{**vars(clip), "label": folder.labels.get(clip.name, "")} for clip in found],
    }
