"""`auricle timeline`."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import click


@click.command()
@click.argument("folder", metavar="[FOLDER]", default="runs", type=click.Path(path_type=Path))
@click.option("--html", type=click.Path(path_type=Path), metavar="FILE", help="Write one page with pictures instead.")
@click.option("--most", default=200, show_default=True, type=click.IntRange(1), help="Latest runs, and commits.")
@click.option("--json", "as_json", is_flag=True, help="A line of JSON an entry.")
def timeline(folder: Path, html: Path | None, most: int, as_json: bool) -> None:
    """What happened in a project, in order: commits, changed data, the runs at and below FOLDER (default: runs) with
    their figures, evaluations, exports and notes.

    The page of --html is one file without scripts that asks nothing of the network; each run opens to what is different
    from the one before: settings, code, data, machine, figures.

    \b
    Example:
      auricle timeline
      auricle timeline runs/study --html timeline.html
    """
    from auricle_shared.evaluate_command import show_progress
    from auricle_shared.files import write_text

    from .gather import timeline as gather
    from .page import as_page
    from .text import as_line

    found = gather(folder, most, html is not None, lambda done, total: show_progress(done, total, "runs"))
    if html is not None:
        write_text(html, as_page(found, _project(folder), datetime.now().astimezone()))
    else:
        for entry in found.entries:
            click.echo(json.dumps(entry.to_dict(), ensure_ascii=False) if as_json else as_line(entry))
    for words in found.left_out:
        click.echo(f"Note: {words}", err=True)
    if html is not None:
        click.echo(f"wrote {html} ({len(found.entries)} entries, {html.stat().st_size / 1024:.0f} KiB)")


def _project(folder: Path) -> str:
    """A folder called runs is named after the one that it lies in."""
    whole = folder.resolve()
    return whole.parent.name if whole.name == "runs" else whole.name
