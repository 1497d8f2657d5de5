"""`auricle demo`: the whole flow on the embedded alarm set, from nothing to live events, with a check at the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import numpy as np

    from auricle_shared.event_scores import EventScores
    from auricle_shared.pack import Pack

STEPS = 6
SPEECH_CLIPS, SPEECH_SECONDS = 20, 5.0
WANTED_FOUND, WANTED_FALSE = 0.95, 1


@dataclass(frozen=True)
class Size:
    clips_per_class: int
    scene_minutes: float
    changes: tuple[str, ...] = ()


WHOLE = Size(clips_per_class=120, scene_minutes=18)
QUICK = Size(clips_per_class=16, scene_minutes=4, changes=("training.epochs=4", "training.streams=16"))


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path("demo"))
@click.option("--quick", is_flag=True, help="A minute, to see that everything runs; the model is of no use.")
@click.option("--seed", default=0, show_default=True)
def demo(folder: Path, quick: bool, seed: int) -> None:
    """Make the alarm set, train on it, export, prove parity, and listen to a scene the model has never heard.

    Exit code 1 if fewer than 95 % of the scene's events are found, more than one is false, or smoke and CO are mistaken
    for each other (not with --quick). The model is no safety device.

    \b
    Example:
      auricle demo demo
    """
    size = QUICK if quick else WHOLE
    begun = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: folder / name for name in ("alarms", "unseen", "background", "run", "alarms.onnx", "scene.wav")}

    def step(number: int, text: str) -> None:
        click.echo(f"[{number}/{STEPS}] {text}  ({time.monotonic() - begun:.0f} s so far)")

    step(1, "making the alarm set: smoke, CO, doorbell, telephone, siren, reversing beeper, and what resembles them")
    auricle("synth", paths["alarms"], "--clips-per-class", size.clips_per_class, "--seed", seed, "--force")
    unseen = scene_sounds(paths["unseen"], size, seed)
    step(2, "training a GRU on running streams of it")
    clear_run(paths["run"])
    changes = [part for change in size.changes for part in ("--set", change)]
    auricle("train", "alarms", "--data", paths["alarms"], "--run", paths["run"], "--seed", seed, *changes)
    step(3, "exporting to ONNX and proving that it gives the same numbers")
    auricle("export", paths["run"], paths["alarms.onnx"])
    step(
        4, f"mixing a scene of {size.scene_minutes:g} minutes from pitches, rhythms and rooms that training never drew"
    )
    write_scene(paths["scene.wav"], unseen, paths["background"], size, seed)
    step(5, f"auricle listen {paths['alarms.onnx']} --wav {paths['scene.wav']}")
    scores = hear(paths["alarms.onnx"], paths["scene.wav"])
    step(6, "comparing what was heard with what happened")
    click.echo(told(scores, size.scene_minutes))
    if quick:
        click.echo("All parts run. Trained this briefly the model hears next to nothing: leave --quick (QUICK=1) out.")
        return
    click.echo(f"try it: auricle listen {paths['alarms.onnx']}   (from the microphone; it is no safety device)")
    if not good_enough(scores):
        raise click.exceptions.Exit(1)


def auricle(*arguments: object, capture: bool = False) -> str:
    """Run the real command, as a user would type it; its failure is the demo's."""
    command = [sys.executable, "-m", "auricle_shared.command", *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE if capture else None, text=True)
    if done.returncode:
        raise click.ClickException(f"'auricle {' '.join(map(str, arguments))}' ended with code {done.returncode}.")
    return done.stdout or ""


def clear_run(run: Path) -> None:
    """The demo's own run of the last time makes room; anything else in the way is left alone."""
    import shutil

    if (run / "run.json").is_file():
        shutil.rmtree(run)


