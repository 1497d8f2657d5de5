"""The file of examples that the page's event detector has to pass too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auricle_shared.events import EventDetector
from auricle_shared.settings import EventSettings

VECTORS: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "data" / "event_vectors.json").read_text())


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["name"])
@pytest.mark.parametrize("block", [1, 7, 1000])
def test_events_of_the_examples(vector: dict[str, Any], block: int) -> None:
    settings = [EventSettings(**(one or {})) for one in vector["settings"]]
    step = vector["frame_seconds"]
    detector = EventDetector(vector["labels"], settings, step)
    scores = np.array(vector["frames"])
    events = []
    for start in range(0, len(scores), block):
        events += detector.update(scores[start : start + block], start * step)
    events += detector.finish(len(scores) * step)
    assert [(e.phase, e.label) for e in events] == [(e["phase"], e["label"]) for e in vector["events"]]
    for found, wanted in zip(events, vector["events"], strict=True):
        assert found.onset_seconds == pytest.approx(wanted["onset_seconds"], abs=1e-9)
        assert found.score == pytest.approx(wanted["score"], abs=1e-9)
        assert (found.offset_seconds is None) == (wanted["phase"] == "on")
        if found.offset_seconds is not None:
            assert found.offset_seconds == pytest.approx(wanted["offset_seconds"], abs=1e-9)
