"""`auricle study enrolment`: each ESC-10 class in turn never trained on, enrolled from five clips, searched in a scene.

Everything goes through the command line, as on a device: train, export, enroll, scene, listen.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from auricle_shared.audio import write_wav
from auricle_shared.event_scores import begins_in, match_events
from auricle_shared.events import Event
from auricle_shared.files import write_text
from auricle_shared.metadata import BACKGROUND
from auricle_shared.pack import Pack, PackWriter, is_pack, open_data, to_float
from auricle_shared.write_scene import read_event_table

from .alarms import write_alarm_pack
from .few_shot_words import UNKNOWN
from .study_runs import Training, auricle, train

SHOTS = 5
TEST_FOLD = "5"
"""Of the other classes, clips of this fold are in the scene and in no training; of the class, all but the shots"""
GAP_SECONDS = 15.0
ENROLLED, WAVES = "the enrolled sound", "waves"
SCENES = ("alone", "among others")
CLIPS_EACH = 40
"""Clips of every other kind of sound that training hears besides"""
SETTINGS = (
    "model.embedding=64", "model.hidden=96", "model.channels=[16,32]", "model.kernel_bands=5", "model.stride_bands=2",
    "spectrogram.bands=40", "spectrogram.hop_seconds=0.04", "spectrogram.window_seconds=0.064",
    "scenes.balance=balanced", "scenes.clips_per_class=2", "augment.mix=0.0",
    "scenes.clean=0.3", "scenes.snr_low_db=3.0", "scenes.snr_high_db=30.0",
    "mask.band_masks=2", "mask.time_masks=2", "training.epochs=60",
    "data.held_out_column=fold", f'data.held_out_value="{TEST_FOLD}"',
)  # fmt: skip
"""`environmental` with an embedding, and cheap enough for ten trainings"""


@dataclass(frozen=True)
class Place:
    """Where the data and the results lie, and how long everything takes."""

    data: Path
    """the pack of training"""
    room: Path
    """background of training"""
    other_room: Path
    """background of the scenes"""
    out: Path
    minutes: float
    scenes: int
    changes: tuple[str, ...]


@click.command()
@click.option(
    "--data", type=click.Path(path_type=Path), envvar="AURICLE_DATA", required=True, help="Folder of all data sets."
)
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/study"), show_default=True)
@click.option("--class", "classes", multiple=True, help="Only this class, once for each; default all.")
@click.option("--minutes", default=30.0, type=click.FloatRange(0.1, 24 * 60), show_default=True, help="Of each scene.")
@click.option("--scenes", default=1, type=click.IntRange(1, 100), show_default=True, help="Of each kind, other draws.")
@click.option("--set", "changes", multiple=True, metavar="A.B=VALUE", help="Change a setting of the training.")
@click.option("--quick", is_flag=True, help="One class, a short training and scene; the figures mean nothing.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write all figures to this file.")
def enrolment(
    data: Path,
    out: Path,
    classes: tuple[str, ...],
    minutes: float,
    scenes: int,
    changes: tuple[str, ...],
    quick: bool,
    json_file: Path | None,
) -> None:
    """Leave each class of data/esc10 out of training, enrol it from 5 clips, and search scenes for it.

    Training hears the other nine classes, words of data/speech_commands and the alarm set: from nine kinds of sound
    alone a network does not learn what makes any two sounds differ. Every second recording of data/background runs on
    in training and tells enrolment what the room is like; the others run on in the scenes. Two scenes each: the class
    alone over room sound, and among the other classes' clips of a fold that nothing was trained on.

    \b
    Example:
      AURICLE_DATA=data auricle study enrolment --class dog --class rain
    """
    pack = open_data(data / "esc10", 16000)
    chosen = classes or pack.labels[: 1 if quick else None]
    out = out / "enrolment"
    rooms = halves(open_data(data / "background", 16000), out)
    settings = ("training.epochs=30", *changes, *(("training.epochs=1",) if quick else ()))
    wide = with_other_sounds(pack, data / "speech_commands", out, 2 if quick else CLIPS_EACH)
    place = Place(wide, *rooms, out, 2.0 if quick else minutes, scenes, settings)
    rows: list[dict[str, Any]] = []
    for label in chosen:
        rows += one_class(place, pack, label)
        click.echo(table(rows[-len(SCENES) :]))
    click.echo("\n" + table(rows))
    click.echo("\n" + summary(rows))
    if json_file is not None:
        write_text(json_file, json.dumps({"study": "enrolment", "rows": rows}, indent=2) + "\n")


def halves(room: Pack, out: Path) -> tuple[Path, Path]:
    """The recordings of a room dealt to two packs; the first one's also as WAV files, in its folder WAVES."""
    paths = (out / "room", out / "other-room")
    for number, path in enumerate(paths):
        with PackWriter(path, room.rate_hz, overwrite=True) as writer:
            for i in range(number, len(room), 2):
                writer.add(room.audio(i), room.clips[i].labels, source=room.clips[i].source)
    for i in range(0, len(room), 2):
        (paths[0] / WAVES).mkdir(exist_ok=True)
        write_wav(paths[0] / WAVES / f"{i}.wav", to_float(room.audio(i)), room.rate_hz)
    return paths


