"""Calibration of a finished run: temperature and event settings, fitted on scenes of its validation clips.

best.pt gets new metadata; its weights stay as they are, byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from auricle_shared.calibration import BINS, Answers, answers, fit_temperature
from auricle_shared.calibration_events import MINIMUM_EVENTS, FittedEvents, fit_events, quiet_seconds
from auricle_shared.errors import DataError
from auricle_shared.evaluate import Progress
from auricle_shared.files import write_text
from auricle_shared.metadata import ModelMetadata
from auricle_shared.pack import Pack
from auricle_shared.scenes import SceneSettings
from auricle_shared.scored_scenes import ScoredScene, score_recordings, score_scenes
from auricle_shared.settings import EventSettings

from .carried_embeddings import with_carried_embeddings
from .checkpoint import BEST, load_checkpoint, restore, save_checkpoint
from .config import CalibrationSettings, Config
from .metrics.plots import save
from .metrics.reliability import reliability_figure
from .record.writing import write_events
from .selection import select_clips
from .torch_scorer import TorchScorer

FIRST_SEED = 7_701
"""of the scenes, one stream a seed; training counts its seeds from 0"""
STREAMS, STREAM_SECONDS = 32, 30.0
"""Most streams, and what each should at least last: a stream has one level of background, so many make a fair sample"""
GAP_MINIMUM_SECONDS = 0.5


@dataclass(frozen=True)
class Calibrated:
    metadata: ModelMetadata
    record: dict[str, Any]
    """what travels in the model's provenance"""
    answers: Answers | None
    """the judged frames; None where nothing was fitted"""


