"""Hits, misses and false alarms against sed_eval, the reference of the DCASE challenges.

Mesaros, Heittola, Virtanen: Metrics for polyphonic sound event detection, Applied Sciences 6 (6), 2016.

sed_eval accepts onsets within a collar on both sides of the true one; here a detection may begin from 0.5 s before the
event to 1 s after its end. For events of one length these are the same intervals around another middle:

    ours        -0.5 |===[ event    ]======| +1.0
    sed_eval         |---------+---------|            collar on both sides of +
"""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # pkg_resources, which it imports, is deprecated
    import dcase_util
    import sed_eval

from auricle_shared.event_scores import EARLY_SECONDS, LATE_SECONDS, match_events
from auricle_shared.events import Event
from auricle_shared.metadata import BACKGROUND, ModelMetadata
from auricle_shared.scene_report import Listening
from auricle_shared.scored_scenes import ScoredScene, heard
from auricle_shared.settings import EventSettings, SpectrogramSettings
from auricle_shared.write_scene import SceneEvent

HOP_SECONDS, LABELS = 0.02, ["a", "b", "c"]
METADATA = ModelMetadata((BACKGROUND, *LABELS), "softmax", SpectrogramSettings(hop_seconds=HOP_SECONDS), 1)


def counted(
    truth: list[list[SceneEvent]], said: list[list[Event]], length_seconds: float
) -> dict[str, tuple[int, ...]]:
    """(hits, misses, false alarms) of every label over all scenes, by sed_eval."""
    collar = (EARLY_SECONDS + length_seconds + LATE_SECONDS) / 2
    metrics = sed_eval.sound_event.EventBasedMetrics(LABELS, t_collar=collar, evaluate_offset=False)
    for happened, detections in zip(truth, said, strict=True):
        wanted = [(e.label, e.onset_seconds - EARLY_SECONDS + collar) for e in happened]
        found = [(e.label, e.onset_seconds) for e in detections]
        metrics.evaluate(*(_container(events) for events in (wanted, found)))
    return {k: (int(v["Ntp"]), int(v["Nfn"]), int(v["Nfp"])) for k, v in metrics.class_wise.items()}


def _container(events: list[tuple[str, float]]) -> dcase_util.containers.MetaDataContainer:
    rows = [{"event_label": label, "event_onset": at, "event_offset": at + 1, "file": "scene"} for label, at in events]
    return dcase_util.containers.MetaDataContainer(rows)


@pytest.mark.parametrize("seed", range(40))
def test_pairs_of_random_events(seed: int) -> None:
    """Dense enough that events of one label compete for detections."""
    rng = np.random.default_rng(seed)
    length = float(rng.uniform(0.1, 3.0))
    truth = [SceneEvent(str(rng.choice(LABELS)), t, t + length) for t in rng.uniform(0, 40, 25)]
    said = [Event("on", str(rng.choice(LABELS)), float(t), 0.9) for t in rng.uniform(0, 42, int(rng.integers(5, 60)))]
    result = match_events(truth, said)
    ours = {
        label: (
            sum(e.label == label for e, _ in result.hits),
            sum(e.label == label for e in result.missed),
            sum(e.label == label for e in result.false),
        )
        for label in LABELS
    }
    assert ours == counted([truth], [said], length)


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.9])
def test_a_report_on_scored_scenes(threshold: float) -> None:
    settings = EventSettings(threshold, 0.6 * threshold)
    metadata = replace(METADATA, events=dict.fromkeys(LABELS, settings))
    scenes = [scene(seed) for seed in range(4)]
    tallies = Listening(scenes, [], metadata).tallies(metadata.events)
    ours = {k: (v.events - v.misses, v.misses, v.in_scenes) for k, v in tallies.items()}
    assert ours == counted([s.truth for s in scenes], [heard(s, metadata) for s in scenes], 0.8)
    assert all(hits and misses and false for hits, misses, false in ours.values())


def scene(seed: int) -> ScoredScene:
    """Events of 0.8 s, one after another; logits that show most of them, and more."""
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 1, (6000, 4)).astype(np.float32)
    z[:, 0] += 5
    truth = []
    for at in np.arange(1, 118, 1.3):
        said = int(rng.integers(1, 4))
        first = round((at + rng.uniform(0, 0.5)) / HOP_SECONDS)
        z[first : first + 15, said] += rng.uniform(2, 12)
        label = LABELS[said - 1] if rng.random() < 0.7 else str(rng.choice(LABELS))
        truth += [SceneEvent(label, float(at), float(at) + 0.8)] * (rng.random() < 0.8)
    return ScoredScene(f"made {seed}", truth, z, HOP_SECONDS)
