"""Leaving it running: an hour at full speed, minutes in real time, minutes through a sound server, with the figures.

And how soon it shows what the microphone hears.

make soak                          about 20 minutes; exit code 1 where a figure misses its limit
make soak QUICK=1                  a minute, to see that it runs
python tests/support/soak.py --model model.onnx --json soak.json --device-python light/bin/python
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from first_bars import first_bars
from listening import Listening
from sound_server import SoundServer
from tone_scene import RATE_HZ, tone_scene

from auricle_runtime.onnx_scorer import OnnxScorer
from auricle_shared.audio import write_wav
from auricle_shared.files import write_text
from auricle_shared.pcm import to_float, to_int16
from auricle_shared.scorer import zero_state

TINY_MODEL = Path(__file__).parents[1] / "data" / "tiny.onnx"
BLOCK_SECONDS = 0.08
SCENE_SECONDS = 60
WARM_UP_SHARE = 0.1
"""Of a run: until then memory may still grow to its working size."""
LEAD_SECONDS, TAIL_SECONDS = 3.0, 2.0
"""Faint noise around what is played: a sound server's first seconds may come late."""
MATCH_SECONDS = 0.1


@dataclass(frozen=True)
class Lengths:
    """Seconds of audio of each part."""

    full_speed: float = 3600.0
    real_time: float = 600.0
    microphone: float = 300.0
    start_rounds: int = 9
    """Starts with a microphone and bars"""


QUICK = Lengths(full_speed=180.0, real_time=10.0, microphone=20.0, start_rounds=2)


class Limit(NamedTuple):
    name: str
    most: float
    unit: str
    is_time: bool = False
    """says something only on a machine that does nothing else"""


LIMITS = {
    "full_speed_score_error": Limit("scores against the whole file", 1e-5, ""),
    "full_speed_memory_mb": Limit("memory's growth at full speed", 2.0, "MB"),
    "real_time_memory_mb": Limit("memory's growth in real time", 2.0, "MB"),
    "real_time_cpu_percent": Limit("CPU in real time, 80 ms blocks", 1.0, "% of a core", True),
    "microphone_cpu_percent": Limit("CPU with a microphone", 2.5, "% of a core", True),
    "microphone_memory_mb": Limit("memory's growth with a microphone", 2.0, "MB"),
    "events_differing": Limit("events other than the file's", 0, ""),
    "event_seconds": Limit("events' times off the file's", MATCH_SECONDS, "s"),
    "unreported_seconds": Limit("samples lost unreported", 0.5, "s by the clock"),
    "bars_first_ms": Limit("microphone's first bars after the start", 300, "ms, median", True),
    "bars_peak_memory_mb": Limit("peak memory with microphone and bars", 95, "MB"),
}


