"""`auricle mine`: the false alarms of long recordings, cut out as a pack of background to learn from."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np

from auricle_shared.events import EventDetector
from auricle_shared.metadata import BACKGROUND, ModelMetadata
from auricle_shared.pack import Pack, PackWriter
from auricle_shared.scored_scenes import ScoredScene

BEFORE_SECONDS, AFTER_SECONDS = 0.5, 0.5
LONGEST_SECONDS = 4.0
"""Of a longer alarm, the beginning is kept"""

Alarm = tuple[int, float, float, str, float]
"""number of the recording, onset and end in seconds, label, score"""


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("pack", type=click.Path(path_type=Path))
@click.option("--negatives", required=True, type=click.Path(path_type=Path), help="Long recordings without the sounds.")
@click.option("--most", default=500, show_default=True, type=click.IntRange(1), help="Keep the strongest so many.")
@click.option("--force", is_flag=True, help="Replace PACK if it is there.")
def mine(run: Path, pack: Path, negatives: Path, most: int, force: bool) -> None:
    """Find what RUN (or a model.onnx) hears in recordings in which none of its sounds happens.

    Each false alarm becomes a clip of background in PACK, with half a second around it. Learn from them with
    'auricle train --from RUN --add PACK'.

    \b
    Example:
      auricle mine runs/first mined --negatives evenings-with-the-radio
      auricle train --from runs/first --add mined --run runs/second
    """
    from auricle_shared.pack import open_data
    from auricle_shared.scored_scenes import score_recordings
    from auricle_shared.scorer import open_scorer

    scorer = open_scorer(run)
    recordings = open_data(negatives, scorer.metadata.rate_hz)
    places = [i for i, clip in enumerate(recordings.clips) if clip.length_samples]
    scenes = score_recordings(scorer, recordings, places, _progress)
    found: list[Alarm] = [
        (i, *alarm) for i, scene in zip(places, scenes, strict=True) for alarm in alarms(scene, scorer.metadata)
    ]
    hours = sum(scene.seconds for scene in scenes) / 3600
    said = Counter(label for _, _, _, label, _ in found)
    counts = ", ".join(f"{label} {count}" for label, count in said.most_common())
    click.echo(f"{len(found)} false alarms in {hours:.2f} hours{': ' + counts if counts else ''}")
    if not found:
        click.echo("nothing to learn from; no pack was written")
        return
    chosen = sorted(sorted(found, key=lambda f: -f[4])[:most])
    write_alarms(pack, recordings, chosen, force)
    click.echo(f"wrote {pack} ({len(chosen)} clips); next: auricle train --from {run} --add {pack} --run NEW")


def alarms(scene: ScoredScene, metadata: ModelMetadata) -> list[tuple[float, float, str, float]]:
    """(onset, end, label, score) of every event heard in a recording without events, in seconds."""
    from auricle_shared.decision import frame_scores

    scores = frame_scores(scene.logits, metadata.activation, metadata.temperature)
    detector = EventDetector.for_model(metadata)
    events = [*detector.update(scores, 0.0), *detector.finish(scene.seconds)]
    return [(e.onset_seconds, e.offset_seconds, e.label, e.score) for e in events if e.offset_seconds is not None]


def write_alarms(path: Path, recordings: Pack, found: Sequence[Alarm], force: bool) -> Pack:
    """A pack of background; clips of one recording are one group."""
    rate = recordings.rate_hz
    with PackWriter(path, rate, str(recordings.info.get("licence", "")), overwrite=force) as writer:
        for i, onset, end, label, _ in found:
            first = max(0, round((onset - BEFORE_SECONDS) * rate))
            last = round(min(end + AFTER_SECONDS, onset - BEFORE_SECONDS + LONGEST_SECONDS) * rate)
            samples = np.asarray(recordings.audio(i)[first:last])
            clip = recordings.clips[i]
            source = f"{clip.source or i}#t={first / rate:.2f} heard as {label}"
            writer.add(samples, [BACKGROUND], source=source, group=clip.group or clip.source or f"recording {i}")
    return Pack.open(path)


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[Krecordings {done}/{total}" + ("\n" if done == total else ""))
        sys.stderr.flush()
