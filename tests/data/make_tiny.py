"""Makes tiny.onnx and tiny_embedding.onnx beside it: two tones told apart by the config `tiny`, and the same with an
embedding of many pitches. The tests of the runtime play them.

python tests/data/make_tiny.py                both
python tests/data/make_tiny.py embedding      the second alone
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from auricle_shared.metadata import BACKGROUND
from auricle_shared.pack import PackWriter

RATE_HZ = 16000
TONES_HZ = {"high": 3000, "low": 300}
PITCHES_HZ = (250, 400, 640, 900, 1800, 2300, 2900, 3600)


def tones(path: Path, clips: int = 60) -> None:
    """Tones of 0.3 to 1.2 s around the two pitches, and noise and other tones as background."""
    rng = np.random.default_rng(0)
    with PackWriter(path, RATE_HZ, licence="CC0-1.0") as writer:
        for i in range(clips):
            t = np.arange(round(RATE_HZ * rng.uniform(0.3, 1.2))) / RATE_HZ
            split = "val" if i % 5 == 4 else "train"
            for label, hz in TONES_HZ.items():
                tone = np.sin(2 * np.pi * hz * rng.uniform(0.9, 1.1) * t)
                writer.add((0.3 * tone).astype(np.float32), [label], split=split)
            other = np.sin(2 * np.pi * rng.choice([100, 900, 1300, 2000]) * t) + 0.3 * rng.standard_normal(len(t))
            writer.add((0.2 * other).astype(np.float32), [BACKGROUND], split=split)


def pitches(path: Path, clips: int = 24) -> None:
    """Tones of eight pitches a third of an octave or more apart; the tests enrol another one, 520 Hz."""
    rng = np.random.default_rng(1)
    with PackWriter(path, RATE_HZ, licence="CC0-1.0") as writer:
        for i in range(clips):
            split = "val" if i % 6 == 5 else "train"
            for hz in PITCHES_HZ:
                t = np.arange(round(RATE_HZ * rng.uniform(0.3, 0.8))) / RATE_HZ
                tone = 0.3 * np.sin(2 * np.pi * hz * rng.uniform(0.97, 1.03) * t)
                writer.add(tone.astype(np.float32), [f"{hz} Hz"], split=split)


def auricle(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", "auricle_shared.command", *map(str, arguments)], check=True)


def main() -> None:
    here = Path(__file__).parent
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        if "embedding" not in sys.argv:
            tones(work / "tones")
            auricle("train", "tiny", "--data", work / "tones", "--run", work / "run", "--set", "training.epochs=30")
            auricle("export", work / "run", here / "tiny.onnx")
        pitches(work / "pitches")
        changes = ["training.epochs=20", "model.embedding=16", "scenes.balance=balanced", "scenes.clips_per_class=2"]
        settings = [part for change in changes for part in ("--set", change)]
        auricle("train", "tiny", "--data", work / "pitches", "--run", work / "embedding", *settings)
        auricle("export", work / "embedding", here / "tiny_embedding.onnx")


if __name__ == "__main__":
    main()
