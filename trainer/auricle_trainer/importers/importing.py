"""Importing: decode every recording of a source, list the broken ones, split the rest, write the pack."""

from __future__ import annotations

import csv
import io
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from auricle_shared.errors import DataError
from auricle_shared.pack import Clip, Pack, PackWriter

from .decode import decode
from .key import cache_key
from .recording import Recording
from .source import Source
from .splits import Shares, assign_splits

BROKEN_NAME = "broken.csv"
AHEAD = 64
"""Recordings decoded ahead of the writer: enough for all cores, little memory"""


@dataclass(frozen=True)
class Imported:
    """What an import did."""

    pack: Pack
    broken: list[tuple[str, str]]
    """(source, reason) of what could not be used"""
    notes: list[str]
    """what was decided on the way, in words"""
    seconds: float
    """that it took"""

    @property
    def bytes_per_second(self) -> float:
        """Of the pack's samples."""
        return 2 * sum(c.length_samples for c in self.pack.clips) / max(self.seconds, 1e-9)

    def table(self) -> dict[str, dict[str, int]]:
        """Clips per label and split ('' for none)."""
        counts = {label: Counter[str]() for label in self.pack.labels}
        for clip in self.pack.clips:
            for label in clip.labels:
                counts[label][clip.split] += 1
        return {label: dict(count) for label, count in counts.items()}


def import_source(
    source: Source,
    pack: Path,
    rate_hz: int,
    shares: Shares | None = None,
    seed: int = 0,
    licence: str = "",
    overwrite: bool = False,
    progress: Callable[[int], object] = lambda done: None,
    **info: Any,
) -> Imported:
    """Write the pack of a source; the pack that was there before stays whole until the new one is complete.

    Args:
        shares: of train, val and test; None for what fits the source (see `splits.assign_splits`).
        progress: called after each recording with how many are done, and at first with those that a cut import did.
        info: further entries for dataset.json.

    Raises:
        DataError: nothing usable in it, a pack that must not be replaced, or a disk that cannot be written.
    """
    licence = licence or source.licence
    about = {"source": source.path.name, "kind": source.kind, "seed": seed, **info}
    writer = PackWriter(pack, rate_hz, licence, overwrite, cache_key(source, rate_hz), **about)
    begun = time.monotonic()
    try:
        with writer:
            before = writer.entries
            progress(before)
            for recording, result in _decoded(source.recordings[before:], rate_hz):
                if isinstance(result, DataError):
                    writer.refuse(_reason(result, recording))
                else:
                    _add(writer, recording, result)
                progress(writer.entries)
            broken = [(source.recordings[i].source, reason) for i, reason in writer.refused.items()]
            if not writer.clips:
                raise DataError(_nothing_left(source, broken))
            notes = _split(writer, shares, seed)
            if broken:
                writer.add_file(BROKEN_NAME, _broken_csv(broken))
    except OSError as error:
        raise DataError(
            f"{pack} could not be written: {error.strerror or error}. Nothing was changed: a pack that was there "
            "before is still whole."
        ) from error
    if before:
        notes.insert(0, f"an import that was cut off went on after {before} recordings.")
    return Imported(Pack.open(pack), broken, notes, time.monotonic() - begun)


def _decoded(recordings: list[Recording], rate_hz: int) -> Iterator[tuple[Recording, np.ndarray | DataError]]:
    """Every recording in order with its samples or its problem; libsndfile and soxr work outside Python's lock."""

    def attempt(recording: Recording) -> np.ndarray | DataError:
        try:
            return decode(recording, rate_hz)
        except DataError as error:
            return error
        except (OSError, ValueError, MemoryError) as error:  # one bad recording must not end a long import
            return DataError(f"cannot be read ({error or type(error).__name__})")

    pool, waiting = ThreadPoolExecutor(os.cpu_count() or 1), deque[tuple[Recording, Future[np.ndarray | DataError]]]()
    try:
        for recording in recordings:
            waiting.append((recording, pool.submit(attempt, recording)))
            if len(waiting) == AHEAD:
                first, decoded = waiting.popleft()
                yield first, decoded.result()
        for first, decoded in waiting:
            yield first, decoded.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _add(writer: PackWriter, recording: Recording, samples: np.ndarray) -> Clip:
    return writer.add(
        samples,
        recording.labels,
        split=recording.split,
        fold=recording.fold,
        speaker=recording.speaker,
        group=recording.group,
        source=recording.source,
    )


def _split(writer: PackWriter, shares: Shares | None, seed: int) -> list[str]:
    splits, notes = assign_splits(writer.clips, shares, seed)
    writer.assign(splits)
    return notes


def _reason(error: DataError, recording: Recording) -> str:
    """The message without the path, which stands beside it already."""
    return str(error).replace(str(recording.path), "").strip() or "cannot be read"


def _nothing_left(source: Source, broken: list[tuple[str, str]]) -> str:
    name, reason = broken[0]
    return f"None of the {len(broken)} recordings of {source.path} can be used. The first, {name}: {reason}"


def _broken_csv(broken: list[tuple[str, str]]) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["path", "reason"])
    rows.writerows(broken)
    return text.getvalue()
