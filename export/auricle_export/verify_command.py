"""`auricle verify`: do code, data, config, checkpoints and models belong together?"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click


@click.command()
@click.argument("path", metavar="RUN|MODEL.onnx", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="The data to check, instead of where the run found them.")
@click.option("--run", type=click.Path(path_type=Path), help="For a model outside of its run: the run.")
@click.option("--json", "as_json", is_flag=True, help="Print the checks as JSON.")
def verify(path: Path, data: Path | None, run: Path | None, as_json: bool) -> None:
    """Check that code, data, config, checkpoints and models belong together; exit code 1 if something differs.

    A run is checked whole: settings, the code here now, every clip's audio and label, every checkpoint and exported
    model. A model is checked against the run whose folder it lies in, or --run; without a run, against what it carries.
    The hashes guard against mistakes and damage, not against somebody who forges them.

    \b
    Example:
      auricle verify runs/first
      auricle verify runs/first --data /mnt/packs/digits
      auricle verify model.onnx --run runs/first
      auricle verify model.onnx --data recordings --json
    """
    from auricle_shared.errors import SettingsError
    from auricle_trainer.record.checks import as_text
    from auricle_trainer.record.run_folder import RunFolder

    from .verify import verify_model, verify_run

    if path.is_dir() and run is not None:
        raise SettingsError("--run names the run of a model. Wanted: auricle verify RUN, or MODEL.onnx --run RUN.")
    if path.is_dir():
        checks = verify_run(RunFolder.open(path), data)
    else:
        checks = verify_model(path, RunFolder.open(run) if run else None, data)
    passed = all(check.result != "differs" for check in checks)
    values = {"path": str(path), "passed": passed, "checks": [asdict(check) for check in checks]}
    click.echo(json.dumps(values, indent=2, ensure_ascii=False) if as_json else as_text(checks))
    if not passed:
        raise click.exceptions.Exit(1)
