"""Makes event_vectors.json beside it: scores in, events out, for the event detectors in Python and in JavaScript.

python tests/data/make_event_vectors.py

The expected events come from a third implementation that shares no code with either: it looks at the whole list of
scores with loops inside loops, and counts in frames.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

PLAIN = {
    "on_threshold": 0.6, "off_threshold": 0.4, "smoothing_seconds": 0.0, "minimum_seconds": 0.0,
    "release_seconds": 0.2, "hold_off_seconds": 0.0,
}  # fmt: skip
BY_HAND: list[tuple[str, list[float], dict[str, float]]] = [
    ("never high enough", [0.5, 0.59, 0.1], {}),
    ("one event", [0, 0.6, 0.9, 0.1, 0, 0], {}),
    ("between the thresholds", [0, 0.9, 0.5, 0.4, 0.39, 0.39, 0], {}),
    ("a pause of one frame, then of two", [0.9, 0.1, 0.9, 0.1, 0.1, 0.9], {}),
    ("a rhythm is one event", [0.9, 0, 0, 0, 0.9, 0, 0, 0, 0, 0, 0], {"release_seconds": 0.5}),
    ("too short, twice", [0.9, 0.9, 0, 0.9, 0.9, 0], {"minimum_seconds": 0.3}),
    ("long enough", [0, 0.7, 0.8, 0.9, 0.95, 0, 0], {"minimum_seconds": 0.3}),
    ("hold-off", [0.9, 0, 0, 0.9, 0.9, 0.9, 0, 0], {"hold_off_seconds": 0.4}),
    ("moving mean of three", [0.4, 0.4, 0.4, 1.0, 1.0, 0, 0, 0, 0, 0], {"smoothing_seconds": 0.3}),
    ("half a frame of smoothing rounds to even", [0.5, 0.7, 0.7, 0, 0, 0], {"smoothing_seconds": 0.25}),
    ("on at the end", [0, 0.9], {}),
    ("at the threshold", [0.3] * 30, {"on_threshold": 0.3, "off_threshold": 0.3, "smoothing_seconds": 0.7}),
]


def slowly(scores: list[float], settings: dict[str, float], frame_seconds: float) -> list[dict[str, Any]]:
    """Events of one class, 'on' and 'off', in order; times in seconds."""
    frames = {k: round(v / frame_seconds) for k, v in settings.items() if k.endswith("_seconds")}
    smoothing, shortest = max(1, frames["smoothing_seconds"]), max(1, frames["minimum_seconds"])
    means = [round(sum(scores[max(0, i - smoothing + 1) : i + 1]) / smoothing, 9) for i in range(len(scores))]
    events: list[dict[str, Any]] = []
    start, ready = 0, 0
    while start < len(means):
        risen = means[start : start + shortest]
        if start < ready or len(risen) < shortest or min(risen) < settings["on_threshold"]:
            start += 1
            continue
        last = start + shortest - 1
        on = {"phase": "on", "onset_seconds": start * frame_seconds, "score": max(risen), "frame": last}
        now = last + 1
        while now < len(means):
            if means[now] >= settings["off_threshold"]:
                last = now
            elif now - last >= frames["release_seconds"]:
                break
            now += 1
        peak = max(means[start : min(now + 1, len(means))])
        off = {**on, "phase": "off", "score": peak, "offset_seconds": (last + 1) * frame_seconds, "frame": now}
        events += [on, off]
        ready, start = last + 1 + frames["hold_off_seconds"], now + 1
    return events


def vector(name: str, columns: list[list[float]], settings: list[dict[str, float]], frame_seconds: float) -> Any:
    """One example: background first, which is never watched; the events of all classes in order of certainty."""
    labels = [f"class {i}" for i in range(len(columns))]
    events = []
    for label, scores, one in zip(labels, columns, settings, strict=True):
        events += [{**event, "label": label} for event in slowly(scores, one, frame_seconds)]
    events.sort(key=lambda event: event["frame"])
    for event in events:
        del event["frame"]
    frames = [[0.5, *row] for row in zip(*columns, strict=True)]
    return {
        "name": name, "labels": [None, *labels], "settings": [None, *settings], "frame_seconds": frame_seconds,
        "frames": frames, "events": events,
    }  # fmt: skip


def main() -> None:
    rng = np.random.default_rng(0)
    vectors = [vector(name, [scores], [{**PLAIN, **changes}], 0.1) for name, scores, changes in BY_HAND]
    for i in range(12):
        classes, frames = int(rng.integers(1, 5)), int(rng.integers(50, 150))
        # Slow noise between 0 and 1, kept off the thresholds' last digits.
        noise = rng.normal(0, 1, (classes, frames + 4))
        slow = sum(noise[:, k : k + frames] for k in range(5)) / 2.2
        columns = [[round(float(x), 4) for x in row] for row in 1 / (1 + np.exp(-2 * slow))]
        settings = []
        for _ in columns:
            on = round(float(rng.uniform(0.35, 0.9)), 3)
            lengths = {k: int(rng.integers(0, 6)) * 0.01 for k in PLAIN if k.endswith("_seconds")}
            settings.append({"on_threshold": on, "off_threshold": round(on * float(rng.uniform(0.4, 1)), 3), **lengths})
        vectors.append(vector(f"random {i}", columns, settings, 0.01))
    path = Path(__file__).with_name("event_vectors.json")
    path.write_text("[\n" + ",\n".join(json.dumps(v, separators=(",", ":")) for v in vectors) + "\n]\n")


if __name__ == "__main__":
    main()
