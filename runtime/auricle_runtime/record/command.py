"""`auricle record`: one's own sounds, take after take, into a folder that `auricle train` reads."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auricle_shared.errors import DeviceError
from auricle_shared.metadata import BACKGROUND

if TYPE_CHECKING:
    import numpy as np

ENOUGH_TAKES = 20
ROOM_SECONDS = 60.0


@click.command()
@click.argument("label", required=False)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for recordings and manifest.csv.")
@click.option("--takes", default=ENOUGH_TAKES, type=click.IntRange(1, 10000), show_default=True, help="How many.")
@click.option("--seconds", type=click.FloatRange(0.2, 3600), help="Of a take [3]; with --background in all [60].")
@click.option("--background", "room", is_flag=True, help="The room without any of the sounds, untrimmed.")
@click.option("--device", help="Microphone: index, name or a part of the name. 'auricle devices' lists them.")
@click.option("--channel", type=click.IntRange(1, 64), help="One channel of the device; else the mean of all.")
@click.option("--rate-hz", default=16000, type=click.IntRange(1000, 192000), show_default=True, help="Of the files.")
@click.option("--speaker", default="", help="Whose voice it is, so that it stays on one side of a split.")
@click.option("--countdown", default=3, type=click.IntRange(0, 60), show_default=True, help="Seconds before a take.")
@click.option("--play", is_flag=True, help="Play every take back.")
@click.option("--review/--no-review", default=None, help="Ask after every take.  [default: in a terminal]")
@click.option("--json", "as_json", is_flag=True, help="A JSON line on standard output for every file.")
def record(
    label: str | None,
    out: Path,
    takes: int,
    seconds: float | None,
    room: bool,
    device: str | None,
    channel: int | None,
    rate_hz: int,
    speaker: str,
    countdown: int,
    play: bool,
    review: bool | None,
    as_json: bool,
) -> None:
    """Record LABEL: level check, countdown, take; silence is trimmed, empty and clipped takes are refused.

    20 takes of a sound are a beginning, 100 are good; more sessions, on other days and from other places, are worth
    more than more takes. Record the room too.

    \b
    auricle record kettle --out recordings
    auricle record kettle --out recordings --takes 50 --seconds 5 --no-review
    auricle record --background --out recordings --seconds 300
    auricle train conv_gru --data recordings --run runs/first
    """
    from ..sources.microphone import Microphone
    from .ear import Ear
    from .folder import SessionFolder
    from .guide import Session, SessionSettings

    if room and label not in (None, BACKGROUND):
        raise click.UsageError(f"--background records the room; its label is {BACKGROUND!r}. Leave out {label!r}.")
    if not room and label is None:
        raise click.UsageError("A LABEL for the sound is missing. The room's own sound: --background.")
    folder = SessionFolder(out, label or BACKGROUND, rate_hz, speaker)
    source = Microphone(rate_hz, device, channel=channel)
    click.echo(f"{source.description}", err=True)
    ear = Ear(source, rate_hz)
    try:
        session = Session(
            ear, folder, rate_hz,
            tell=lambda line: click.echo(line, err=True),
            meter=_meter if sys.stderr.isatty() else None,
            play=lambda samples: _play(samples, rate_hz),
            ask=lambda question: _ask(question),
            kept=(lambda facts: click.echo(json.dumps(facts, ensure_ascii=False))) if as_json else None,
        )  # fmt: skip
        room_db = session.check_level()
        if room:
            session.record_room(seconds or ROOM_SECONDS)
        else:
            asks = sys.stdin.isatty() if review is None else review
            session.record_takes(room_db, SessionSettings(takes, seconds or 3.0, countdown, play, asks))
    except KeyboardInterrupt:
        click.echo("Stopped.", err=True)
    finally:
        ear.close()
    files = f"{folder.count} file{'' if folder.count == 1 else 's'}"
    click.echo(
        f"{files} in {out}, session {folder.session}. Next: auricle train conv_gru --data {out} --run RUN", err=True
    )


def _meter(line: str) -> None:
    sys.stderr.write(f"\r\033[K{line}\r")
    sys.stderr.flush()


def _ask(question: str) -> str:
    click.echo(question, err=True, nl=False)
    line = sys.stdin.readline()
    return line if line else "q"  # the end of the input is no consent to go on for ever


def _play(samples: np.ndarray, rate_hz: int) -> None:
    from ..sources.portaudio import needs_sounddevice

    sounddevice = needs_sounddevice()
    try:
        sounddevice.play(samples, rate_hz)
        sounddevice.wait()
    except sounddevice.PortAudioError as error:
        raise DeviceError(f"The take cannot be played ({error}). Go on without --play.") from error
