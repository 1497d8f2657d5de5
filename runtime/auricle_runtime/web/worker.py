"""gunicorn's worker with a greenlet for each visitor."""

from __future__ import annotations

from typing import Any

from gunicorn.workers.ggevent import GeventWorker


class Worker(GeventWorker):
    """Ends once: a terminal's Ctrl-C reaches it directly, and again through the process that started it."""

    _ending = False

    def handle_quit(self, sig: int, frame: Any) -> None:
        if not self._ending:
            self._ending = True
            super().handle_quit(sig, frame)
