"""The demo in the browser: a Flask app that scores what visitors' microphones send, and the page they look at.

    app = create_app("model.onnx", WebSettings())

`auricle serve` starts it behind gunicorn: one worker, because the sessions live in its memory, and threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .settings import WebSettings

if TYPE_CHECKING:
    from .app import create_app

__all__ = ["WebSettings", "create_app"]


def __getattr__(name: str) -> Any:
    """`create_app` on demand: the commands' --help must not wait for Flask."""
    if name == "create_app":
        from .app import create_app

        return create_app
    raise AttributeError(name)
