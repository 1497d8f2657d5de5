"""`auricle push` and `auricle pull`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ..evaluate_command import show_progress


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.argument("store", metavar="STORE")
@click.option("--verify", is_flag=True, help="Read back what is there already, and replace what is damaged.")
@click.option("--json", "as_json", is_flag=True, help="Print the address and the bytes sent as JSON.")
def push(path: Path, store: str, verify: bool, as_json: bool) -> None:
    """Copy a pack, a model or a run (PATH) into a STORE and print its address.

    STORE is a folder or s3://BUCKET/PREFIX; another S3 server than Amazon's is named by AWS_ENDPOINT_URL. The address
    holds the hash of the content. What is there already is not sent again, so a push that was stopped goes on.

    \b
    Example:
      auricle push packs/digits /mnt/store
      auricle push model.onnx s3://team/auricle
    """
    from .transfer import push as push_path

    done = push_path(path, store, verify, megabytes)
    if as_json:
        click.echo(json.dumps(done.__dict__))
        return
    click.echo(f"sent {done.sent_bytes / 1e6:.1f} of {done.all_bytes / 1e6:.1f} MB", err=True)
    click.echo(done.address)


@click.command()
@click.argument("address")
@click.argument("path", type=click.Path(path_type=Path))
def pull(address: str, path: Path) -> None:
    """Fetch what ADDRESS names into PATH, every piece checked by its hash.

    A pull that was stopped goes on; a damaged object is refused, and PATH is then not written.

    \b
    Example:
      auricle pull s3://team/auricle/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 model.onnx
    """
    from .transfer import pull as pull_address

    manifest = pull_address(address, path, megabytes)
    click.echo(
        f"{path}: {len(manifest.files)} file{'s' * (len(manifest.files) != 1)}, {manifest.size_bytes / 1e6:.1f} MB"
    )


def megabytes(done: int, total: int) -> None:
    show_progress(done // 1_000_000, total // 1_000_000, "MB")