def scene_sounds(path: Path, size: Size, seed: int) -> Pack:
    """Sounds from the unseen ranges, and real speech as another thing to be silent about, where there is some."""
    from auricle_shared.metadata import BACKGROUND
    from auricle_shared.pack import Pack, PackWriter
    from auricle_trainer.alarms import CLASSES, NEGATIVES, draw_event, event_rng

    each = max(4, size.clips_per_class // 8)
    with PackWriter(path, 16000, overwrite=True) as writer:
        for kind in (*CLASSES, *NEGATIVES):
            # Half as many look-alikes as alarms in all, and speech besides.
            for i in range(each if kind in CLASSES else max(1, each * len(CLASSES) // (2 * len(NEGATIVES)))):
                samples = draw_event(kind, event_rng(seed + 1, "unseen", kind, i), "unseen", 16000)
                writer.add(samples, [kind if kind in CLASSES else BACKGROUND], split="test", source=f"{kind}/{i}")
        for source, samples in real_speech():
            writer.add(samples, [BACKGROUND], split="test", source=source)
    return Pack.open(path)


def real_speech() -> list[tuple[str, np.ndarray]]:
    """Pieces of recorded speech from AURICLE_DATA/negatives; none without that folder."""
    from auricle_shared.pack import open_data

    folder = Path(os.environ.get("AURICLE_DATA", "")) / "negatives"
    if not os.environ.get("AURICLE_DATA") or not folder.is_dir():
        return []
    pack = open_data(folder, 16000)
    length = round(SPEECH_SECONDS * pack.rate_hz)
    long = [i for i, c in enumerate(pack.clips) if c.length_samples > 4 * length]
    pieces = []
    for k in range(SPEECH_CLIPS if long else 0):
        i = long[k % len(long)]
        start = (k + 1) * pack.clips[i].length_samples // (SPEECH_CLIPS + 2) - length
        pieces.append((f"speech/{pack.clips[i].source}/{max(0, start)}", pack.audio(i)[max(0, start) :][:length]))
    return pieces


def write_scene(path: Path, unseen: Pack, background: Path, size: Size, seed: int) -> None:
    """The scene as WAV and CSV; pauses are long enough that two alarms are two events."""
    from auricle_shared.audio import write_wav
    from auricle_shared.pack import Pack, is_pack
    from auricle_shared.scenes import SceneSettings
    from auricle_shared.write_scene import make_scene, write_event_table
    from auricle_trainer.synthetic_background import write_background_pack

    if not is_pack(background):
        write_background_pack(background, 120.0, unseen.rate_hz, seed + 1, ranges="unseen")
    settings = SceneSettings(
        gap_seconds=3.0,
        gap_minimum_seconds=8.0,
        adjoining=0.0,
        snr_low_db=15.0,
        snr_high_db=40.0,
        background_low_db=-60.0,
        background_high_db=-60.0,
        clean=0.0,
        reset=0.0,
    )
    audio, events = make_scene(
        unseen, range(len(unseen)), Pack.open(background), settings, 60 * size.scene_minutes, seed + 1
    )
    write_wav(path, audio, unseen.rate_hz)
    write_event_table(path.with_suffix(".csv"), events)


def hear(model: Path, wav: Path) -> EventScores:
    from auricle_shared.event_scores import match_events
    from auricle_shared.events import Event
    from auricle_shared.write_scene import read_event_table

    heard = []
    for line in auricle("listen", model, "--wav", wav, "--json", capture=True).splitlines():
        told_event = json.loads(line)
        if told_event["phase"] == "on":
            heard.append(Event("on", told_event["label"], told_event["onset_seconds"], told_event["score"]))
            click.echo(f"  {told_event['onset_seconds']:8.2f} s  {told_event['label']:18} {told_event['score']:.2f}")
    return match_events(read_event_table(wav.with_suffix(".csv")), heard)


def told(scores: EventScores, minutes: float) -> str:
    lines = [
        f"found {len(scores.hits)} of {scores.events} events ({100 * scores.found_share:.1f} %), "
        f"{len(scores.false)} false in {minutes:g} minutes, "
        f"smoke and CO mistaken for each other {scores.confused('smoke_alarm', 'co_alarm')} times"
    ]
    lines += [f"  missed {e.label} at {e.onset_seconds:.1f} to {e.offset_seconds:.1f} s" for e in scores.missed]
    lines += [f"  false  {e.label} at {e.onset_seconds:.1f} s ({e.score:.2f})" for e in scores.false]
    return "\n".join(lines)


def good_enough(scores: EventScores) -> bool:
    return (
        scores.found_share >= WANTED_FOUND
        and len(scores.false) <= WANTED_FALSE
        and scores.confused("smoke_alarm", "co_alarm") == 0
    )
