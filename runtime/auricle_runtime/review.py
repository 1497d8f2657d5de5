"""`auricle review`: saved clips are played, told right or wrong, and become a folder that `auricle import` takes.

DIR/20261123T081408.123Z_doorbell_0.97.wav      what `auricle listen --save-clips DIR` kept
DIR/manifest.csv                                path,label,group of the clips that were reviewed
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from auricle_shared.errors import DataError
from auricle_shared.files import write_text
from auricle_shared.metadata import BACKGROUND

MANIFEST = "manifest.csv"
CLIP_NAME = re.compile(r"(?P<moment>\d{8}T\d{6}\.\d{3}Z)_(?P<label>.*)_(?P<score>\d\.\d\d)\.wav")
MOST_CLIPS = 10_000


@dataclass(frozen=True)
class SavedClip:
    """A clip as `listen --save-clips` names it."""

    name: str
    heard: str
    """what the model said; empty for a file of another name"""
    score: float
    moment: str
    """UTC"""


class ReviewFolder:
    """The clips of a folder and what was said of them.

    Raises:
        DataError: no folder, or a manifest that cannot be read.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise DataError(f"{path} is not a folder. Wanted: what 'auricle listen --save-clips {path}' filled.")
        self.path = path
        self.labels = self._read()

    def clips(self) -> list[SavedClip]:
        """All WAV files in it, the newest first."""
        names = sorted((p.name for p in self.path.glob("*.wav")), reverse=True)
        return [_clip(name) for name in names[:MOST_CLIPS]]

    def file(self, name: str) -> Path:
        """The path of one of its clips. Raises DataError for anything else, wherever it may lie."""
        if name not in {clip.name for clip in self.clips()}:
            raise DataError(f"{self.path} has no clip {name!r}.")
        return self.path / name

    def set_label(self, name: str, label: str) -> None:
        """What a clip really is; 'background' for none of the sounds, '' to take it back. Written at once."""
        self.file(name)
        label = label.strip()
        if len(label) > 100 or any(ord(c) < 32 or c in ";," for c in label):
            raise DataError(f"{label!r} is no label; wanted up to 100 characters without commas, semicolons or breaks.")
        labels = {**self.labels, name: label} if label else {k: v for k, v in self.labels.items() if k != name}
        self._write(labels)
        self.labels = labels

    def _read(self) -> dict[str, str]:
        path = self.path / MANIFEST
        if not path.exists():
            return {}
        try:
            with open(path, newline="", encoding="utf-8") as file:
                return {row["path"]: row["label"] for row in csv.DictReader(file)}
        except (OSError, KeyError, ValueError, csv.Error) as error:
            raise DataError(f"{path} cannot be read ({error}). Wanted: path,label,group in the first line.") from error

    def _write(self, labels: Mapping[str, str]) -> None:
        table = io.StringIO()
        rows = csv.writer(table, lineterminator="\n")
        rows.writerow(["path", "label", "group"])
        rows.writerows([name, label, _clip(name).moment[:13] or name] for name, label in sorted(labels.items()))
        write_text(self.path / MANIFEST, table.getvalue())


def _clip(name: str) -> SavedClip:
    found = CLIP_NAME.fullmatch(name)
    if found is None:
        return SavedClip(name, "", 0.0, "")
    return SavedClip(name, found["label"], float(found["score"]), found["moment"])


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--list", "listing", is_flag=True, help="Tell the clips and what was said of them.")
@click.option("--set", "answers", multiple=True, metavar="CLIP=LABEL", help="Say what a clip is, without a page.")
@click.option("--port", default=8766, show_default=True, type=click.IntRange(0, 65535), help="0 picks a free one.")
def review(folder: Path, listing: bool, answers: tuple[str, ...], port: int) -> None:
    """Play the clips in FOLDER on a local page and say what they are; 'auricle import FOLDER' takes the answers.

    A false alarm is 'background', or the name of what it really was.

    \b
    Example:
      auricle listen model.onnx --save-clips heard
      auricle review heard
      auricle review heard --list
      auricle review heard --set 20261123T081408.123Z_doorbell_0.97.wav=background
      auricle import heard reviewed
    """
    found = ReviewFolder(folder)
    for answer in answers:
        name, equals, label = answer.rpartition("=")
        if not equals:
            raise click.UsageError(f"--set {answer}: wanted CLIP=LABEL.")
        found.set_label(name, label)
    if listing:
        for clip in found.clips():
            click.echo(f"{clip.name}  heard {clip.heard or '?'} {clip.score:.2f}  {_said(found, clip)}")
    if answers or listing:
        clips = found.clips()
        done = sum(clip.name in found.labels for clip in clips)
        click.echo(f"{done} of {len(clips)} clips reviewed; next: auricle import {folder} PACK")
        return
    from .review_page import serve

    serve(found, port)


def _said(found: ReviewFolder, clip: SavedClip) -> str:
    label = found.labels.get(clip.name)
    if label is None:
        return "not reviewed"
    if label == clip.heard:
        return "right"
    return "false: nothing" if label == BACKGROUND else f"false: {label}"
