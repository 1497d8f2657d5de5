"""A real browser for the pages that are made of runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]


@pytest.fixture(scope="module")
def chromium(require_peer: Callable[[str], Any]) -> Iterator[Any]:
    program = shutil.which("chromium")
    if not program:
        require_peer("Needs Chromium (Debian: apt install chromium; 'make system-packages').")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=CHROMIUM_ARGUMENTS)
        yield launched
        launched.close()
