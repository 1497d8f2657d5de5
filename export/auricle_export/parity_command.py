"""`auricle parity`."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="Real clips to compare on, a pack or a plain folder.")
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="Write the figures to this file ('-': print)."
)
def parity(run: Path, model: Path, data: Path | None, json_file: Path | None) -> None:
    """Compare a run's checkpoint with an exported model, block size by block size; exit code 1 if they differ.

    \b
    Example:
      auricle parity runs/first model.onnx --data recordings --json parity.json
    """
    from auricle_shared.pack import open_data

    from .export_command import check

    report = check(run, model, None if data is None else lambda rate_hz: open_data(data, rate_hz))
    text = json.dumps(report.to_dict(), indent=2)
    if json_file is not None and str(json_file) != "-":
        from auricle_shared.files import write_text

        write_text(json_file, text + "\n")
    click.echo(text if str(json_file) == "-" else report.as_text())
    if not report.passed:
        raise click.exceptions.Exit(1)
