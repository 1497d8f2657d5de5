"""The two wheels that a device installs hold all they need, away from this repository."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from email.parser import Parser
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DISTRIBUTIONS = ("shared", "runtime")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("wheels")
    sources = [str(ROOT / name) for name in DISTRIBUTIONS]
    pip("wheel", "--no-deps", "--wheel-dir", str(folder), *sources)
    return {name: next(folder.glob(f"auricle_{name}-*.whl")) for name in DISTRIBUTIONS}


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_all_files_are_in_them(wheels: dict[str, Path]) -> None:
    for name, path in wheels.items():
        package = ROOT / name / f"auricle_{name}"
        here = {p.relative_to(ROOT / name).as_posix() for p in package.rglob("*") if p.is_file()}
        here = {p for p in here if "__pycache__" not in p and "/static/ort/" not in p}
        with zipfile.ZipFile(path) as wheel:
            assert here <= set(wheel.namelist())


def test_they_name_the_oldest_versions_they_take(wheels: dict[str, Path]) -> None:
    for path in wheels.values():
        with zipfile.ZipFile(path) as wheel:
            (metadata,) = (n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
            fields = Parser().parsestr(wheel.read(metadata).decode())
        assert fields["Requires-Python"] == ">=3.11"
        for wanted in fields.get_all("Requires-Dist") or []:
            assert wanted.startswith("auricle-shared") or re.search(r">=\d", wanted), f"{wanted}: any version"


def test_they_listen_on_their_own(wheels: dict[str, Path], tiny_model: Path, two_tones: Any, tmp_path: Path) -> None:
    """In an environment of its own, which borrows no more than the packages that are not ours."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    pip("--python", str(python), "install", "--no-deps", "--no-index", *map(str, wheels.values()))
    asked = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    own = Path(subprocess.run([python, "-c", asked], capture_output=True, text=True, check=True).stdout.strip())
    (own / "borrowed.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}

    def run(*command: object) -> str:
        done = subprocess.run(
            [*map(str, command)], cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = run(python, "-c", "import auricle_runtime, auricle_shared; print(auricle_runtime.__file__)")
    assert Path(where.strip()).is_relative_to(own)
    told = run(tmp_path / "venv" / "bin" / "auricle", "listen", tiny_model, "--wav", two_tones(16000), "--json")
    events = [json.loads(line) for line in told.splitlines()]
    assert [(e["phase"], e["label"]) for e in events] == [
        ("on", "low"),
        ("off", "low"),
        ("on", "high"),
        ("off", "high"),
    ]
