"""Opening the sinks that were asked for, each imported only then."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from auricle_shared.metadata import ModelMetadata

from .sink_options import SinkOptions
from .sinks import Sink, Tell
from .sinks.console import Console
from .sinks.level import LevelWatch
from .sinks.writer import Writer

STDERR = 2


def open_sinks(
    options: SinkOptions,
    metadata: ModelMetadata,
    origins: Mapping[str, str],
    model: str,
    waits: bool,
    enrolled: Sequence[str] = (),
) -> list[Sink]:
    """The first tells people what is no event; it is the one that sinks complain to.

    Args:
        origins: where the event settings come from, for --explain.
        model: its name, for people.
        waits: the source waits for a slow reader of standard output: a recording at full speed.
        enrolled: names of sounds that are listened for beside the model's classes.
    """
    console = Console(_own_stderr())
    sinks: list[Sink] = []
    try:
        _open_outputs(sinks, console, options, metadata, origins, waits)
        tell = sinks[0].say if isinstance(sinks[0], Console) else console.say
        sinks.append(LevelWatch(tell, metadata.rate_hz))
        _open_peers(sinks, options, metadata, (*metadata.event_labels, *enrolled), model, tell)
    except BaseException:
        for sink in sinks:
            sink.close()
        raise
    return sinks


def _open_outputs(
    sinks: list[Sink], console: Console, options: SinkOptions, metadata: ModelMetadata, origins: Mapping[str, str],
    waits: bool,
) -> None:  # fmt: skip
    """Standard output: bars, plain lines or JSON; and the table of scores."""
    stream = sys.stderr if options.scores == "-" else sys.stdout
    writer = Writer(stream, console.say, waits, alone=not options.others)
    if stream.isatty() and not (options.as_json or options.explain):
        from .sinks.terminal import TerminalBars

        sinks.append(TerminalBars(writer, stream, metadata.labels))
    elif options.as_json:
        from .sinks.json_lines import JsonLines

        sinks += [console, JsonLines(writer)]
    else:
        from .sinks.terminal import PlainLines

        sinks += [console, PlainLines(writer)]
    if options.explain:
        from .sinks.explain import Explain

        sinks.append(Explain(Writer(sys.stderr, console.say, waits) if options.as_json else writer, metadata, origins))
    if options.scores is not None:
        from .sinks.score_table import ScoreFile, ScoreTable

        frame_seconds = metadata.hop_samples / metadata.rate_hz
        if options.scores == "-":
            sinks.append(ScoreTable(sys.stdout, metadata.labels, frame_seconds))
        else:
            sinks.append(ScoreFile(Path(options.scores), metadata.labels, frame_seconds))


def _open_peers(
    sinks: list[Sink], options: SinkOptions, metadata: ModelMetadata, labels: Sequence[str], model: str, tell: Tell
) -> None:
    """Whoever else gets the events. Appended one by one, so that those already open are closed if one fails."""
    for command in options.exec_:
        from .sinks.command import Command

        sinks.append(Command(command, tell))
    for url in options.webhook:
        from .sinks.webhook import Webhook

        sinks.append(Webhook(url, tell))
    for url in options.mqtt:
        from .sinks.mqtt import Mqtt

        sinks.append(Mqtt(url, labels, model, tell, options.mqtt_ca))
    if options.save_clips is not None:
        from .sinks.clips import SavedClips

        bounds = options.most_clips, round(1e6 * options.most_megabytes)
        sinks.append(SavedClips(options.save_clips, metadata.rate_hz, *bounds, tell))
        if options.near_misses:
            from .sinks.near_misses import FOLDER, NearMisses

            near = SavedClips(options.save_clips / FOLDER, metadata.rate_hz, *bounds, tell)
            sinks.append(NearMisses(near, metadata, options.near_misses))


def _own_stderr() -> TextIO:
    """A way to standard error that stays open while PortAudio is kept from writing there."""
    try:
        if sys.stderr.fileno() != STDERR:
            return sys.stderr
        return open(os.dup(STDERR), "w", encoding=sys.stderr.encoding, errors="backslashreplace")
    except (OSError, io.UnsupportedOperation, AttributeError):
        return sys.stderr
