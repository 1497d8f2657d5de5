"""A scene that the tiny model of the tests can judge: its two tones, other tones and noise, over running background."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from auricle_shared.metadata import BACKGROUND
from auricle_shared.pack import Pack, PackWriter
from auricle_shared.scenes import SceneSettings
from auricle_shared.write_scene import SceneEvent, make_scene

RATE_HZ = 16000
TONES_HZ = {"high": 3000.0, "low": 300.0}
SETTINGS = SceneSettings(
    gap_seconds=1.5, gap_minimum_seconds=1.0, adjoining=0.0, snr_low_db=25.0, snr_high_db=35.0,
    background_low_db=-55.0, background_high_db=-50.0, clean=0.0, reset=0.0,
)  # fmt: skip


def tone_scene(seconds: float, seed: int = 0) -> tuple[np.ndarray, list[SceneEvent]]:
    """Audio float32 [n] at RATE_HZ, and what happens in it."""
    with tempfile.TemporaryDirectory() as folder:
        events, background = tones(Path(folder) / "tones", seed), _noise(Path(folder) / "noise", seed)
        return make_scene(events, range(len(events)), background, SETTINGS, seconds, seed)


def tones(path: Path, seed: int) -> Pack:
    rng = np.random.default_rng(seed)
    with PackWriter(path, RATE_HZ) as writer:
        for _ in range(20):
            t = np.arange(round(RATE_HZ * rng.uniform(0.5, 1.2))) / RATE_HZ
            for label, hz in TONES_HZ.items():
                writer.add(_tone(t, hz * rng.uniform(0.95, 1.05)), [label])
            writer.add(_tone(t, float(rng.choice([900, 1300, 2000]))), [BACKGROUND])
    return Pack.open(path)


def _noise(path: Path, seed: int) -> Pack:
    rng = np.random.default_rng(seed + 1)
    with PackWriter(path, RATE_HZ) as writer:
        writer.add((0.05 * rng.standard_normal(20 * RATE_HZ)).astype(np.float32), [BACKGROUND])
    return Pack.open(path)


def _tone(t: np.ndarray, hz: float) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hz * t)).astype(np.float32)
