"""Fixtures for all tests. NumPy only: the light environment has neither torch nor librosa nor onnx."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from hypothesis import settings

IN_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")
TINY_MODEL = Path(__file__).parent / "data" / "tiny.onnx"

# A shell starts background jobs with Ctrl-C ignored, and their children inherit it; the tests send real ones.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Telling MLflow makes a database of its own for every first run; the tests of it ask for it.
os.environ["AURICLE_MLFLOW"] = "0"

# The machine may be busy, so no deadline; CI must say the same about the same commit, so no new examples there.
settings.register_profile("auricle", deadline=None, derandomize=IN_CI)
settings.load_profile("auricle")


# Peers that play or hear in real time. A machine whose processors are taken away for a second tears the very sound
# that such a test plays, so it may be tried three times; pytest counts the reruns.
IN_REAL_TIME = {"sound_server", "browser"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if IN_REAL_TIME & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.flaky(reruns=2))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if IN_CI and terminalreporter.stats.get("skipped"):
        terminalreporter.write_line("CI=true, and tests were skipped: in CI everything runs or fails.", red=True)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if IN_CI and reporter is not None and reporter.stats.get("skipped") and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def require_peer() -> Callable[[str], NoReturn]:
    """Call it with words when a real peer (a sound server, data) is missing: a failure in CI, elsewhere a skip."""

    def missing(reason: str) -> NoReturn:
        if IN_CI:
            pytest.fail(f"{reason} CI=true: nothing is skipped here.", pytrace=False)
        pytest.skip(reason)

    return missing


@pytest.fixture(scope="session")
def auricle_data(require_peer: Callable[[str], NoReturn]) -> Path:
    """The folder with the real data sets (fsdd, esc10, speech_commands, background, negatives)."""
    given = os.environ.get("AURICLE_DATA", "")
    if not given:
        require_peer("Needs real recordings: set AURICLE_DATA to the folder that holds fsdd, speech_commands, ....")
    folder = Path(given)
    if not (folder / "speech_commands").is_dir():
        require_peer(f"AURICLE_DATA = {given} holds no folder speech_commands.")
    return folder


@pytest.fixture(autouse=True)
def _seeds() -> None:
    random.seed(0)
    np.random.seed(0)
    if "torch" in sys.modules:  # loaded by the test's own module, never by this one
        sys.modules["torch"].manual_seed(0)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def tiny_model() -> Path:
    """A small trained model.onnx; tests/data/make_tiny.py made it."""
    if not TINY_MODEL.is_file():
        pytest.fail(f"{TINY_MODEL} is missing; tests/data/make_tiny.py makes it.", pytrace=False)
    return TINY_MODEL


@pytest.fixture(scope="session")
def run_auricle() -> Callable[..., subprocess.CompletedProcess[str]]:
    """run_auricle("inspect", path, check=False): the real command, as a process of its own."""

    def run(*arguments: object, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "auricle_shared.command", *map(str, arguments)]
        options.setdefault("timeout", 240)
        result = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False, **options)
        if check and result.returncode:
            pytest.fail(f"{' '.join(command)} ended with {result.returncode}:\n{result.stdout}\n{result.stderr}")
        return result

    return run


@pytest.fixture
def auricle_here(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The command without a process of its own, where starting one would cost more than the test. A traceback fails it.

    auricle_here("inspect", path, check=False) -> CompletedProcess
    """
    from auricle_shared.command import main

    def run(*arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = ["auricle", *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", command)
        capsys.readouterr()
        code: Any = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        out, err = capsys.readouterr()
        if check and code:
            pytest.fail(f"{' '.join(command)} ended with {code}:\n{out}\n{err}")
        return subprocess.CompletedProcess(command, code, out, err)

    return run
