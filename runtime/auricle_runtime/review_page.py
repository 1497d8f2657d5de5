"""`auricle review` as a page: served to this machine alone."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from .review import ReviewFolder


def serve(folder: ReviewFolder, port: int) -> None:
    """Serve until a signal ends it. Raises AuricleError where the extra `web` is missing or the port is taken."""
    from .web.serve import needs_web

    needs_web()
    from .web.production import bind, serve_forever

    listener = bind("127.0.0.1", port)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    words = f"{folder.path} can be reviewed at {address}\nCtrl-C ends; then: auricle import {folder.path} PACK"
    serve_forever(partial(_make_app, folder), listener, None, partial(click.echo, words, err=True))


def _make_app(folder: ReviewFolder) -> Any:
    from .web.review_app import create_review_app

    return create_review_app(folder)
