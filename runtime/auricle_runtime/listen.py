"""`auricle listen`: audio in, events out, live.

source -> StreamingClassifier.feed(block) -> EventDetector.update(scores, time) -> sinks
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from auricle_shared.errors import DataError
from auricle_shared.events import Event, EventDetector
from auricle_shared.metadata import ModelMetadata
from auricle_shared.scorer import Scorer
from auricle_shared.stream import StreamFrames, StreamingClassifier

from .onnx_scorer import OnnxScorer
from .sinks import Sink
from .sources import DEFAULT_BLOCK_MS, Block, Source


class Listener:
    """Carries one stream from blocks to events; knows no source and no command."""

    def __init__(self, scorer: Scorer, sinks: Sequence[Sink]) -> None:
        self._classifier = StreamingClassifier(scorer)
        self._detector = EventDetector.for_model(scorer.metadata)
        self._sinks = sinks
        self._rate_hz = scorer.metadata.rate_hz
        self._samples = 0
        self._end_seconds = 0.0
        self.counts: Counter[str] = Counter()

    @property
    def seconds(self) -> float:
        """How much audio was heard."""
        return self._samples / self._rate_hz

    def hear(self, block: Block) -> None:
        if block.after_gap:
            self._begin_again(block.start_seconds)
        self._take(block, self._classifier.feed(block.samples))
        self._samples += len(block.samples)
        self._end_seconds = block.start_seconds + len(block.samples) / self._rate_hz

    def end(self) -> None:
        """The stream is over: the last piece of a hop is scored, and events that are still on end here."""
        rest = self._classifier.flush()
        if len(rest.scores):
            self._take(Block(rest.scores[:0, 0], self._end_seconds), rest)
        self._tell(self._detector.finish(self._end_seconds))

    def _take(self, block: Block, frames: StreamFrames) -> None:
        for sink in self._sinks:
            sink.heard(block, frames)
        if len(frames.scores):
            self._tell(self._detector.update(frames.scores, frames.start_seconds))

    def _begin_again(self, at_seconds: float) -> None:
        """After a hole nothing is known of what was on before it."""
        self._tell(self._detector.finish(self._end_seconds))
        self._detector.reset()
        self._classifier.reset(at_seconds)

    def _tell(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.phase == "on":
                self.counts[event.label] += 1
            for sink in self._sinks:
                sink.event(event)


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--wav", type=click.Path(path_type=Path), help="Listen to a recording (any format), as fast as possible.")
@click.option("--stdin", is_flag=True, help="Listen to standard input: raw 16-bit little-endian mono, or a WAV.")
@click.option("--stdin-rate", type=click.IntRange(1000, 768000), help="Rate of raw samples in Hz; default the model's.")
@click.option("--device", help="Microphone: index, name or a part of the name. 'auricle devices' lists them.")
@click.option("--json", "as_json", is_flag=True, help="Events as JSON lines on standard output.")
@click.option("--provider", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option(
    "--block-ms", type=click.FloatRange(0.1, 60000), default=DEFAULT_BLOCK_MS, show_default=True,
    help="Length of the blocks that are scored at once. Shorter costs more CPU; the scores are the same.",
)  # fmt: skip
@click.option("--scores", help="Also write every frame's scores to this CSV file; '-' is standard output.")
def listen(
    model: Path,
    wav: Path | None,
    stdin: bool,
    stdin_rate: int | None,
    device: str | None,
    as_json: bool,
    provider: str,
    block_ms: float,
    scores: str | None,
) -> None:
    """Tell what is heard, with times: from the microphone, a recording or standard input.

    \b
    auricle listen model.onnx                       the default microphone
    auricle listen model.onnx --device USB --json
    auricle listen model.onnx --wav kitchen.flac --scores scores.csv
    arecord -t wav -f S16_LE -r 16000 | auricle listen model.onnx --stdin

    Events go to standard output, all else to standard error. Ctrl-C ends.
    """
    if sum((wav is not None, stdin, device is not None)) > 1:
        raise click.UsageError("--wav, --stdin and --device name three sources; give one of them.")
    if stdin_rate is not None and not stdin:
        raise click.UsageError("--stdin-rate belongs to --stdin.")
    if as_json and scores == "-":
        raise click.UsageError("--json and --scores - would both write to standard output; give --scores a file.")
    scorer = OnnxScorer(model, provider)
    _say_model(scorer)
    source = _open_source(scorer.metadata.rate_hz, wav, stdin, stdin_rate, device, block_ms)
    try:
        click.echo(f"Listening to {source.description}.", err=True)
        _run(scorer, source, _open_sinks(scorer.metadata, as_json, scores))
    finally:
        source.close()


def _run(scorer: Scorer, source: Source, sinks: Sequence[Sink]) -> None:
    listener = Listener(scorer, sinks)
    try:
        try:
            for block in source.blocks():
                listener.hear(block)
        except KeyboardInterrupt:
            click.echo("Stopped.", err=True)
        finally:  # whatever ended it: who waits for the end of an event gets it
            listener.end()
    finally:
        for sink in sinks:
            sink.close()
        _say_summary(listener, source)


def _open_source(
    rate_hz: int, wav: Path | None, stdin: bool, stdin_rate: int | None, device: str | None, block_ms: float
) -> Source:
    """Import and open the one source that was asked for."""
    if wav is not None:
        from .sources.file import FileSource

        return FileSource(wav, rate_hz, block_ms)
    if stdin:
        from .sources.stdin import StdinSource

        if sys.stdin.isatty():
            raise DataError("--stdin reads audio from a pipe, but standard input is the keyboard. Pipe audio into it.")
        return StdinSource(sys.stdin.buffer, rate_hz, stdin_rate, block_ms)
    from .sources.microphone import Microphone

    return Microphone(rate_hz, device, block_ms)


def _open_sinks(metadata: ModelMetadata, as_json: bool, scores: str | None) -> list[Sink]:
    sinks: list[Sink] = []
    events_to = sys.stderr if scores == "-" else sys.stdout
    if as_json:
        from .sinks.json_lines import JsonLines

        sinks.append(JsonLines(sys.stdout))
    else:
        from .sinks.terminal import PlainLines, TerminalBars

        bars = events_to.isatty()
        sinks.append(TerminalBars(events_to, metadata.labels) if bars else PlainLines(events_to))
    if scores is not None:
        from .sinks.score_table import ScoreFile, ScoreTable

        frame_seconds = metadata.hop_samples / metadata.rate_hz
        if scores == "-":
            sinks.append(ScoreTable(sys.stdout, metadata.labels, frame_seconds))
        else:
            sinks.append(ScoreFile(Path(scores), metadata.labels, frame_seconds))
    return sinks


def _say_model(scorer: OnnxScorer) -> None:
    labels = ", ".join(scorer.metadata.event_labels)
    click.echo(
        f"{scorer.path}: {labels} ({scorer.metadata.rate_hz} Hz, ONNX Runtime {scorer.runtime_version} on "
        f"{scorer.provider}).",
        err=True,
    )


def _say_summary(listener: Listener, source: Source) -> None:
    total = listener.counts.total()
    counts = ", ".join(f"{label} {count}" for label, count in sorted(listener.counts.items()))
    said = f"{total} event{'' if total == 1 else 's'}{': ' + counts if counts else ''}"
    click.echo(f"{listener.seconds:.1f} s of audio, {said}.", err=True)
    for problem in source.problems:
        click.echo(f"Warning: {problem}.", err=True)
