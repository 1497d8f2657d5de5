"""A real server and a real browser whose microphone is a file."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest

SCREENSHOTS = Path(__file__).parents[3] / "reports" / "web"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET_BROWSER = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking")
GRANTED = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


class Server:
    """`auricle serve` as a process; it can be killed and started anew at the same address."""

    def __init__(self, model: Path, *options: str, **env: str) -> None:
        self._command = [sys.executable, "-m", "auricle_shared.command", "serve", str(model), *options]
        self._env = {**os.environ, **env}
        self.start(0)

    def start(self, port: int | None = None) -> None:
        port = self.port if port is None else port
        self._process = subprocess.Popen(
            [*self._command, "--port", str(port)], env=self._env, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip
        assert self._process.stderr is not None
        said = self._process.stderr.readline()
        found = re.search(r"https?://[^:/]+:(\d+)/\S*", said)
        if found is None:
            pytest.fail(f"The server did not start: {said}{self._process.stderr.read()}", pytrace=False)
        self.url, self.port = found.group(), int(found.group(1))

    def kill(self) -> None:
        """As a power cut would: master and worker at once."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate()

    def stop(self) -> str:
        """Ctrl-C in a terminal, which reaches both processes; returns what it said."""
        os.killpg(self._process.pid, signal.SIGINT)
        _, said = self._process.communicate(timeout=30)
        assert self._process.returncode == 0, said
        return str(said)


@contextmanager
def serving(model: Path, *options: str, **env: str) -> Iterator[Server]:
    server = Server(model, *options, **env)
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="session")
def serve() -> Callable[..., Any]:
    """with serve(model, "--public", ...) as server: ..."""
    return serving


@pytest.fixture(scope="module")
def server(tiny_model: Path) -> Iterator[Server]:
    with serving(tiny_model) as one:
        yield one


@pytest.fixture(scope="session")
def playwright(require_peer: Callable[[str], NoReturn]) -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        require_peer("No playwright: pip install playwright.")
    from auricle_runtime.web.model_info import has_page_runtime

    if not has_page_runtime():
        require_peer("onnxruntime-web is not there: make web.")
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def launch(playwright: Any, require_peer: Callable[[str], NoReturn]) -> Callable[..., Any]:
    """launch("--flag", ...) -> a browser; the caller closes it."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        require_peer("No Chromium: apt install chromium.")
    return lambda *flags: playwright.chromium.launch(executable_path=found, args=[*QUIET_BROWSER, *flags])


@pytest.fixture(scope="module")
def browser(launch: Callable[..., Any], two_tones: Callable[[int], Path]) -> Iterator[Any]:
    """Its microphone is allowed, and hears the two tones again and again."""
    browser = launch(*GRANTED, f"--use-file-for-fake-audio-capture={two_tones(48000)}")
    yield browser
    browser.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """open_page(url, color_scheme="dark", ...) -> the page, ready; its errors fail the test."""
    contexts, errors = [], []

    def open_it(url: str, in_browser: Any = None, **options: Any) -> Any:
        context = (in_browser or browser).new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        page.wait_for_selector("#start:enabled")
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert not errors


@pytest.fixture(scope="session")
def screenshots() -> Path:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    return SCREENSHOTS
