"""MLflow's own page, from its own server, in a real browser: a run, its picture and its registered model are on it."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
import yaml

from auricle_runtime.onnx_scorer import OnnxScorer
from auricle_shared.metadata import BACKGROUND
from auricle_shared.pack import PackWriter
from auricle_trainer.mlflow_tracking.place import connect, experiment_id, place_of

Run = Callable[..., CompletedProcess[str]]
RATE = 16000
PATIENCE_SECONDS = 240.0
SERVER = Path(__file__).parents[2] / ".venv-mlflow" / "bin" / "mlflow"


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory, run_auricle: Run) -> Path:
    """A run told to MLflow while it trained, its model exported and registered as 'tones'; the run's folder."""
    folder = tmp_path_factory.mktemp("page")
    with PackWriter(folder / "tones", RATE) as writer:
        t = np.arange(RATE // 2) / RATE
        for i in range(16):
            samples = 0.3 * np.sin(2 * np.pi * (2500, 400)[i % 2] * (1 + i / 100) * t)
            split = "val" if i > 11 else "train"
            writer.add(samples.astype(np.float32), [("high", "low")[i % 2]], split=split)
        writer.add(np.zeros(RATE, np.float32), [BACKGROUND], split="train")
    run = folder / "runs" / "first"
    quick = [
        part for c in ("training.epochs=4", "training.workers=0", "calibration.minutes=0") for part in ("--set", c)
    ]
    run_auricle("train", "tiny", "--data", folder / "tones", "--run", run, "--mlflow", *quick)
    run_auricle("export", run, run / "model.onnx")
    run_auricle("register", run, run / "model.onnx", "--name", "tones")
    return run


@pytest.fixture(scope="module")
def page_of(registered: Path, require_peer: Callable[[str], Any], tmp_path_factory: Any) -> Iterator[str]:
    """Address of MLflow's server over the runs' database."""
    server = os.environ.get("AURICLE_MLFLOW_SERVER", str(SERVER))
    if not Path(server).is_file():
        require_peer(f"Needs MLflow's server at {server} (make .venv-mlflow/.installed), or AURICLE_MLFLOW_SERVER.")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    said = tmp_path_factory.mktemp("server") / "said.txt"
    uri = place_of(registered).uri
    command = [
        server,
        "server",
        "--backend-store-uri",
        uri,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    with open(said, "w") as file:
        process = subprocess.Popen(
            command,
            stdout=file,
            stderr=file,
            start_new_session=True,
            env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
        )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(f"{address}/health", process, said)
        yield address
    finally:
        os.killpg(process.pid, 9)
        process.wait(30)


def wait_for(address: str, process: subprocess.Popen[bytes], said: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.3)
    pytest.fail(f"MLflow's server did not answer:\n{said.read_text()[-3000:]}", pytrace=False)


@pytest.mark.timeout(900)  # MLflow's server takes its time to start
def test_a_run_its_picture_and_its_model_are_on_the_page(page_of: str, registered: Path, chromium: Any) -> None:
    place = place_of(registered)
    client = connect(place)
    experiment = experiment_id(client, place)
    (run,) = client.search_runs([experiment])
    runs = f"{page_of}/#/experiments/{experiment}/runs"
    pictures = Path(os.environ.get("AURICLE_SCREENSHOTS", registered.parent))
    page = chromium.new_page(viewport={"width": 1400, "height": 900})
    page.set_default_timeout(1000 * PATIENCE_SECONDS)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))

    page.goto(runs)
    page.get_by_role("link", name="first", exact=True).first.wait_for()
    page.screenshot(path=pictures / "mlflow-runs.png")
    page.goto(f"{runs}/{run.info.run_id}")
    page.get_by_text("validation/accuracy").first.wait_for()
    page.get_by_text(str(run.data.tags["auricle.data_fingerprint"])).first.wait_for()
    page.screenshot(path=pictures / "mlflow-run.png")
    page.goto(f"{runs}/{run.info.run_id}/artifacts/pictures/curves.png")
    page.locator("img[src^='blob:']").first.wait_for()
    page.screenshot(path=pictures / "mlflow-picture.png")
    page.goto(f"{page_of}/#/models/tones/versions/1")
    page.get_by_text(
        str(OnnxScorer(registered / "model.onnx", "cpu").metadata.provenance["checkpoint_hash"])
    ).wait_for()
    page.screenshot(path=pictures / "mlflow-model.png")
    assert not errors
    for name in ("runs", "run", "picture", "model"):
        assert (pictures / f"mlflow-{name}.png").stat().st_size > 20_000  # an empty page has a tenth of it


def test_the_registered_model_is_the_exported_one(registered: Path, run_auricle: Run, tmp_path: Path) -> None:
    import mlflow

    client = connect(place_of(registered))
    version = client.get_model_version("tones", "1")
    mlflow.set_tracking_uri(place_of(registered).uri)
    copy = Path(mlflow.artifacts.download_artifacts("models:/tones/1", dst_path=str(tmp_path)))
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    assert (copy / "model.onnx").read_bytes() == (registered / "model.onnx").read_bytes()
    flavors = yaml.safe_load((copy / "MLmodel").read_text())["flavors"]
    assert flavors["onnx"]["data"] == "model.onnx" and "python_function" in flavors
    made_from = OnnxScorer(copy / "model.onnx", "cpu").metadata.provenance
    assert version.tags["auricle.run_id"] == made_from["run_id"]
    again = run_auricle("register", registered, registered / "model.onnx", "--name", "tones")
    assert "tones, version 1," in again.stdout


def test_a_model_of_another_run_is_not_registered(registered: Path, tiny_model: Path, run_auricle: Run) -> None:
    done = run_auricle("register", registered, tiny_model, "--name", "tones", check=False)
    assert done.returncode == 1 and "was exported from run" in done.stderr and "Traceback" not in done.stderr
