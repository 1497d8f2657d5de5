"""Small packs and runs for the trainer's tests."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auricle_shared.metadata import BACKGROUND
from auricle_shared.pack import Pack, PackWriter

RATE = 16000


def tone_pack(path: Path, clips: int = 12, multi_label: bool = False) -> Pack:
    """Two tones that any network can tell apart; lengths from 0.3 to 1.2 s."""
    rng = np.random.default_rng(0)
    with PackWriter(path, RATE) as writer:
        for i in range(clips * 2):
            label, hz = (("high", 2500), ("low", 400))[i % 2]
            t = np.arange(round(RATE * rng.uniform(0.3, 1.2))) / RATE
            samples = 0.3 * np.sin(2 * np.pi * hz * rng.uniform(0.9, 1.1) * t)
            labels = [label]
            if multi_label and i % 3 == 0:
                labels = ["high", "low"]
                samples = 0.2 * np.sin(2 * np.pi * 2500 * t) + 0.2 * np.sin(2 * np.pi * 400 * t)
            split = ("train", "train", "train", "val", "test", "test")[i // 2 % 6]
            writer.add(samples.astype(np.float32), labels, split=split, group=f"g{i // 2}")
    return Pack.open(path)


def noise_pack(path: Path) -> Pack:
    rng = np.random.default_rng(1)
    with PackWriter(path, RATE) as writer:
        for _ in range(3):
            writer.add((rng.standard_normal(5 * RATE) * 0.05).astype(np.float32), [BACKGROUND])
    return Pack.open(path)


@pytest.fixture(scope="session")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return tone_pack(tmp_path_factory.mktemp("packs") / "tones")


@pytest.fixture(scope="session")
def several_tones(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return tone_pack(tmp_path_factory.mktemp("packs") / "several", multi_label=True)


@pytest.fixture(scope="session")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return noise_pack(tmp_path_factory.mktemp("packs") / "noise")


@pytest.fixture(scope="session")
def made_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of data sets under the names that the studies look for, with tones in them; 10 speakers."""
    folder = tmp_path_factory.mktemp("data")
    tone_pack(folder / "fsdd")
    rng = np.random.default_rng(2)
    with PackWriter(folder / "speech_commands", RATE) as writer:
        for i in range(40):
            hz = (2500, 400)[i % 2] * rng.uniform(0.9, 1.1)
            samples = 0.3 * np.sin(2 * np.pi * hz * np.arange(RATE // 2) / RATE)
            speaker = f"s{i // 4}"
            split = "val" if i >= 32 else "train"
            writer.add(samples.astype(np.float32), [("high", "low")[i % 2]], split=split, speaker=speaker)
    return folder


class S3Server:
    """moto's S3 on a port of its own, with one bucket; it counts what is written and can fall silent."""

    BUCKET = "team"

    def __init__(self) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server

        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._serve, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.requests: list[tuple[str, str]] = []
        """(method, path) of all so far"""
        self.writes_before_silence: int | None = None
        """after so many writes nothing is answered until `speak` is set"""
        self.speak = threading.Event()
        self.silent = threading.Event()
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _serve(self, environ: dict[str, Any], start: Any) -> Any:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        self.requests.append((method, path))
        if self.writes_before_silence is not None and len(self.written()) > self.writes_before_silence:
            self.silent.set()
            self.speak.wait(60)
        return self._app(environ, start)

    def written(self) -> list[str]:
        return [path for method, path in self.requests if method == "PUT"]

    def client(self) -> Any:
        import boto3

        return boto3.client("s3")

    def listed(self) -> list[str]:
        listed = self.client().list_objects_v2(Bucket=self.BUCKET)
        return [entry["Key"] for entry in listed.get("Contents", [])]

    def damage(self, key: str) -> None:
        """Another byte in the middle, the same length."""
        data = bytearray(self.client().get_object(Bucket=self.BUCKET, Key=key)["Body"].read())
        data[len(data) // 2] ^= 1
        self.client().put_object(Bucket=self.BUCKET, Key=key, Body=bytes(data))

    def close(self) -> None:
        self.speak.set()
        self._server.shutdown()


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """An empty bucket 'team'; the environment leads every S3 client here and nowhere else."""
    server = S3Server()
    for name, value in (
        ("AWS_ENDPOINT_URL", server.url),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ):
        monkeypatch.setenv(name, value)
    urllib.request.urlopen(urllib.request.Request(f"{server.url}/moto-api/reset", method="POST"), timeout=60).close()
    server.client().create_bucket(Bucket=server.BUCKET)
    server.requests.clear()
    yield server
    server.close()
