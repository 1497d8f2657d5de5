"""Several processes, one SQLite file: those that begin at once must not both make its tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from auricle_shared.errors import AuricleError

LONGEST_WAIT_SECONDS = 120.0
"""Making the tables of a new MLflow database takes some ten seconds"""


@contextmanager
def one_at_a_time(database: Path | None) -> Iterator[None]:
    """Hold the lock file beside `database`; nothing where there is no file (a server looks after itself).

    Raises:
        AuricleError: another process holds it for too long.
    """
    if database is None:
        yield
        return
    from filelock import FileLock, Timeout

    database.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(database.with_name(f".{database.name}.lock"), timeout=LONGEST_WAIT_SECONDS)
    try:
        lock.acquire()
    except Timeout as error:
        raise AuricleError(f"{database} was held by another program for {LONGEST_WAIT_SECONDS:.0f} s.") from error
    try:
        yield
    finally:
        lock.release()
