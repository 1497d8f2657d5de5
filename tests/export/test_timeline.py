"""The timeline of a real project: a repository, two runs, data changed between them, an export, notes; in a browser."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
import torch

from auricle_shared.json_lines import append_line
from auricle_shared.pack import Pack, PackWriter
from auricle_shared.pack_edit import write_edited
from auricle_trainer.config import load_config
from auricle_trainer.record.run_folder import EXPORTS, NOTES
from auricle_trainer.train import train

Auricle = Callable[..., CompletedProcess[str]]
RATE = 16000
HOSTILE = "<script>document.title = 'taken'</script><img src=http://127.0.0.1:9/x.png> & \x1b[31mred"


def git(folder: Path, *arguments: str) -> None:
    named = ("-c", "user.name=A <b>", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(folder), *named, *arguments], capture_output=True, check=True)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository; runs/first, then runs/second with another learning rate on data with one label changed."""
    folder = tmp_path_factory.mktemp("project")
    git(folder, "init", "-q")
    (folder / "notes.md").write_text("begun\n")
    git(folder, "add", "notes.md")
    git(folder, "commit", "-q", "-m", f"The beginning {HOSTILE}".replace("\x1b", ""))
    with PackWriter(folder / "tones", RATE) as writer:
        for i in range(12):
            samples = 0.3 * np.sin(2 * np.pi * (2500, 400)[i % 2] * (1 + i / 100) * np.arange(RATE // 3) / RATE)
            split = "val" if i > 9 else "train"
            writer.add(samples.astype(np.float32), [("high", "low")[i % 2]], split=split, source=f"{i}.wav")
    with PackWriter(folder / "noise", RATE) as writer:
        writer.add((0.01 * np.random.default_rng(0).standard_normal(3 * RATE)).astype(np.float32), ["background"])
    pack, noise, quick = Pack.open(folder / "tones"), Pack.open(folder / "noise"), ["training.epochs=1"]
    train(load_config("tiny", quick), pack, noise, folder / "runs" / "first", torch.device("cpu"), 0)
    other = write_edited(pack, folder / "more-tones", {0}, {2: ("low",)})
    quick = [*quick, "training.learning_rate=0.02"]
    train(load_config("tiny", quick), other, noise, folder / "runs" / "second", torch.device("cpu"), 0)
    _at(folder / "runs" / "first", "2026-01-01T10:00:00+00:00")
    _at(folder / "runs" / "second", "2026-01-02T10:00:00+00:00")
    export = {"time": "2026-01-03T10:00:00+00:00", "model": "/device/model.onnx", "bytes": 2048, "weights": "float32"}
    append_line(folder / "runs" / "second" / EXPORTS, {**export, "passed": True, "max_abs_error": 1e-6})
    append_line(folder / "runs" / "first" / NOTES, {"time": "2026-01-01T12:00:00+00:00", "text": HOSTILE})
    return folder


def _at(run: Path, time: str) -> None:
    values = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**values, "began": time}))


EXPECTED = ["run first", "note", "data second", "run second", "export second", "commit"]


def shown(text: str) -> list[str]:
    """Kind and run of each line of JSON."""
    entries = [json.loads(line) for line in text.splitlines()]
    return [e["kind"] if e["kind"] in ("note", "commit") else f"{e['kind']} {e['run']}" for e in entries]


def test_lines_are_in_the_order_of_time_and_say_what_changed(project: Path, auricle_here: Auricle) -> None:
    assert shown(auricle_here("timeline", project / "runs", "--json").stdout) == EXPECTED
    lines = auricle_here("timeline", project / "runs").stdout.splitlines()
    assert len(lines) == len(EXPECTED)
    assert "1 relabelled (2.wav: high -> low)" in lines[2] and "1 removed (0.wav)" in lines[2]
    assert "\x1b" not in "".join(lines) and "first: <script>" in lines[1]
    assert "2 KiB" in lines[4] and "The beginning" in lines[5]


def test_the_page_in_a_browser(project: Path, auricle_here: Auricle, chromium: Any, tmp_path: Path) -> None:
    auricle_here("timeline", project / "runs", "--html", tmp_path / "timeline.html")
    address = (tmp_path / "timeline.html").as_uri()
    pictures = Path(os.environ.get("AURICLE_SCREENSHOTS", tmp_path))
    for width, scheme in ((390, "light"), (390, "dark"), (1280, "light"), (1280, "dark")):
        page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        said: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message, said=said: said.append(message.text))
        page.on("pageerror", lambda error, said=said: said.append(str(error)))
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.goto(address)
        kinds = page.eval_on_selector_all("ol > li", "all => all.map(li => li.className)")
        assert kinds == [words.split()[0] for words in EXPECTED]
        assert page.eval_on_selector_all("img", "all => all.every(i => i.complete && i.naturalWidth > 100)")
        second = page.locator("li.run").nth(1)
        assert second.locator("img").count() >= 1 and not second.get_by_text("training.learning_rate").is_visible()
        second.get_by_text("differences from first").click()
        assert "training.learning_rate: 0.01 -> 0.02" in second.locator("pre").first.inner_text()
        assert page.locator("li.note .title").inner_text().startswith("<script>") and "taken" not in page.title()
        page.locator("label.run").click()
        assert not second.is_visible() and page.locator("li.note").is_visible()
        page.locator("label.run").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, "nothing sticks out sideways"
        page.screenshot(path=pictures / f"timeline-{width}-{scheme}.png")
        assert said == [] and [url for url in asked if not url.startswith("data:")] == [address]
        page.close()


def test_without_git_without_runs_and_with_a_damaged_one(
    project: Path, auricle_here: Auricle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    none = auricle_here("timeline", tmp_path, "--html", tmp_path / "page.html")
    assert "no commits" in none.stderr and "no runs" in none.stderr
    assert "no runs at or below" in (tmp_path / "page.html").read_text()
    absent = auricle_here("timeline", tmp_path / "absent", check=False)
    assert absent.returncode == 1 and "does not exist" in absent.stderr
    broken = tmp_path / "runs" / "broken"
    broken.mkdir(parents=True)
    record = json.loads((project / "runs" / "first" / "run.json").read_text())
    (broken / "run.json").write_text(json.dumps({**record, "began": "2026-01-01T09:00:00+00:00"}))
    (broken / "config.json").write_text((project / "runs" / "first" / "config.json").read_text())
    append_line(broken / NOTES, {"text": "a note without its time"})
    damaged = auricle_here("timeline", tmp_path / "runs", "--json")
    assert damaged.stdout == "" and "record is damaged" in damaged.stderr


def test_many_commits_in_a_row_are_one_line(tmp_path: Path, auricle_here: Auricle, chromium: Any) -> None:
    git(tmp_path, "init", "-q")
    for i in range(5):
        git(tmp_path, "commit", "-q", "--allow-empty", "-m", f"number {i}")
    (tmp_path / "runs").mkdir()
    auricle_here("timeline", tmp_path / "runs", "--html", tmp_path / "page.html")
    page = chromium.new_page()
    page.goto((tmp_path / "page.html").as_uri())
    assert page.locator("main > section > ol > li").count() == 1
    page.get_by_text("5 commits, the last: number 4").click()
    titles = page.locator("li li .title").all_inner_texts()
    page.close()
    assert titles == [f"number {i}" for i in range(5)]
    few = auricle_here("timeline", tmp_path / "runs", "--most", 2, "--json").stdout
    assert [json.loads(line)["title"] for line in few.splitlines()] == ["number 3", "number 4"]
