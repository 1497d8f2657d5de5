"""`auricle evaluate --scenes`: which audio is made and scored, and the pictures of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import AuricleError, DataError
from .evaluate import check_data
from .event_scores import EARLY_SECONDS, LATE_SECONDS
from .events import EventDetector
from .pack import Pack, open_data
from .scene_report import Listening, listened_for, scene_report
from .scenes import SceneSettings
from .scored_scenes import Progress, ScoredScene, score_recordings, score_scenes
from .scorer import Scorer
from .spectrogram import clip_spectrogram
from .stream import StreamingClassifier
from .write_scene import make_scene

STREAMS = 32
"""Most scenes side by side; each has a background level of its own, so that few would be no fair sample"""
STREAM_SECONDS = 60.0
"""A scene is as long at least, where there are that many minutes"""
FIRST_SEED = 40_000
"""Training counts its seeds from 0, calibration from 7,701"""
PICTURE_SECONDS = 30.0


@dataclass(frozen=True)
class SceneOptions:
    """What the scenes are made of."""

    minutes: float = 20.0
    """of all scenes together"""
    snr_db: float | None = None
    """event over background, the same for all; None: drawn from 6 to 25 dB, as `auricle scene` does"""
    background: Path | None = None
    """recordings that run on behind; None: the noise of a quiet room"""
    negatives: Path | None = None
    """long recordings without events"""
    ignored: tuple[str, ...] = ()
    """labels that are no events"""
    seed: int = 0

    @property
    def settings(self) -> SceneSettings:
        """Every event far enough from the next one that a detection belongs to one of them."""
        low, high = (6.0, 25.0) if self.snr_db is None else (self.snr_db, self.snr_db)
        return SceneSettings(
            gap_minimum_seconds=EARLY_SECONDS + LATE_SECONDS,
            gap_seconds=1.5,
            adjoining=0.0,
            snr_low_db=low,
            snr_high_db=high,
            background_low_db=-50.0,
            background_high_db=-40.0,
            clean=0.0,
            reset=0.0,
        )

    @property
    def seeds(self) -> range:
        """One a stream."""
        first = FIRST_SEED + STREAMS * self.seed
        return range(first, first + min(STREAMS, max(1, int(60 * self.minutes / STREAM_SECONDS))))


class SceneEvaluation:
    """Clips as events of scenes, judged by one scorer.

    Args:
        split: of the clips; recordings of background and negatives are taken from the same.

    Raises:
        DataError: model and data cannot be compared, or there is nothing to listen to.
    """

    def __init__(self, scorer: Scorer, pack: Pack, clips: Sequence[int], split: str, options: SceneOptions) -> None:
        check_data(scorer.metadata, pack, clips)
        listened_for(scorer.metadata, options.ignored)
        self._scorer, self._pack, self._clips, self._options = scorer, pack, clips, options
        rate_hz = scorer.metadata.rate_hz
        self._noise = recordings(options.background, "--background", rate_hz, split)
        self._negatives = recordings(options.negatives, "--negatives", rate_hz, split)

    def report(self, progress: Callable[[int, int, str], None] | None = None) -> dict[str, Any]:
        """The figures of `scene_report`, and what they were counted on.

        Args:
            progress: called with what is done, of how many, and of what.
        """

        def step(what: str) -> Progress | None:
            return None if progress is None else lambda done, total: progress(done, total, what)

        options, scorer, negatives = self._options, self._scorer, list[ScoredScene]()
        seeds, settings = options.seeds, options.settings
        seconds = 60 * options.minutes / len(seeds)
        scenes = score_scenes(
            scorer, self._pack, self._clips, self._noise, settings, seconds, seeds, step("windows of scenes")
        )
        if self._negatives is not None:
            negatives = score_recordings(scorer, self._negatives, range(len(self._negatives)), step("negatives"))
        listening = Listening(scenes, negatives, scorer.metadata, options.ignored)
        return {
            "made_of": {
                "clips": len(self._clips),
                "data_fingerprint": self._pack.fingerprint,
                "background": _told(self._noise),
                "negatives": _told(self._negatives),
                "snr_db": [settings.snr_low_db, settings.snr_high_db],
                "streams": len(seeds),
                "seed": options.seed,
                "ignored": sorted(options.ignored),
            },
            **scene_report(listening, progress=step("thresholds")),
        }

    def draw(self, report: dict[str, Any], folder: Path) -> None:
        """det.png and scene.png in `folder`; see `check_drawing`."""
        from auricle_trainer.metrics.det import det_figure
        from auricle_trainer.metrics.plots import save
        from auricle_trainer.metrics.scene import scene_figure

        folder.mkdir(parents=True, exist_ok=True)
        save(det_figure(report), folder / "det.png")
        save(scene_figure(*self._excerpt()), folder / "scene.png")

    def _excerpt(self) -> tuple[Any, ...]:
        """The beginning of the first scene: metadata, labels, spectrogram, scores, what happens and what is heard."""
        metadata, options = self._scorer.metadata, self._options
        seconds = min(PICTURE_SECONDS, 60 * options.minutes)
        audio, truth = make_scene(self._pack, self._clips, self._noise, options.settings, seconds, options.seeds[0])
        stream, detector = StreamingClassifier(self._scorer), EventDetector.for_model(metadata)
        scores = stream.feed(audio).scores
        heard = detector.update(scores, 0.0) + detector.finish(stream.seconds)
        labels = list(listened_for(metadata, options.ignored))
        return metadata, labels, clip_spectrogram(audio, metadata.spectrogram), scores, truth, heard


def check_drawing() -> None:
    """Raises AuricleError where the trainer, which draws, is not installed."""
    try:
        import auricle_trainer.metrics.det
        import auricle_trainer.metrics.scene  # noqa: F401
    except ImportError as error:
        raise AuricleError(
            "--pictures needs auricle-trainer (it draws with matplotlib): pip install auricle-trainer"
        ) from error


def _told(pack: Pack | None) -> dict[str, Any] | None:
    return None if pack is None else {"recordings": len(pack), "fingerprint": pack.fingerprint}


def recordings(path: Path | None, option: str, rate_hz: int, split: str) -> Pack | None:
    """Recordings of the wanted split; where they have no such, those that are not for training.

    Raises:
        DataError: there are none; `option` names the option that asked for them.
    """
    if path is None:
        return None
    pack = open_data(path, rate_hz)
    usable = [c for c in pack.clips if c.length_samples]
    own = usable if split == "all" else [c for c in usable if c.split in ("", split)]
    chosen = own or [c for c in usable if c.split != "train"]
    if not chosen:
        found = ", ".join(sorted({c.split or "(none)" for c in usable})) or "no recordings at all"
        raise DataError(f"{option} {path} has no recordings of the split {split!r}; it has {found}.")
    return Pack(pack.path, pack.info, chosen)
