"""Makes tiny.onnx beside it: two tones told apart by the config `tiny`. The tests of the runtime play it.

python tests/data/make_tiny.py
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


def main() -> None:
    here = Path(__file__).parent
    with tempfile.TemporaryDirectory() as folder:
        pack, run = Path(folder) / "tones", Path(folder) / "run"
        tones(pack)
        for arguments in (
            ["train", "tiny", "--data", pack, "--run", run, "--set", "training.epochs=30"],
            ["export", run, here / "tiny.onnx"],
        ):
            subprocess.run([sys.executable, "-m", "auricle_shared.command", *map(str, arguments)], check=True)


if __name__ == "__main__":
    main()
