"""`auricle lfs setup` and `auricle lfs agent`."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

LARGE = ("*.onnx", "*.pt", "*.i16")
"""Models, checkpoints and a pack's audio"""


@click.group()
def lfs() -> None:
    """Large files of a Git repository in an S3 bucket, by Git LFS; no LFS server is needed.

    \b
    Example:
      cd our-models && auricle lfs setup s3://team/models
    """


@lfs.command()
@click.argument("url")
@click.option(
    "--repository", default=Path("."), type=click.Path(path_type=Path), show_default=True, help="A clone to set up."
)
def setup(url: str, repository: Path) -> None:
    """Keep *.onnx, *.pt and *.i16 of a clone in the bucket URL (s3://BUCKET/PREFIX); once in every clone.

    Credentials come from where boto3 looks (environment, ~/.aws); another S3 server than Amazon's is AWS_ENDPOINT_URL.

    \b
    Example:
      git clone git@host:our-models && auricle lfs setup s3://team/models --repository our-models
    """
    from ..errors import SettingsError
    from .bucket import Bucket

    Bucket(url)  # a URL that is none is told now, not by git
    if not (repository / ".git").exists():
        raise SettingsError(f"{repository} is not the top folder of a Git clone. Wanted: --repository CLONE.")
    agent = " ".join(shlex.quote(word) for word in ("-m", "auricle_shared.command", "lfs", "agent", url))
    configured = {
        "lfs.customtransfer.auricle.path": sys.executable,
        "lfs.customtransfer.auricle.args": agent,
        "lfs.customtransfer.auricle.concurrent": "false",  # one process to start; boto3 sends parts side by side itself
        "lfs.standalonetransferagent": "auricle",
        "lfs.locksverify": "false",
    }
    git(repository, "lfs", "install", "--local")
    for key, value in configured.items():
        git(repository, "config", "--local", key, value)
    git(repository, "lfs", "track", *LARGE)
    if git(repository, "for-each-ref", "--count=1"):
        git(repository, "lfs", "pull")
    click.echo(
        f"{repository}: {', '.join(LARGE)} are kept in {url}. Commit .gitattributes; git add and push as always."
    )


@lfs.command()
@click.argument("url")
def agent(url: str) -> None:
    """What git-lfs starts; never needed by hand.

    \b
    Example:
      git config lfs.customtransfer.auricle.args "-m auricle_shared.command lfs agent s3://team/models"
    """
    from .agent import serve
    from .bucket import Bucket

    incomplete = subprocess.run(
        ["git", "rev-parse", "--git-path", "lfs/incomplete"], capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()
    serve(sys.stdin, _answer, Bucket(url), Path(incomplete))


def _answer(values: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def git(repository: Path, *arguments: str) -> str:
    """What git prints.

    Raises
        SettingsError: git or git-lfs is missing, or said no.
    """
    from ..errors import SettingsError

    try:
        done = subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, text=True)
    except FileNotFoundError as error:
        raise SettingsError("git is not installed. On Debian: apt install git git-lfs.") from error
    if done.returncode:
        told = (done.stderr or done.stdout).strip()
        missing = " On Debian: apt install git-lfs." if "is not a git command" in told else ""
        raise SettingsError(f"'git {' '.join(arguments)}' said: {told}{missing}")
    return done.stdout
