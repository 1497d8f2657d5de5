"""The Flask app: a page, and the few calls it makes. Audio goes in as raw float32, everything else is JSON.

POST   /api/sessions {"rate_hz": 48000}          -> {"session": ID, "model_sha256": ...}
POST   /api/sessions/ID/blocks/0  <float32 LE>   -> scores and events of block 0, then 1, 2, ...
DELETE /api/sessions/ID
POST   /api/clips  <a recording, any format>     -> its decision, scores and events
GET    /api/model · /api/model.onnx · /api/status · /healthz
"""

from __future__ import annotations

import atexit
import mimetypes
import resource
import sys
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, request

from ..onnx_scorer import OnnxScorer
from .aside import Aside, at_once
from .batching import BatchingScorer
from .blocks import Blocks
from .clips import Clips
from .guard import guard, read_body, read_json
from .model_info import STATIC, describe_model
from .refusals import add_errors
from .sessions import Sessions
from .settings import WebSettings

MAXRSS_PER_MB = 1 << 20 if sys.platform == "darwin" else 1 << 10


def create_app(model: str | Path, settings: WebSettings | None = None, aside: Aside = at_once) -> Flask:
    """The demo for one model.

    Args:
        aside: how the network is called, and recordings are scored.

    Raises:
        ModelError: the file is missing or no model of ours.
    """
    settings = settings or WebSettings()
    onnx_scorer = OnnxScorer(model, "cpu")
    model_bytes = Path(model).read_bytes()
    scorer = BatchingScorer(onnx_scorer, aside)
    runs_on = f"ONNX Runtime {onnx_scorer.runtime_version}, {onnx_scorer.provider}"
    info = describe_model(model_bytes, scorer.metadata, runs_on, settings)

    app = Flask(__name__, static_folder=str(STATIC), static_url_path="/static")
    mimetypes.add_type("text/javascript", ".mjs")  # a browser runs no module and no wasm of another type
    mimetypes.add_type("text/javascript", ".js")
    mimetypes.add_type("application/wasm", ".wasm")
    guard(app, settings)
    add_errors(app)
    _add_page(app, info, model_bytes)
    sessions = Sessions(scorer, settings)
    atexit.register(sessions.close_all)  # recordings get their names
    _add_stream(app, sessions, settings, info["sha256"])
    app.wsgi_app = Blocks(app.wsgi_app, sessions, settings)  # type: ignore[method-assign]
    _add_clips(app, Clips(onnx_scorer, settings, aside), settings)
    _add_status(app, sessions, scorer)
    return app


def _add_page(app: Flask, info: dict[str, Any], model_bytes: bytes) -> None:
    @app.get("/")
    def page() -> Response:
        return app.send_static_file("index.html")

    @app.get("/api/model")
    def model() -> Response:
        return jsonify(info)

    @app.get("/api/model.onnx")
    def model_file() -> Response:
        return Response(model_bytes, mimetype="application/octet-stream")


def _add_stream(app: Flask, sessions: Sessions, settings: WebSettings, model_sha256: str) -> None:
    @app.post("/api/sessions")
    def open_session() -> tuple[Response, int]:
        wanted = read_json(request, settings.read_seconds)
        session = sessions.open(wanted.get("rate_hz"))
        return jsonify(session=session.id, model_sha256=model_sha256), 201

    @app.delete("/api/sessions/<session_id>")
    def close_session(session_id: str) -> tuple[str, int]:
        sessions.close(session_id)
        return "", 204


def _add_clips(app: Flask, clips: Clips, settings: WebSettings) -> None:
    @app.post("/api/clips")
    def score_clip() -> dict[str, Any]:
        return clips.score(read_body(request, settings.max_clip_bytes, settings.read_seconds))


def _add_status(app: Flask, sessions: Sessions, scorer: BatchingScorer) -> None:
    @app.get("/healthz")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/api/status")
    def status() -> dict[str, Any]:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "sessions": len(sessions),
            "calls": scorer.calls,
            "streams_scored": scorer.streams,
            "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 3),
            "peak_memory_mb": round(usage.ru_maxrss / MAXRSS_PER_MB, 1),
        }
