"""`auricle doctor`: what is right and wrong here, and what to do."""

from __future__ import annotations

import json
from pathlib import Path

import click

MARKS = {"ok": "ok     ", "warning": "WARNING", "problem": "PROBLEM"}


@click.command()
@click.argument("model", required=False, type=click.Path(path_type=Path))
@click.option("--provider", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--device", help="Microphone to listen to for a second: index, name or a part of the name.")
@click.option("--json", "as_json", is_flag=True, help="A JSON list of findings on standard output.")
def doctor(model: Path | None, provider: str, device: str | None, as_json: bool) -> None:
    """Examine this machine: versions, ONNX Runtime, threads, microphones, and a MODEL's cost. Exit code 1: a problem.

    \b
    auricle doctor
    auricle doctor model.onnx --provider cuda
    """
    from . import installation, microphones
    from . import model as models

    found = [*installation.findings(), *microphones.findings(device)]
    if model is not None:
        found += models.findings(model, provider)
    if as_json:
        click.echo(json.dumps([finding.to_dict() for finding in found], indent=2, ensure_ascii=False))
    else:
        for finding in found:
            click.echo(f"{MARKS[finding.level]}  {finding.topic}: {finding.found}")
            if finding.todo:
                click.echo(f"         -> {finding.todo}")
    if any(finding.level == "problem" for finding in found):
        raise click.exceptions.Exit(1)
