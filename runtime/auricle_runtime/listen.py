"""`auricle listen`: the command line. What it does is in `listening`, loaded once the arguments are known.

That loads NumPy; PortAudio, which takes as long to look for devices, starts beside it where a microphone is wanted.
"""

from __future__ import annotations

import gc
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

from .sink_options import SinkOptions
from .sources import DEFAULT_BLOCK_MS
from .sources.portaudio import starting
from .sources.wanted import Wanted


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
    source, options = Wanted(wav, stdin, stdin_rate, device, block_ms, channel, realtime), SinkOptions(**sinks)
    _check(source, options)
    gc.disable()  # while everything is loaded there is no garbage to be found; listen_to turns it on again
    try:
        with starting() if source.is_microphone else nullcontext():
            from .listening import listen_to
        listen_to(model, provider, source, assignments, enrolled, options)
    finally:
        gc.enable()


def _check(source: Wanted, options: SinkOptions) -> None:
    """Options that contradict each other."""
    if sum((source.wav is not None, source.stdin, source.device is not None)) > 1:
        raise click.UsageError("--wav, --stdin and --device name three sources; give one of them.")
    if source.stdin_rate is not None and not source.stdin:
        raise click.UsageError("--stdin-rate belongs to --stdin.")
    if source.realtime and source.is_microphone:
        raise click.UsageError("--realtime belongs to --wav or --stdin; a microphone has no other speed.")
    if options.as_json and options.scores == "-":
        raise click.UsageError("--json and --scores - would both write to standard output; give --scores a file.")
    if options.mqtt_ca is not None and not any(url.startswith("mqtts:") for url in options.mqtt):
        raise click.UsageError("--mqtt-ca belongs to --mqtt mqtts://...")
