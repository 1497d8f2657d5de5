"""`auricle serve`: the demo in the browser."""

from __future__ import annotations

import ipaddress
import os
import secrets
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import click

from auricle_shared.errors import AuricleError, ModelError

DEFAULT_PORT = 8765
TOKEN_BYTES = 24


class ServeCommand(click.Command):
    """`--tls` takes one word or two, which click's options cannot."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        for i, (option, value) in enumerate(zip(args, args[1:], strict=False)):
            if (option, value) == ("--tls", "self"):
                args = [*args[:i], "--tls-self", *args[i + 2 :]]
                break
        return super().parse_args(ctx, args)


@click.command(cls=ServeCommand)
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen at; any but loopback needs --public."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="0 picks a free one."
)
@click.option("--public", is_flag=True, help="Let other machines in, with a token.")
@click.option(
    "--token", envvar="AURICLE_TOKEN", help="The token they need (or AURICLE_TOKEN); default: one is made up."
)
@click.option(
    "--tls", type=(click.Path(path_type=Path), click.Path(path_type=Path)), metavar="CERT KEY | self",
    help="https, with PEM files or with a certificate made here. Without it only this machine gets a microphone.",
)  # fmt: skip
@click.option("--tls-self", is_flag=True, hidden=True)
@click.option(
    "--record", type=click.Path(path_type=Path), help="Store what microphones hear in this folder; the page says so."
)
@click.option("--max-visitors", type=click.IntRange(1, 10000), default=128, show_default=True)
def serve(
    model: Path,
    host: str,
    port: int,
    public: bool,
    token: str | None,
    tls: tuple[Path, Path] | None,
    tls_self: bool,
    record: Path | None,
    max_visitors: int,
) -> None:
    """Show live labels of a microphone on a web page, for this machine or for the phones around it.

    \b
    auricle serve model.onnx
    auricle serve model.onnx --host 0.0.0.0 --public --tls self     for a phone on the same network

    Open the address that is printed. Ctrl-C ends.
    """
    if tls is not None and tls_self:
        raise click.UsageError("--tls self and --tls CERT KEY exclude each other.")
    if not is_loopback(host) and not public:
        raise click.UsageError(
            f"{host} lets other machines in. If that is meant, add --public; they will need a token."
        )
    needs_web()
    from .production import Certificate, bind, check_certificate, serve_forever

    settings = _settings(host, public, token, record, max_visitors)
    _check_model(model)
    certificate = Certificate(*tls) if tls else _own_certificate() if tls_self else None
    if certificate is not None:
        check_certificate(certificate)
    listener = bind(host, port)
    address = _address(host, listener.getsockname()[1], certificate is not None, settings.token)
    ready = partial(_say_ready, model, address, certificate is not None, public, record)
    serve_forever(partial(_make_app, model, settings), listener, certificate, ready)


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def needs_web() -> None:
    """Raises AuricleError where the extra `web` is not installed."""
    from importlib.util import find_spec

    missing = [name for name in ("flask", "gunicorn", "gevent") if find_spec(name) is None]
    if missing:
        raise AuricleError(f"auricle serve needs {', '.join(missing)}: pip install 'auricle-runtime[web]'.")


def _settings(host: str, public: bool, token: str | None, record: Path | None, max_visitors: int) -> Any:
    from .settings import LOOPBACK_NAMES, WebSettings

    if public and token is None:
        token = secrets.token_urlsafe(TOKEN_BYTES)
    if record is not None:
        record.mkdir(parents=True, exist_ok=True)  # what cannot be written is said now
    # With a token another site's page cannot ask in a visitor's name, whatever host name it uses.
    names = () if public else tuple(dict.fromkeys([*LOOPBACK_NAMES, host]))
    return WebSettings(token=token, host_names=names, record_folder=record, max_sessions=max_visitors)


def _check_model(model: Path) -> None:
    """A model that cannot be opened is told here, in its own words, before anything listens.

    In a process of its own: ONNX Runtime does not survive the fork that makes gunicorn's worker.
    """
    command = [sys.executable, "-m", "auricle_shared.command", "inspect", os.fspath(model)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ModelError(done.stderr.strip().removeprefix("auricle: "))


def _make_app(model: Path, settings: Any) -> Any:
    from .app import create_app
    from .aside import in_a_thread

    return create_app(model, settings, in_a_thread)


def _own_certificate() -> Any:
    from .certificate import own_certificate

    return own_certificate()


def _address(host: str, port: int, is_tls: bool, token: str | None) -> str:
    if host in ("0.0.0.0", "::"):  # an address to open, not the one that means all
        from .certificate import own_addresses

        host = own_addresses()[-1]
    name = f"[{host}]" if ":" in host else host
    # A browser never sends what follows the '#': the token stays out of every log on the way.
    return f"http{'s' if is_tls else ''}://{name}:{port}/" + (f"#token={token}" if token else "")


def _say_ready(model: Path, address: str, is_tls: bool, public: bool, record: Path | None) -> None:
    click.echo(f"{model} is served at {address}", err=True)
    if public and not is_tls:
        click.echo(
            "Warning: without --tls, browsers on other machines give this page no microphone, and audio and token "
            "cross the network readable.",
            err=True,
        )
    if record is not None:
        click.echo(f"What the microphones hear is stored in {record}; the page says so.", err=True)
    click.echo("Ctrl-C ends.", err=True)
