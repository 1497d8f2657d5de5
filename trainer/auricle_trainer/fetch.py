"""`auricle fetch`: the official archives, resumable, checked, unpacked."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click


@dataclass(frozen=True)
class Archive:
    url: str
    megabytes: int
    sha256: str | None
    """None: nobody publishes one, and GitHub makes the file anew for every request"""
    licence: str


ARCHIVES = {
    "fsdd": Archive(
        "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.zip",
        16, None, "CC BY-SA 4.0",
    ),
    "esc10": Archive(
        "https://github.com/karolpiczak/ESC-10/archive/553c8f1743b9dba6b282e1323c3ca8fa76923448.zip",
        40, None, "CC BY 3.0",
    ),
    # The commit's archive as several independent users recorded it in 2025 and 2026.
    "esc50": Archive(
        "https://github.com/karolpiczak/ESC-50/archive/33c8ce9eb2cf0b1c2f8bcf322eb349b6be34dbb6.zip",
        646, "661183a6f53ef04f12c9bd618fed0ddc1713280d6c94a5a5431e844ba6f6a21f", "CC BY-NC 3.0",
    ),
    # The checksum is torchaudio's (torchaudio/datasets/speechcommands.py).
    "speech-commands": Archive(
        "http://download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
        2429, "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58", "CC BY 4.0",
    ),
}  # fmt: skip


@click.command()
@click.argument("name", type=click.Choice(list(ARCHIVES)))
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--url", help="Another place with the same archive, such as a mirror.")
@click.option("--sha256", metavar="HEX", help="Checksum to expect instead; 'any' takes what comes and prints it.")
def fetch(name: str, folder: Path, url: str | None, sha256: str | None) -> None:
    """Download an official data set into DIR/NAME.

    \b
    auricle fetch fsdd data                 16 MB     spoken digits, 8 kHz            CC BY-SA 4.0
    auricle fetch esc10 data                40 MB     ten sounds of the surroundings  CC BY 3.0
    auricle fetch esc50 data               646 MB     fifty of them                   CC BY-NC 3.0
    auricle fetch speech-commands data    2429 MB     35 words, 2618 speakers         CC BY 4.0

    A download that was broken off goes on where it stopped when the same command is typed again. The archive is checked
    against its checksum where a stable one is known, unpacked, and removed.
    """
    target = folder / name
    if target.is_dir():
        click.echo(f"{target} is already there. Remove it to fetch it again.")
    else:
        folder.mkdir(parents=True, exist_ok=True)
        archive = download(name, folder, url, sha256)
        _unpack_whole(archive, target)
    click.echo(f"Licence: {ARCHIVES[name].licence}. Next: auricle import {target} {folder / (name + '.pack')}")


def download(name: str, folder: Path, url: str | None = None, sha256: str | None = None) -> Path:
    """Bring the archive of a data set into `folder` and check it.

    Raises:
        DataError: no connection, a server that refuses, or another checksum than expected (the file is removed).
    """
    import pooch

    from auricle_shared.errors import DataError, SettingsError

    from .download import ResumingDownloader

    archive = ARCHIVES[name]
    url = url or archive.url
    if not url.startswith(("http://", "https://")):
        raise SettingsError(f"--url is {url!r}; wanted one that begins with http:// or https://.")
    wanted = archive.sha256 if sha256 is None else None if sha256 == "any" else sha256.lower()
    file = folder / f".{name}.archive"
    pooch.get_logger().setLevel("ERROR")  # it would print a warning instead of what is said below
    click.echo(f"Fetching {url} (about {archive.megabytes} MB)", err=True)
    with click.progressbar(length=archive.megabytes * 10**6, label=name, file=sys.stderr) as bar:
        fetcher = ResumingDownloader(
            file.with_name(file.name + ".partial"), lambda done, total: _show(bar, done, total)
        )
        try:
            pooch.retrieve(url, f"sha256:{wanted}" if wanted else None, file.name, folder, downloader=fetcher)
        except ValueError as error:
            file.unlink(missing_ok=True)
            raise DataError(
                f"{url} does not have the expected checksum, so it was removed: {error} "
                "If you trust it, --sha256 any takes it."
            ) from error
    _tell_checksum(name, pooch.file_hash(str(file)), bool(wanted), folder)
    return file


def _show(bar: Any, done: int, total: int) -> None:
    bar.length = total or max(done, bar.length)
    bar.update(done - bar.pos)


def _tell_checksum(name: str, found: str, was_checked: bool, folder: Path) -> None:
    from auricle_shared.files import write_text

    if was_checked:
        click.echo(f"SHA-256 {found}: as expected.", err=True)
        return
    record = folder / f"{name}.sha256"
    before = record.read_text(encoding="utf-8").split() if record.exists() else []
    if before and before[0] != found:
        click.echo(f"SHA-256 {found}: not what {record} recorded earlier ({before[0]}).", err=True)
    else:
        click.echo(f"SHA-256 {found}: no checksum is published for this archive; recorded in {record}.", err=True)
    write_text(record, f"{found}  {name}\n")


def _unpack_whole(archive: Path, target: Path) -> None:
    """Unpacked aside and renamed, so that a folder with this name is always complete."""
    from auricle_shared.errors import DataError
    from auricle_shared.files import aside

    from .download import unpack

    partial = aside(target)
    click.echo(f"Unpacking into {target}", err=True)
    try:
        unpack(archive, partial)
        partial.rename(target)
        archive.unlink()
    except DataError:
        archive.unlink()
        raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(partial.with_name(partial.name + ".inner"), ignore_errors=True)
