"""What all studies ask on the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

QUICK = ("training.epochs=2", "training.window_seconds=1.0")
"""Settings of --quick"""

OPTIONS = [
    click.option(
        "--data", type=click.Path(path_type=Path), envvar="AURICLE_DATA", required=True, help="Folder of all data sets."
    ),
    click.option("--out", type=click.Path(path_type=Path), default=Path("runs/study"), show_default=True),
    click.option(
        "--config",
        "configs",
        multiple=True,
        default=("conv_gru",),
        show_default=True,
        help="Once for each block of the table.",
    ),
    click.option(
        "--seeds", default=3, type=click.IntRange(1), show_default=True, help="Runs where nothing is held out in turn."
    ),
    click.option(
        "--jobs", default=2, type=click.IntRange(1), show_default=True, help="Runs side by side, one thread each."
    ),
    click.option("--set", "changes", multiple=True, metavar="A.B=VALUE", help="Change a setting of the config."),
    click.option("--quick", is_flag=True, help="One short run, to see that the study runs; its figures mean nothing."),
    click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write all figures to this file."),
]


def with_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(OPTIONS):
        function = option(function)
    return function
