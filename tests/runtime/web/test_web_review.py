"""The review page in a real browser: play, relabel, take back; what was said is in the manifest at once."""

from __future__ import annotations

import csv
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auricle_shared.audio import write_wav

pytestmark = pytest.mark.timeout(120)

DOG, BELL = "20261124T101500.000Z_dog_0.61.wav", "20261123T081408.123Z_doorbell_0.97.wav"


@pytest.fixture
def heard(tmp_path: Path) -> Path:
    folder = tmp_path / "heard"
    folder.mkdir()
    tone = 0.1 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    for name in (DOG, BELL):
        write_wav(folder / name, tone.astype(np.float32), 16000)
    return folder


@pytest.fixture
def address(heard: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "auricle_shared.command", "review", str(heard), "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    found = re.search(r"http://\S+", process.stderr.readline())
    assert found is not None
    yield found.group()
    process.send_signal(signal.SIGINT)
    assert "Traceback" not in process.communicate(timeout=30)[1]
    assert process.returncode == 0


def said(folder: Path) -> dict[str, str]:
    with open(folder / "manifest.csv", newline="", encoding="utf-8") as file:
        return {row["path"]: row["label"] for row in csv.DictReader(file)}


def test_clips_are_played_and_named(browser: Any, address: str, heard: Path, screenshots: Path) -> None:
    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    page.get_by_text("0 of 2 clips reviewed.").wait_for()
    dog, bell = (page.locator(f'li[data-name="{name}"]') for name in (DOG, BELL))

    dog.locator("audio").evaluate("async (audio) => { audio.muted = true; await audio.play(); }")
    page.wait_for_function(f"document.querySelector('li[data-name=\"{DOG}\"] audio').currentTime > 0")

    dog.get_by_role("button", name="Nothing of that").click()
    page.get_by_text("1 of 2 clips reviewed.").wait_for()
    bell.get_by_role("combobox").fill("telephone")
    bell.get_by_role("combobox").press("Enter")
    page.get_by_text("2 of 2 clips reviewed.").wait_for()
    assert said(heard) == {DOG: "background", BELL: "telephone"}
    page.screenshot(path=screenshots / "review.png")

    page.reload()
    page.get_by_text("2 of 2 clips reviewed.").wait_for()
    assert bell.get_by_role("combobox").input_value() == "telephone"
    dog.get_by_role("button", name="It was dog").click()
    bell.get_by_role("button", name="Nothing of that").click()
    bell.get_by_role("button", name="Nothing of that", pressed=True).click()  # taken back
    page.get_by_text("1 of 2 clips reviewed.").wait_for()
    assert said(heard) == {DOG: "dog"}
    assert not errors
    page.close()
