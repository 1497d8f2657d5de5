"""Small packs and runs for the trainer's tests."""

from __future__ import annotations

from pathlib import Path

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
