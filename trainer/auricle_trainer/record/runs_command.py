"""`auricle runs` and `auricle note`."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command()
@click.argument("folders", metavar="[FOLDER]...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--sort", "key", default="began", show_default=True, metavar="[-]COLUMN", help="With '-' downwards.")
@click.option("--where", "conditions", multiple=True, metavar="CONDITION", help="For instance config=gru, test>0.9.")
@click.option("--columns", metavar="NAME,NAME,...", help="Instead of the usual ones; settings as well.")
@click.option("--compare", nargs=2, type=click.Path(path_type=Path), metavar="A B", help="Two runs instead of a table.")
@click.option("--json", "as_json", is_flag=True, help="Print everything that is known as JSON.")
def runs(
    folders: tuple[Path, ...],
    key: str,
    conditions: tuple[str, ...],
    columns: str | None,
    compare: tuple[Path, Path] | None,
    as_json: bool,
) -> None:
    """List the runs at and below FOLDER (default: runs), or tell two apart.

    \b
    Example:
      auricle runs --sort -validation
      auricle runs runs/study --where config=gru --where 'validation>0.95' --columns run,seed,validation,model.hidden
      auricle runs --compare runs/first runs/second
    """
    from .differences import as_text as told
    from .differences import differences
    from .figures import key_figures
    from .run_folder import RunFolder, find_runs, flat
    from .table import COLUMNS, as_text, filtered, ordered

    if compare:
        first, second = (RunFolder.open(path) for path in compare)
        found = differences(first, second)
        click.echo(
            json.dumps(found.to_dict(), indent=2, ensure_ascii=False)
            if as_json
            else told(found, (str(compare[0]), str(compare[1])))
        )
        return
    all_rows = [{**key_figures(run), **flat(run.config)} for run in find_runs(folders or (Path("runs"),))]
    rows = ordered(filtered(all_rows, conditions), key)
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    elif rows:
        click.echo(as_text(rows, columns.split(",") if columns else COLUMNS))
    else:
        click.echo(f"no runs ({len(all_rows)} before --where)", err=True)


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("words", required=False)
def note(run: Path, words: str | None) -> None:
    """Write a note into RUN's record, or without WORDS show those that are there.

    \b
    Example:
      auricle note runs/first "the kettle recordings of the old kitchen are too loud"
    """
    from auricle_shared.errors import SettingsError
    from auricle_shared.json_lines import append_line, now

    from .run_folder import NOTES, RunFolder

    found = RunFolder.open(run)
    if words is None:
        for line in found.notes:
            click.echo(f"{line['time']}  {line['text']}")
        return
    if not words.strip():
        raise SettingsError('The note is empty. Wanted: words, for instance auricle note RUN "louder than before".')
    append_line(found.path / NOTES, {"time": now(), "text": words.strip()})
    click.echo(f"noted in {found.path / NOTES}")