def calibrate_run(
    folder: Path,
    pack: Pack,
    background: Pack,
    negatives: Pack | None,
    device: torch.device,
    settings: CalibrationSettings | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Calibrate best.pt of a run, and write calibration.json and pictures/reliability.png.

    Args:
        pack: the run's own data.
        background: recordings that run on behind the events; those for training are used.
        negatives: recordings without events; None: nothing to fit thresholds on.
        settings: None: the run's config.

    Returns:
        The record that travels in the model; see `as_text`.

    Raises:
        DataError: other data than the run was trained on.
    """
    path = folder / "checkpoints" / BEST
    values = load_checkpoint(path)
    model, metadata, config = restore(values)
    if pack.fingerprint != values["data_fingerprint"]:
        raise DataError(
            f"{pack.path} has the fingerprint {pack.fingerprint}; the run was trained on {values['data_fingerprint']}. "
            "Its validation clips are wanted; others may be among those it was trained on."
        )
    scorer = TorchScorer(model.to(device), uncalibrated(metadata, config))
    selection = select_clips(pack, config.data, int(metadata.provenance["seed"]))
    clips, wanted = selection.validation, settings or config.calibration
    done = calibrated(scorer, config, wanted, pack, clips, background, negatives, progress)
    scenes, quiet = scene_settings(config, wanted), training_side(negatives) if negatives else None
    room = training_side(background)
    carrying = with_carried_embeddings(scorer, done.metadata, scenes, pack, selection.train, room, quiet, progress)
    save_checkpoint(path, {**values, "metadata": carrying.to_strings()})
    write_events(folder, carrying)
    write_text(folder / "calibration.json", json.dumps(done.record, indent=2, ensure_ascii=False) + "\n")
    if done.answers is not None and len(done.answers.targets):
        before, after = (done.answers.reliability(t) for t in (1.0, done.metadata.temperature))
        save(reliability_figure(before, after, done.metadata.temperature), folder / "pictures" / "reliability.png")
    return done.record


def uncalibrated(metadata: ModelMetadata, config: Config) -> ModelMetadata:
    """As training made it, so that calibrating twice is calibrating once."""
    default = config.events.get("default", EventSettings())
    events = {label: config.events.get(label, default) for label in metadata.event_labels}
    provenance = {key: value for key, value in metadata.provenance.items() if key != "calibration"}
    return replace(metadata, temperature=1.0, events=events, provenance=provenance)


def calibrated(
    scorer: TorchScorer,
    config: Config,
    settings: CalibrationSettings,
    pack: Pack,
    clips: Sequence[int],
    background: Pack,
    negatives: Pack | None,
    progress: Progress | None = None,
) -> Calibrated:
    """Metadata with temperature and event settings, as far as there is enough to fit them on."""
    metadata = scorer.metadata
    counts = {label: pack.counts(clips)[label] for label in metadata.event_labels}
    chosen = by_config(metadata, config)
    record: dict[str, Any] = {
        "temperature": 1.0,
        "validation_clips": counts,
        "set_by_config": chosen,
        "data_fingerprint": pack.fingerprint,
        "background_fingerprint": background.fingerprint,
    }
    reason = why_not(counts, chosen, settings)
    if reason:
        return _with_record(metadata, {**record, "defaults": reason}, None)
    scenes = calibration_scenes(scorer, config, settings, pack, clips, background, progress)
    found = answers(scenes, metadata, config.loss.release_seconds)
    # Thresholds in a config were chosen for the scores as training left them.
    temperature = 1.0 if chosen else fit_temperature(found.logits, found.targets)
    metadata = replace(metadata, temperature=temperature)
    enough = any(n >= MINIMUM_EVENTS for label, n in counts.items() if label not in chosen)
    quiet = negative_scenes(scorer, negatives if enough else None, progress)
    fitted = fit_events(scenes, quiet, metadata, settings.false_alarms_per_hour, counts, chosen)
    record |= {
        "temperature": temperature,
        "ece_before": found.reliability(1.0).ece,
        "ece_after": found.reliability(temperature).ece,
        "ece_bins": BINS,
        "frames": len(found.targets),
        "scenes": _scenes_record(scenes, settings),
        "negatives": {
            "hours": sum(s.seconds for s in quiet) / 3600,
            "recordings": len(quiet),
            "fingerprint": negatives.fingerprint if negatives and quiet else "",
        },
        "false_alarms_per_hour": _rate_record(fitted, quiet_seconds([*scenes, *quiet]) / 3600, settings),
        "events": {label: f.to_dict() for label, f in fitted.items()},
    }
    events = {**metadata.events, **{label: f.settings for label, f in fitted.items()}}
    return _with_record(replace(metadata, events=events), record, found)


def by_config(metadata: ModelMetadata, config: Config) -> list[str]:
    """Labels whose thresholds stand in the config: fitted ones never win over them."""
    return [label for label in metadata.event_labels if label in config.events or "default" in config.events]


def why_not(counts: Mapping[str, int], chosen: Sequence[str], settings: CalibrationSettings) -> str:
    """Why nothing is fitted at all; empty where something is."""
    clips = sum(counts.values())
    if len(chosen) == len(counts):
        return "the config sets the thresholds of all classes"
    if not settings.minutes:
        return "calibration.minutes is 0"
    if clips < MINIMUM_EVENTS:
        return f"{clips} validation clips; {MINIMUM_EVENTS} are needed, and {MINIMUM_EVENTS} of a class for thresholds"
    return ""


def _scenes_record(scenes: Sequence[ScoredScene], settings: CalibrationSettings) -> dict[str, Any]:
    return {
        "minutes": sum(s.seconds for s in scenes) / 60,
        "events": sum(len(s.truth) for s in scenes),
        "snr_db": [settings.snr_low_db, settings.snr_high_db],
        "seeds": [FIRST_SEED, FIRST_SEED + len(scenes) - 1],
    }


def _rate_record(
    fitted: Mapping[str, FittedEvents], quiet_hours: float, settings: CalibrationSettings
) -> dict[str, Any]:
    alarms = sum(f.after.false_alarms for f in fitted.values() if not f.defaults)
    return {
        "wanted": settings.false_alarms_per_hour,
        "reached": alarms / quiet_hours if quiet_hours else 0.0,
        "false_alarms": alarms,
        "hours_without_events": quiet_hours,
    }


def _with_record(metadata: ModelMetadata, record: dict[str, Any], found: Answers | None) -> Calibrated:
    return Calibrated(replace(metadata, provenance={**metadata.provenance, "calibration": record}), record, found)


def calibration_scenes(
    scorer: TorchScorer,
    config: Config,
    settings: CalibrationSettings,
    pack: Pack,
    clips: Sequence[int],
    background: Pack,
    progress: Progress | None = None,
) -> list[ScoredScene]:
    """Scenes long enough for every clip to come about twice, but no longer than the settings allow."""
    scene = scene_settings(config, settings)
    clip_seconds = sum(pack.clips[i].length_samples for i in clips) / pack.rate_hz
    wanted = clip_seconds + len(clips) * (scene.gap_seconds + scene.gap_minimum_seconds)
    seconds = min(60 * settings.minutes, 2 * wanted)
    streams = max(1, min(STREAMS, int(seconds / STREAM_SECONDS)))
    seeds = range(FIRST_SEED, FIRST_SEED + streams)
    return score_scenes(scorer, pack, clips, training_side(background), scene, seconds / streams, seeds, progress)


def scene_settings(config: Config, settings: CalibrationSettings) -> SceneSettings:
    """Training's levels of background; events one by one, so that every one can be judged."""
    return replace(
        config.scenes,
        gap_seconds=settings.gap_seconds,
        gap_minimum_seconds=GAP_MINIMUM_SECONDS,
        adjoining=0.0,
        snr_low_db=settings.snr_low_db,
        snr_high_db=settings.snr_high_db,
        clean=0.0,
        reset=0.0,
        balance="natural",
        clips_per_class=0,
    )


def negative_scenes(scorer: TorchScorer, negatives: Pack | None, progress: Progress | None = None) -> list[ScoredScene]:
    if negatives is None:
        return []
    chosen = training_side(negatives)
    return score_recordings(scorer, chosen, range(len(chosen)), progress) if len(chosen) else []


def training_side(pack: Pack) -> Pack:
    """The recordings that are for training, or all where the pack knows no splits; the audio is shared."""
    return Pack(pack.path, pack.info, [c for c in pack.clips if c.split in ("", "train") and c.length_samples])
