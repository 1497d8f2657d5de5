"""A real HTTP server of our own that remembers what it was sent, and can refuse, hang, die and return."""

from __future__ import annotations

import json
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Posted(NamedTuple):
    path: str
    headers: dict[str, str]
    body: Any


class WebPeer:
    """`answers` are given one after the other, the last of them for ever; 0 means: never answer."""

    def __init__(self, answers: tuple[int, ...] = (204,), port: int = 0) -> None:
        self.posted: queue.Queue[Posted] = queue.Queue()
        self.attempts = 0
        self._answers, self._released = list(answers), threading.Event()
        self._server = self._serve(port)
        self.port = self._server.server_address[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?key=secret"

    def die(self) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()

    def return_(self) -> None:
        self._server = self._serve(self.port)

    def _serve(self, port: int) -> ThreadingHTTPServer:
        peer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                peer.attempts += 1
                answer = peer._answers.pop(0) if len(peer._answers) > 1 else peer._answers[0]
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if answer == 0:
                    peer._released.wait(60)
                    return
                if answer < 300:
                    peer.posted.put(Posted(self.path, dict(self.headers), body))
                self.send_response(answer)
                if answer in (301, 302):
                    self.send_header("Location", "http://127.0.0.1:1/")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return server