def full_speed(model: Path, seconds: float, folder: Path) -> dict[str, float]:
    """A long stream through --stdin as fast as it goes; every score against the model run over the whole file."""
    scorer, table = OnnxScorer(model), folder / "scores.csv"
    scene = _scene_at(scorer.metadata.rate_hz)
    listening = Listening(model, "--stdin", "--json", "--scores", str(table), stdin=subprocess.PIPE)
    assert listening.process.stdin is not None
    state, wanted = zero_state(scorer.metadata), []
    hop = scorer.metadata.hop_samples
    scenes = round(seconds / SCENE_SECONDS)
    for number in range(scenes):
        if number == max(1, round(WARM_UP_SHARE * scenes)):  # a pipe holds 2 s: what was written was heard
            listening.begin()
        listening.process.stdin.write(scene.tobytes())
        frames = scorer(to_float(scene[None, : len(scene) // hop * hop]), state)
        state = frames.state
        wanted.append(frames.scores[0])
    costs = listening.end("full_speed")
    listening.process.stdin.close()
    listening.finish()
    found = np.loadtxt(table, delimiter=",", skiprows=1, dtype=np.float64)[:, 1:]
    error = float(np.abs(found - np.concatenate(wanted)).max())
    heard_seconds = len(found) * hop / scorer.metadata.rate_hz
    return {"full_speed_seconds": heard_seconds, "full_speed_score_error": error, **costs}


def real_time(model: Path, seconds: float) -> dict[str, float]:
    """Blocks of 80 ms into --stdin, one every 80 ms; CPU of the whole process without its start."""
    rate_hz = OnnxScorer(model).metadata.rate_hz
    scene, size = _scene_at(rate_hz), round(BLOCK_SECONDS * rate_hz)
    listening = Listening(model, "--stdin", "--json", stdin=subprocess.PIPE)
    warm_seconds = max(3.0, WARM_UP_SHARE * seconds)
    began, at = time.monotonic(), 0
    assert listening.process.stdin is not None
    warm = round(warm_seconds / BLOCK_SECONDS)
    for number in range(warm + round(seconds / BLOCK_SECONDS)):
        if number == warm:
            listening.begin()
        listening.process.stdin.write(scene[at : at + size].tobytes())
        listening.process.stdin.flush()
        at = (at + size) % (len(scene) - size)
        time.sleep(max(0.0, began + (number + 1) * BLOCK_SECONDS - time.monotonic()))
    costs = listening.end("real_time")
    listening.process.stdin.close()
    listening.finish()
    return costs


def through_sound_server(model: Path, seconds: float, folder: Path, server: SoundServer) -> dict[str, float]:
    """A scene played to the virtual microphone; its events against those of the same scene as a file."""
    wav = folder / "scene.wav"
    write_wav(wav, _with_room_around(tone_scene(seconds)[0]), RATE_HZ)
    from_file = Listening(model, "--wav", str(wav), "--json").finish()
    listening = Listening(model, "--device", "pulse", "--json", env=server.env)
    while not any(line.startswith(b"Listening to") for line in listening.said):
        time.sleep(0.05)
    player = server.play(wav)
    time.sleep(LEAD_SECONDS)
    listening.begin()
    player.wait(seconds + 60)
    costs = listening.end("microphone")
    time.sleep(1)
    listening.process.send_signal(signal.SIGTERM)  # a background job of a shell ignores SIGINT, and so its children
    lines = listening.finish()
    events = [line for line in lines if line["phase"] in ("on", "off")]
    differing, off_seconds = compare_events(events, from_file)
    return {
        "events": len(from_file),
        "events_differing": differing,
        "event_seconds": off_seconds,
        "gaps": sum(line["phase"] == "gap" for line in lines),
        "unreported_seconds": unreported_seconds(events),
        **costs,
    }


def unreported_seconds(events: list[dict[str, Any]]) -> float:
    """By how much stream time fell behind the clock from the first event to the last.

    Reported gaps are part of stream time, so what is missing here was told to nobody. The microphone's opening and
    closing, which take long on a busy machine, are left out.
    """
    behind = [
        datetime.fromisoformat(event["onset_utc"]).timestamp() - event["onset_seconds"]
        for event in events
        if event["phase"] == "on"
    ]
    return round(max(0.0, behind[-1] - behind[0]), 2) if behind else 0.0


def compare_events(found: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> tuple[int, float]:
    """How many differ, and by how many seconds the times of the others do, once the streams begin together."""
    names = [[(e["phase"], e["label"]) for e in events] for events in (found, wanted)]
    if names[0] != names[1]:
        return max(len(found), len(wanted)) - sum(a == b for a, b in zip(*names, strict=False)), float("inf")
    if not wanted:
        return 0, 0.0
    times = [[e.get("offset_seconds", e["onset_seconds"]) for e in events] for events in (found, wanted)]
    late = np.subtract(*times)
    return 0, round(float(np.abs(late - np.median(late)).max()), 3)


def _scene_at(rate_hz: int) -> np.ndarray:
    """A minute, int16, whole hops of any model's at 16 kHz."""
    if rate_hz != RATE_HZ:
        raise SystemExit(f"The model has a rate of {rate_hz} Hz; the soak's scenes have {RATE_HZ}.")
    return to_int16(tone_scene(SCENE_SECONDS)[0])


def _with_room_around(scene: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(0)
    lead, tail = (rng.normal(0, 1e-3, round(s * RATE_HZ)).astype(np.float32) for s in (LEAD_SECONDS, TAIL_SECONDS))
    return np.concatenate([lead, scene, tail])


def reference_model(folder: Path) -> Path:
    """The reference network at its real size, after one epoch on tones: what it costs does not depend on what it knows.

    Where nothing can be trained, the tests' tiny model.
    """
    from importlib.util import find_spec

    if find_spec("auricle_trainer") is None:
        return TINY_MODEL
    from tone_scene import tones

    tones(folder / "tones", 0)
    command = [sys.executable, "-m", "auricle_shared.command"]
    run, exported = str(folder / "run"), folder / "gru.onnx"
    train = ["train", "gru", "--data", str(folder / "tones"), "--run", run, "--set", "training.epochs=1"]
    for arguments in (train, ["export", run, str(exported)]):
        subprocess.run([*command, *arguments], check=True, stdout=subprocess.DEVNULL)
    return exported


def start_with_bars(python: Path, model: Path, rounds: int, folder: Path, server: SoundServer) -> dict[str, float]:
    wav = folder / "room.wav"
    write_wav(wav, np.random.default_rng(0).normal(0, 1e-3, 60 * rounds * RATE_HZ).astype(np.float32), RATE_HZ)
    return first_bars(python, model, server, wav, rounds)


def measure(model: Path | None, python: Path, lengths: Lengths, folder: Path) -> Iterator[dict[str, float]]:
    parts: list[tuple[str, float, Callable[[], dict[str, float]]]] = []
    judged = model or reference_model(folder)
    print(f"model: {judged}", flush=True)
    server = folder / "server"
    server.mkdir()

    def microphone() -> dict[str, float]:
        running = SoundServer(server)
        try:
            figures = through_sound_server(TINY_MODEL, lengths.microphone, folder, running)
            if judged != TINY_MODEL:  # the tones' events are the tiny model's, the cost is the judged one's
                costs = through_sound_server(judged, min(60.0, lengths.microphone), folder, running)
                figures |= {key: costs[key] for key in costs if key.startswith("microphone")}
            return figures | start_with_bars(python, judged, lengths.start_rounds, folder, running)
        finally:
            running.stop()

    parts.append(("at full speed", lengths.full_speed, lambda: full_speed(judged, lengths.full_speed, folder)))
    parts.append(("in real time", lengths.real_time, lambda: real_time(judged, lengths.real_time)))
    parts.append(("through a sound server", lengths.microphone, microphone))
    for name, seconds, work in parts:
        print(f"{seconds:g} s of audio {name} ...", flush=True)
        yield work()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="default: the reference network at its real size")
    parser.add_argument(
        "--device-python", type=Path, default=Path(sys.executable), help="of an environment as a device has it"
    )
    parser.add_argument("--quick", action="store_true", help="a minute; times are shown and not judged")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="auricle-soak-") as folder:
        lengths = QUICK if options.quick else Lengths()
        for part in measure(options.model, options.device_python, lengths, Path(folder)):
            figures |= part
            for key, value in part.items():
                print(f"  {key:28} {value:g}")
    missed = [
        key for key, limit in LIMITS.items() if figures[key] > limit.most and not (options.quick and limit.is_time)
    ]
    print(f"\n{'figure':36} {'limit':>10} {'measured':>10}")
    for key, limit in LIMITS.items():
        mark = "MISSED" if key in missed else ""
        print(f"{limit.name:36} {limit.most:10g} {figures[key]:10.3g} {limit.unit} {mark}")
    if options.json:
        write_text(options.json, json.dumps(figures, indent=2) + "\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
