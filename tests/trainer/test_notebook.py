"""The notebook runs from top to bottom on a fresh run, and what it shows is what the command line says."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import nbformat
import pytest
import torch
from nbclient import NotebookClient

from auricle_shared.pack import Pack
from auricle_trainer.config import load_config
from auricle_trainer.train import train

NOTEBOOK = Path(__file__).parents[2] / "trainer" / "notebooks" / "run.ipynb"


@pytest.mark.timeout(600)
def test_the_notebook_draws_a_run(
    tones: Pack,
    noise: Pack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    auricle_here: Callable[..., CompletedProcess[str]],
) -> None:
    config = load_config("tiny", ("training.epochs=8", "training.workers=0", "calibration.minutes=0"))
    train(config, tones, noise, tmp_path / "run", torch.device("cpu"), seed=0)
    monkeypatch.setenv("AURICLE_RUN", str(tmp_path / "run"))
    monkeypatch.setenv("AURICLE_PACK", str(tones.path))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)  # results of somebody's machine stay out of Git
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()

    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    pictures = [base64.b64decode(o.data["image/png"]) for o in outputs if "image/png" in o.get("data", {})]
    keep(pictures)
    assert len(pictures) == 4 and all(len(p) > 5_000 for p in pictures)  # curves, spectrograms, confusion, scene
    told = "".join(output.text for output in outputs if output.output_type == "stream")
    auricle_here("evaluate", tmp_path / "run", "--data", tones.path, "--json", tmp_path / "found.json")
    found: dict[str, Any] = json.loads((tmp_path / "found.json").read_text())
    assert f"{found['correct']} of {found['n']} right: {100 * found['accuracy']:.2f} %" in told
    assert tones.fingerprint in told


def keep(pictures: list[bytes]) -> None:
    """For whoever wants to look at them."""
    if folder := os.environ.get("AURICLE_SCREENSHOTS"):
        for number, picture in enumerate(pictures):
            (Path(folder) / f"notebook-{number}.png").write_bytes(picture)
