"""The command `auricle`: every installed part of Auricle adds its sub-commands through an entry point.

A sub-command's module is imported when it is called, so that `auricle listen` never pays for torch.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from . import __version__
from .entry_points import load_entry_point
from .errors import AuricleError

GROUP = "auricle.commands"


class LazyGroup(click.Group):
    """Finds sub-commands among the entry points and imports only the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        from importlib.metadata import entry_points

        return sorted(point.name for point in entry_points(group=GROUP))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command: click.Command | None = load_entry_point(GROUP, cmd_name)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            installed = ", ".join(self.list_commands(ctx))
            raise click.UsageError(f"{error.message} Installed here: {installed}.", ctx) from error


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="auricle")
def auricle() -> None:
    """Train a small sound classifier, export it to one ONNX file, hear it live.

    \b
    auricle import RECORDINGS PACK       labelled recordings into one pack
    auricle train gru --data PACK --run RUN
    auricle export RUN model.onnx
    auricle listen model.onnx            from the microphone
    """


def main() -> None:
    """Run the command; a user's mistake ends with words and exit code 1, never with a traceback."""
    try:
        code = auricle.main(prog_name="auricle", standalone_mode=False)
        if isinstance(code, int):  # click hands an Exit(code) back as a value
            sys.exit(code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        sys.exit(130)
    except AuricleError as error:
        click.echo(f"auricle: {error}", err=True)
        sys.exit(1)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        click.echo(f"auricle: {error.strerror or error}{f': {error.filename}' if error.filename else ''}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
