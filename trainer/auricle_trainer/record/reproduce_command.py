"""`auricle reproduce`."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="The run's data, if they lie elsewhere now.")
@click.option("--background", type=click.Path(path_type=Path), help="Its background, if that lies elsewhere now.")
@click.option("--repository", type=click.Path(path_type=Path), help="Where its commit is. [default: this checkout]")
@click.option("--keep", type=click.Path(path_type=Path), metavar="FOLDER", help="Keep the new run here.")
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
def reproduce(
    run: Path, data: Path | None, background: Path | None, repository: Path | None, keep: Path | None, as_json: bool
) -> None:
    """Train RUN again from its record and compare; exit code 1 if something else came out.

    Its commit is checked out into a temporary place and the patch of what was not committed is applied; your checkout
    is not touched. A run of installed packages is repeated by the installed packages, if they are the same. On a CPU
    all tensors must be the same bit for bit; on a GPU the best accuracy must lie within 2 points and the last loss
    within a tenth.

    \b
    Example:
      auricle reproduce runs/first
      auricle reproduce runs/first --data /mnt/packs/digits --keep runs/first-again
    """
    from auricle_shared.errors import SettingsError

    from .checkout import code_for
    from .reproduce import compare, train_again
    from .run_folder import RunFolder

    found = RunFolder.open(run)
    if keep is not None and keep.exists():
        raise SettingsError(f"{keep} exists. Choose another folder for --keep.")
    with tempfile.TemporaryDirectory(prefix="auricle-reproduce-") as folder:
        place = Path(folder).resolve()
        code = code_for(found, repository, place)
        click.echo(f"training {run} again with {code.where}", err=True)
        again = train_again(found, code, place, data, background)
        result = compare(found, again, exact=str(found.record["device"]) == "cpu")
        if keep is not None:
            keep.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(again.path, keep)
    click.echo(json.dumps(result.to_dict(), indent=2) if as_json else result.as_text())
    if not result.passed:
        raise click.exceptions.Exit(1)
