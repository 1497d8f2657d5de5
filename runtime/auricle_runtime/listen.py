"""`auricle listen`: audio in, events out, live.

source -> StreamingClassifier.feed(block) -> EventDetector.update(scores, time) -> sinks
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auricle_shared.errors import DataError

from . import blas_threads as blas_threads
from .attempt import Attempt
from .event_overrides import events_in_force
from .listener import Listener as Listener
from .onnx_scorer import OnnxScorer
from .open_sinks import SinkOptions, open_sinks
from .sinks import Sink
from .sources import DEFAULT_BLOCK_MS, Source

if TYPE_CHECKING:
    from auricle_shared.enrolled_detector import EnrolledDetector


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--wav", type=click.Path(path_type=Path), help="Listen to a recording (any format), as fast as possible.")
@click.option("--stdin", is_flag=True, help="Listen to standard input: raw 16-bit little-endian mono, or a WAV.")
@click.option("--stdin-rate", type=click.IntRange(1000, 768000), help="Rate of raw samples in Hz; default the model's.")
@click.option("--device", help="Microphone: index, name or a part of the name. 'auricle devices' lists them.")
@click.option("--channel", type=click.IntRange(1), help="Channel that is heard, from 1; default the mean of all.")
@click.option("--realtime", is_flag=True, help="--wav and --stdin at the speed of a microphone.")
@click.option("--json", "as_json", is_flag=True, help="Events as JSON lines on standard output.")
@click.option(
    "--mqtt",
    multiple=True,
    metavar="URL",
    help="mqtt://[user@]host[:port][/prefix], mqtts:// for TLS. The "
    "password is read from AURICLE_MQTT_PASSWORD. Home Assistant finds the sounds by itself.",
)
@click.option("--mqtt-ca", type=click.Path(path_type=Path), help="Authorities to trust with mqtts://, a PEM file.")
@click.option("--webhook", multiple=True, metavar="URL", help="POST each onset as JSON to this address.")
@click.option(
    "--exec",
    "exec_",
    multiple=True,
    metavar="COMMAND",
    help="Run this at each onset, without a shell; the "
    "event is in its environment (AURICLE_LABEL, AURICLE_SCORE, AURICLE_ONSET_UTC, ...).",
)
@click.option("--save-clips", type=click.Path(path_type=Path), help="Save the sound around each event in this folder.")
@click.option("--most-clips", type=click.IntRange(1), default=200, show_default=True, help="The oldest make room.")
@click.option("--most-megabytes", type=click.FloatRange(1), default=200.0, show_default=True, help="The same in size.")
@click.option(
    "--near-misses",
    type=click.FloatRange(0, 0.99),
    default=0.6,
    show_default=True,
    help="With --save-clips: also what reached this share of a threshold, in its folder near-misses; 0 for none.",
)
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="[LABEL.]KEY=VALUE",
    help="Change an event setting, for "
    "instance doorbell.on_threshold=0.8; so does a file MODEL.events.toml next to the model.",
)
@click.option("--enrolled", type=click.Path(path_type=Path), help="Also the sounds that 'auricle enroll' wrote there.")
@click.option("--explain", is_flag=True, help="Tell the settings in force, and every second the scores beside them.")
@click.option("--provider", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option(
    "--block-ms", type=click.FloatRange(0.1, 60000), default=DEFAULT_BLOCK_MS, show_default=True,
    help="Length of the blocks that are scored at once. Shorter costs more CPU; the scores are the same.",
)  # fmt: skip
@click.option("--scores", help="Also write every frame's scores to this CSV file; '-' is standard output.")
def listen(
    model: Path, wav: Path | None, stdin: bool, stdin_rate: int | None, device: str | None, channel: int | None,
    realtime: bool, assignments: tuple[str, ...], enrolled: Path | None, provider: str, block_ms: float, **sinks: Any,
) -> None:  # fmt: skip
    """Tell what is heard, with times: from the microphone, a recording or standard input.

    \b
    auricle listen model.onnx                       the default microphone
    auricle listen model.onnx --device USB --json
    auricle listen model.onnx --wav kitchen.flac --explain
    arecord -t wav -f S16_LE -r 16000 | auricle listen model.onnx --stdin
    auricle listen model.onnx --mqtt mqtt://broker/auricle/kitchen --save-clips clips
    auricle listen model.onnx --webhook https://host/path --exec 'notify-send bell'

    Events go to standard output, all else to standard error. Any number of sinks at once; one that is slow or dead
    stops nobody. A microphone that was lost is opened again. Ctrl-C ends.
    """
    options = SinkOptions(**sinks)
    _check(options, wav, stdin, stdin_rate, device, realtime)
    scorer = OnnxScorer(model, provider)
    events = events_in_force(model, scorer.metadata, assignments)
    _say_model(scorer, events.file)
    sounds = _open_enrolled(scorer, enrolled) if enrolled else None
    source = _open_source(scorer.metadata.rate_hz, wav, stdin, stdin_rate, device, block_ms, channel)
    waits = wav is not None and not realtime
    if realtime:
        from .sources.pace import Paced

        source = Paced(source, scorer.metadata.rate_hz)
    try:
        click.echo(f"Listening to {source.description}.", err=True)
        opened = open_sinks(options, events.metadata, events.origins, model.name, waits, sounds.names if sounds else ())
        _run(Listener(scorer, opened, events.metadata, sounds), source, opened)
    finally:
        source.close()


def _check(
    options: SinkOptions, wav: Path | None, stdin: bool, stdin_rate: int | None, device: str | None, realtime: bool
) -> None:
    """Options that contradict each other."""
    if sum((wav is not None, stdin, device is not None)) > 1:
        raise click.UsageError("--wav, --stdin and --device name three sources; give one of them.")
    if stdin_rate is not None and not stdin:
        raise click.UsageError("--stdin-rate belongs to --stdin.")
    if realtime and wav is None and not stdin:
        raise click.UsageError("--realtime belongs to --wav or --stdin; a microphone has no other speed.")
    if options.as_json and options.scores == "-":
        raise click.UsageError("--json and --scores - would both write to standard output; give --scores a file.")
    if options.mqtt_ca is not None and not any(url.startswith("mqtts:") for url in options.mqtt):
        raise click.UsageError("--mqtt-ca belongs to --mqtt mqtts://...")


def _run(listener: Listener, source: Source, sinks: Sequence[Sink]) -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a service manager's end is like Ctrl-C
    try:
        try:
            for block in source.blocks(listener.lost):
                listener.hear(block)
        except KeyboardInterrupt:
            click.echo("Stopped.", err=True)
        finally:  # whatever ended it: who waits for the end of an event gets it
            listener.end()
    finally:
        _close(sinks)
        _say_summary(listener, source)


def _close(sinks: Sequence[Sink]) -> None:
    """All at once: each of those that hang has its seconds, and nobody waits for them one after the other."""
    closing = [Attempt(sink.close) for sink in sinks]
    for attempt in closing:
        while not attempt.done_within(1.0):
            pass
    for attempt in closing:
        attempt.result()


def _open_source(
    rate_hz: int, wav: Path | None, stdin: bool, stdin_rate: int | None, device: str | None, block_ms: float,
    channel: int | None,
) -> Source:  # fmt: skip
    """Import and open the one source that was asked for."""
    if wav is not None:
        from .sources.file import FileSource

        return FileSource(wav, rate_hz, block_ms, channel)
    if stdin:
        from .sources.stdin import StdinSource

        if sys.stdin.isatty():
            raise DataError("--stdin reads audio from a pipe, but standard input is the keyboard. Pipe audio into it.")
        return StdinSource(sys.stdin.buffer, rate_hz, stdin_rate, block_ms, channel, _say)
    from .sources.microphone import Microphone

    return Microphone(rate_hz, device, block_ms, channel)


def _open_enrolled(scorer: OnnxScorer, path: Path) -> EnrolledDetector | None:
    """The sounds of the file; None where it holds none."""
    from auricle_shared.enrolled_detector import EnrolledDetector
    from auricle_shared.enrolled_file import read_enrolled

    sounds = read_enrolled(path, scorer.path, scorer.metadata.embedding_size)
    _say(f"{path}: {', '.join(sound.name for sound in sounds) or 'no sounds'}")
    return EnrolledDetector(sounds, scorer.metadata) if sounds else None


def _say(text: str) -> None:
    click.echo(f"{text}.", err=True)


def _say_model(scorer: OnnxScorer, file: Path | None) -> None:
    labels = ", ".join(scorer.metadata.event_labels)
    changed = f" Event settings changed by {file}." if file else ""
    click.echo(
        f"{scorer.path}: {labels} ({scorer.metadata.rate_hz} Hz, ONNX Runtime {scorer.runtime_version} on "
        f"{scorer.provider}).{changed}",
        err=True,
    )


def _say_summary(listener: Listener, source: Source) -> None:
    total = listener.counts.total()
    counts = ", ".join(f"{label} {count}" for label, count in sorted(listener.counts.items()))
    said = f"{total} event{'' if total == 1 else 's'}{': ' + counts if counts else ''}"
    click.echo(f"{listener.seconds:.1f} s of audio, {said}.", err=True)
    for problem in source.problems:
        click.echo(f"Warning: {problem}.", err=True)
