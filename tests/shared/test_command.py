"""The command `auricle`: what it says, how it ends, what it does not load."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import click
import pytest

from auricle_shared import command
from auricle_shared.errors import DataError

Run = Callable[..., "subprocess.CompletedProcess[str]"]
INSTALLED = sorted(point.name for point in entry_points(group=command.GROUP))
HEAVY = ("torch", "librosa", "soundfile", "matplotlib", "onnx", "onnxruntime", "sounddevice", "scipy")


def loaded_after(code: str) -> set[str]:
    """Which heavy packages a fresh interpreter has loaded after `code`."""
    code += f"\nimport sys; print('LOADED', *[name for name in {HEAVY!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    return set(result.stdout.rpartition("LOADED")[2].split())


def test_commands_of_this_part_are_installed() -> None:
    assert {"evaluate", "scene"} <= set(INSTALLED)


def test_help_lists_every_command(run_auricle: Run) -> None:
    shown = run_auricle("--help").stdout
    listed = {line.split()[0] for line in shown.partition("Commands:")[2].splitlines() if line.strip()}
    assert set(INSTALLED) <= listed


@pytest.mark.parametrize("name", INSTALLED)
def test_help_of_every_command_has_an_example(run_auricle: Run, name: str) -> None:
    shown = run_auricle(name, "--help").stdout
    usage, *rest = shown.splitlines()
    assert usage.startswith(f"Usage: auricle {name}")
    examples = [line.strip() for line in rest if f"auricle {name} " in f"{line.strip()} "]
    assert examples, shown


def test_unknown_command_is_answered_with_those_that_exist(run_auricle: Run) -> None:
    result = run_auricle("lisen", check=False)
    assert result.returncode == 2
    assert "lisen" in result.stderr
    assert all(name in result.stderr for name in INSTALLED)
    assert "Traceback" not in result.stderr


def test_version(run_auricle: Run) -> None:
    assert run_auricle("--version").stdout.startswith("auricle, version ")


def test_a_real_mistake_ends_in_words(run_auricle: Run, tmp_path: Path) -> None:
    missing = tmp_path / "no such model.onnx"
    result = run_auricle("evaluate", missing, "--data", tmp_path, check=False)
    assert result.returncode == 1
    assert str(missing) in result.stderr
    assert "Traceback" not in result.stderr


def test_the_command_itself_loads_nothing_heavy() -> None:
    assert loaded_after("import auricle_shared.command") == set()


def test_listing_all_commands_loads_nothing_heavy() -> None:
    code = "from auricle_shared.command import auricle\nauricle.main(['--help'], standalone_mode=False)"
    assert loaded_after(code) == set()


def end_of(monkeypatch: pytest.MonkeyPatch, do: Callable[[], object]) -> int:
    """Exit code of `auricle probe` when the sub-command does this."""
    monkeypatch.setattr(command.LazyGroup, "get_command", lambda *_: click.Command("probe", callback=do))
    monkeypatch.setattr(sys, "argv", ["auricle", "probe"])
    try:
        command.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def raising(error: BaseException) -> Callable[[], object]:
    def do() -> None:
        raise error

    return do


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (DataError("found 3 clips, wanted 4"), 1, "auricle: found 3 clips, wanted 4"),
        (OSError(errno.ENOSPC, "No space left on device", "packs/a"), 1, "No space left on device: packs/a"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), 1, "Permission denied: /x"),
        (click.UsageError("give one of them"), 2, "give one of them"),
        (KeyboardInterrupt(), 130, "Stopped."),
        (click.exceptions.Exit(3), 3, ""),
    ],
    ids=lambda x: type(x).__name__ if isinstance(x, BaseException) else "",
)
def test_how_it_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, code: int, words: str
) -> None:
    assert end_of(monkeypatch, raising(error)) == code
    shown = capsys.readouterr()
    assert words in shown.err
    assert "Traceback" not in shown.err
    assert shown.out == ""


def test_success_ends_with_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    assert end_of(monkeypatch, lambda: None) == 0


def test_a_mistake_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ZeroDivisionError):
        end_of(monkeypatch, raising(ZeroDivisionError()))