def with_other_sounds(pack: Pack, words: Path, out: Path, clips_each: int) -> Path:
    """A pack of the whole `pack`, some clips of every word that training may use, and some of every alarm.

    The others' clips are dealt to folds that are trained on. A pack that is there already is taken as it is.
    """
    path = out / f"with-{clips_each}-of-other-sounds"
    if is_pack(path):
        return path
    alarms = write_alarm_pack(out / "alarms", clips_each, seed=0, overwrite=True)
    with PackWriter(path, pack.rate_hz) as writer:
        for i, clip in enumerate(pack.clips):
            writer.add(pack.audio(i), clip.labels, fold=clip.fold, group=clip.group, source=clip.source)
        for kind, other in (("word", open_data(words, pack.rate_hz)), ("alarm", alarms)):
            for number, i in enumerate(some_of_each(other, clips_each)):
                clip = other.clips[i]
                fold, group = str(1 + number % (int(TEST_FOLD) - 1)), f"{kind} {clip.group or i}"
                writer.add(other.audio(i), [f"{kind} {clip.labels[0]}"], fold=fold, group=group, source=clip.source)
    return path


def some_of_each(pack: Pack, clips_each: int) -> list[int]:
    """Up to so many training clips of every label that names one kind of sound."""
    found: list[int] = []
    for label in pack.labels:
        own = [i for i in pack.select("train") if pack.clips[i].labels == (label,)]
        if label not in (BACKGROUND, UNKNOWN):
            order = np.random.default_rng([0, 29]).permutation(len(own))
            found += sorted(own[k] for k in order[:clips_each])
    return found


def one_class(place: Place, pack: Pack, label: str) -> list[dict[str, Any]]:
    """A row a scene."""
    folder = place.out / label
    changes = (*SETTINGS, *place.changes, f'data.leave_out=["{label}"]')
    run = Training(folder / "run", "environmental", place.data, 0, changes, background=place.room)
    train(run)
    model = folder / "model.onnx"
    auricle("export", run.run, model)
    shots, rest = shots_and_rest(pack, label)
    clips = folder / "clips"
    for i in shots:
        clips.mkdir(parents=True, exist_ok=True)
        write_wav(clips / f"{i}.wav", to_float(pack.audio(i)), pack.rate_hz)
    auricle("enroll", model, ENROLLED, clips, "--negatives", place.room / WAVES, "--replace", "--force")
    told = json.loads(model.with_name("model.enrolled.json").read_text(encoding="utf-8"))["sounds"][0]["told"]
    others = [i for i, c in enumerate(pack.clips) if c.fold == TEST_FOLD and label not in c.labels]
    rows = []
    for scene, heard in zip(SCENES, (rest, [*rest, *others]), strict=True):
        found = search(place, folder / scene.replace(" ", "-"), pack, heard, model, label)
        rows.append({"class": label, "scene": scene, **found, "sure": told})
    return rows


