"""`auricle devices`: the microphones there are."""

from __future__ import annotations

import json

import click

from auricle_shared.errors import DeviceError

from .sources.portaudio import NO_MICROPHONE, MicrophoneInfo, list_microphones


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As a JSON list on standard output.")
def devices(as_json: bool) -> None:
    """List the microphones: index, name, channels, native rate.

    \b
    auricle devices
    auricle listen model.onnx --device 3        by index
    auricle listen model.onnx --device usb      by a part of the name

    Ends with exit code 1 when there is none.
    """
    found = list_microphones()
    if as_json:
        click.echo(json.dumps([m.to_dict() for m in found]))
    else:
        for microphone in found:
            click.echo(device_line(microphone))
    if not found:
        raise DeviceError(NO_MICROPHONE)


def device_line(microphone: MicrophoneInfo) -> str:
    mark = "*" if microphone.is_default else " "
    default = "  (default)" if microphone.is_default else ""
    return (
        f"{mark}{microphone.index:4}  {microphone.name}  {microphone.channels} channel(s), "
        f"{microphone.rate_hz:g} Hz{default}"
    )
