"""A pack of a million clips, 32 GB of samples: training begins without reading it.

The samples are a few seconds of noise and, as a sparse file, nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from auricle_shared.pack import Pack
from auricle_shared.pack_clip import COLUMNS

CLIPS, SAMPLES = 1_000_000, 16_000

FIRST_STEPS = """
import json, sys, torch
from auricle_shared.pack import Pack
from auricle_trainer.batches.workers import batches
from auricle_trainer.config import load_config
from auricle_trainer.loop import train_step
from auricle_trainer.selection import select_clips
from auricle_trainer.train import new_state, window_plan

def mapped_kib(name):
    total = wanted = 0
    for line in open("/proc/self/smaps"):
        if "-" in line.split()[0]:
            wanted = name in line
        elif wanted and line.startswith("Rss:"):
            total += int(line.split()[1])
    return total

config, cpu = load_config("tiny"), torch.device("cpu")
pack, background = Pack.open(sys.argv[1]), Pack.open(sys.argv[2])
selection = select_clips(pack, config.data, 0)
plan = window_plan(config, pack, selection, background, 0)
state = new_state(config, plan, cpu, 0)
losses = [float(train_step(state, batch, config)) for batch in batches(plan, range(5), 0, cpu)]
print(json.dumps({"losses": losses, "clips": len(selection.train), "read_kib": mapped_kib(sys.argv[1])}))
"""


def write_million(path: Path) -> None:
    path.mkdir()
    noise = np.random.default_rng(0).integers(-3000, 3000, 20 * SAMPLES, np.int16)
    with open(path / "audio.i16", "wb") as file:
        file.write(noise.astype("<i2").tobytes())
        file.truncate(2 * CLIPS * SAMPLES)
    with open(path / "index.csv", "w", encoding="utf-8") as index:
        index.write(",".join(COLUMNS) + "\n")
        for i in range(CLIPS):
            split = "val" if i % 1000 == 0 else "train"
            index.write(f"{i * SAMPLES},{SAMPLES},{'ab'[i % 2]},{split},,s{i % 5000},,{i}.wav,{i:064x},0.1\n")
    info = {"format": 1, "rate_hz": 16000, "labels": ["a", "b"], "multi_label": False, "splits": {}, "fingerprint": ""}
    (path / "dataset.json").write_text(json.dumps(info))


def test_the_first_steps_read_only_what_they_hear(noise: Pack, tmp_path: Path) -> None:
    pack = tmp_path / "million"
    write_million(pack)
    command = [sys.executable, "-c", FIRST_STEPS, str(pack), str(noise.path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["clips"] == 999 * CLIPS // 1000 and np.isfinite(found["losses"]).all()
    assert 0 < found["read_kib"] < 32 * 1024, "of 31,250,000 KiB"
