"""Audio in, events out, live: everything opened, run, and closed again.

source -> StreamingClassifier.feed(block) -> EventDetector.update(scores, time) -> sinks
"""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auricle_shared.errors import DataError

from . import blas_threads as blas_threads
from .attempt import Attempt
from .event_overrides import events_in_force
from .listener import Listener
from .onnx_scorer import OnnxScorer
from .open_sinks import open_sinks
from .session import check_is_file
from .sink_options import SinkOptions
from .sinks import Sink
from .sources import Source
from .sources.wanted import Wanted

if TYPE_CHECKING:
    from auricle_shared.enrolled_detector import EnrolledDetector

    from .sources.microphone import Microphone


def listen_to(
    model: Path,
    provider: str,
    wanted: Wanted,
    assignments: Sequence[str],
    enrolled: Path | None,
    options: SinkOptions,
) -> None:
    """Until the source ends or somebody stops it.

    Args:
        assignments: changes of event settings, as `--set` has them.
        enrolled: file of enrolled sounds.

    Raises:
        AuricleError: model, source or a sink cannot be opened, or the source is damaged.
    """
    check_is_file(model)
    with ExitStack() as closing:
        microphone: Microphone | None = None
        if wanted.is_microphone:  # before the model: its first sound comes in while that is opened
            from .sources.microphone import Microphone

            microphone = Microphone(None, wanted.device, wanted.block_ms, wanted.channel)
            closing.callback(microphone.close)
        scorer = OnnxScorer(model, provider)
        rate_hz = scorer.metadata.rate_hz
        events = events_in_force(model, scorer.metadata, assignments)
        _say_model(scorer, events.file)
        sounds = _open_enrolled(scorer, enrolled) if enrolled else None
        source: Source
        if microphone is not None:
            source, microphone.rate_hz = microphone, rate_hz
        else:
            source = _open_recording(rate_hz, wanted)
            closing.callback(source.close)
        if wanted.realtime:
            from .sources.pace import Paced

            source = Paced(source, rate_hz)
        click.echo(f"Listening to {source.description}.", err=True)
        waits = wanted.wav is not None and not wanted.realtime
        opened = open_sinks(options, events.metadata, events.origins, model.name, waits, sounds.names if sounds else ())
        listener = Listener(scorer, opened, events.metadata, sounds)
        # What is loaded stays. Python need not look through it for garbage, now and then and at the end: 20 ms of CPU.
        gc.freeze()
        gc.enable()
        _run(listener, source, opened)


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


def _open_recording(rate_hz: int, wanted: Wanted) -> Source:
    """A file or standard input."""
    if wanted.wav is not None:
        from .sources.file import FileSource

        return FileSource(wanted.wav, rate_hz, wanted.block_ms, wanted.channel)
    from .sources.stdin import StdinSource

    if sys.stdin.isatty():
        raise DataError("--stdin reads audio from a pipe, but standard input is the keyboard. Pipe audio into it.")
    return StdinSource(sys.stdin.buffer, rate_hz, wanted.stdin_rate, wanted.block_ms, wanted.channel, _say)


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
