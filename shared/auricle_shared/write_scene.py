"""Minutes of one stream of a scene, with the list of what happens in it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .errors import DataError
from .files import write_text
from .metadata import BACKGROUND
from .pack import Clip, Pack
from .scenes import SceneSettings, SceneStreams, render

WINDOW_SECONDS = 10.0


@dataclass(frozen=True)
class SceneEvent:
    """One event of the scene; the times are seconds from its start."""

    label: str
    onset_seconds: float
    offset_seconds: float


def write_event_table(path: Path, events: Sequence[SceneEvent]) -> None:
    """CSV with label, onset_seconds, offset_seconds."""
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["label", "onset_seconds", "offset_seconds"])
    rows.writerows([e.label, f"{e.onset_seconds:.3f}", f"{e.offset_seconds:.3f}"] for e in events)
    write_text(path, table.getvalue())


def read_event_table(path: Path) -> list[SceneEvent]:
    """What `write_event_table` wrote."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [SceneEvent(r["label"], float(r["onset_seconds"]), float(r["offset_seconds"])) for r in rows]


class QuietRoom(Pack):
    """A background without recordings: white noise at one level, made and kept in memory."""

    def __init__(self, seconds: float, rate_hz: int, seed: int) -> None:
        samples = np.random.default_rng([seed, 13]).standard_normal(round(seconds * rate_hz)) * 0.1
        info: dict[str, Any] = {"rate_hz": rate_hz, "labels": [BACKGROUND], "multi_label": False, "fingerprint": ""}
        super().__init__(None, info, [Clip(0, len(samples), (BACKGROUND,), active_rms=0.1)])  # type: ignore[arg-type]
        self._audio = np.clip(samples * 32768, -32768, 32767).astype("<i2")


def make_scene(
    pack: Pack,
    clips: Sequence[int],
    background: Pack | None,
    settings: SceneSettings,
    seconds: float,
    seed: int,
) -> tuple[np.ndarray, list[SceneEvent]]:
    """Audio float32 [samples] and its events in order of time; the last event may be cut by the end.

    Args:
        clips: clips of `pack` that may happen; those labelled background alone happen, but are no events.
        background: None for the noise of a quiet room.
    """
    if not len(clips):
        raise DataError(f"{pack.path} has no clips of that split (it has {pack.info.get('splits')}).")
    rate = pack.rate_hz
    noise = background or QuietRoom(60.0, rate, seed)
    window = round(WINDOW_SECONDS * rate)
    streams = SceneStreams(pack, clips, noise, range(len(noise)), settings, 1, window, seed)
    pieces, events, wanted = [], [], round(seconds * rate)
    for number in range(-(-wanted // window)):
        plan = streams.next_window()
        pieces.append(render(plan, pack, noise, 1, window)[0])
        for p in plan.events:
            labels = [label for label in pack.clips[p.clip].labels if label != BACKGROUND]
            start = number * window + p.start_samples
            if p.source_samples == 0 and labels and start < wanted:
                end = min(wanted, start + pack.clips[p.clip].length_samples)
                events += [SceneEvent(label, start / rate, end / rate) for label in labels]
    return np.concatenate(pieces)[:wanted], events