def shots_and_rest(pack: Pack, label: str) -> tuple[list[int], list[int]]:
    """SHOTS clips of a class from different source recordings, and those of its clips that share none with them."""
    own = [i for i, c in enumerate(pack.clips) if c.labels == (label,)]
    order = np.random.default_rng([0, 17]).permutation(len(own))
    shots: list[int] = []
    for i in (own[k] for k in order):
        if len(shots) < SHOTS and _group(pack, i) not in {_group(pack, s) for s in shots}:
            shots.append(i)
    used = {_group(pack, i) for i in shots}
    return sorted(shots), [i for i in own if _group(pack, i) not in used]


def _group(pack: Pack, i: int) -> str:
    return pack.clips[i].group or f"#{i}"


def search(place: Place, folder: Path, pack: Pack, clips: Sequence[int], model: Path, label: str) -> dict[str, Any]:
    """Make the scenes, listen to them, and count over all."""
    with PackWriter(folder / "pack", pack.rate_hz, overwrite=True) as writer:
        for i in clips:
            writer.add(pack.audio(i), pack.clips[i].labels)
    counts = dict.fromkeys(("events", "found", "again", "false"), 0)
    for seed in range(1, place.scenes + 1):
        wav = folder / f"scene-{seed}.wav"
        length = ("--minutes", place.minutes, "--gap", GAP_SECONDS)
        auricle("scene", folder / "pack", wav, *length, "--seed", seed, "--background", place.other_room)
        heard = listen(model, wav)
        truth = [event for event in read_event_table(wav.with_suffix(".csv")) if event.label == label]
        own = [Event("on", label, e["onset_seconds"], e["score"]) for e in heard if e["label"] == ENROLLED]
        found = match_events(truth, own)
        again = sum(any(begins_in(event, clip) for clip in truth) for event in found.false)
        one = {"events": found.events, "found": len(found.hits), "again": again, "false": len(found.false) - again}
        counts = {name: counts[name] + one[name] for name in counts}
    return {**counts, "minutes": place.minutes * place.scenes}


def listen(model: Path, wav: Path) -> list[dict[str, Any]]:
    """Events of phase 'on', as `auricle listen --json` writes them."""
    enrolled = model.with_name("model.enrolled.json")
    command = [sys.executable, "-m", "auricle_shared.command", "listen", str(model), "--wav", str(wav), "--json"]
    done = subprocess.run([*command, "--enrolled", str(enrolled)], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise click.ClickException(f"auricle listen ended with code {done.returncode}.")
    return [event for event in map(json.loads, done.stdout.splitlines()) if event["phase"] == "on"]


def table(rows: Sequence[dict[str, Any]]) -> str:
    """A Markdown table, so that it can stand in a README as it is."""
    lines = [
        "| left out and enrolled | scene | found | false ones in 30 minutes | told twice | found from the other four |",
        "|---|---|---|---|---|---|",
    ]
    for r in rows:
        lines.append(
            f"| {r['class']} | {r['scene']} | {r['found']} of {r['events']} | {30 / r['minutes'] * r['false']:.1f} "
            f"| {r['again']} | {r['sure']['found_from_the_others']} of {r['sure']['clips']} |"
        )
    return "\n".join(lines)


def summary(rows: Sequence[dict[str, Any]]) -> str:
    lines = []
    for scene in SCENES:
        own = [r for r in rows if r["scene"] == scene]
        shares = [r["found"] / r["events"] for r in own if r["events"]]
        false = [30 / r["minutes"] * r["false"] for r in own]
        found = f"{100 * np.mean(shares):.1f} % found in the mean over {len(shares)} classes" if shares else "no events"
        lines.append(f"{scene}: {found}, {np.mean(false):.1f} false ones in 30 minutes")
    return "\n".join(lines)
