"""A pack: many labelled recordings at one rate in one folder, made to be memory-mapped.

    PACK/audio.i16       all clips end to end, little-endian int16, mono
    PACK/index.csv       a row a clip: where it lies, what it is, where it came from
    PACK/dataset.json    rate, labels, counts, licence, fingerprint

The fingerprint is the SHA-256 over the sorted rows of what was heard and how it was labelled: two packs with the same
fingerprint train the same model, wherever they lie.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np

from .errors import DataError
from .pack_clip import FORMAT, Clip, is_pack, read_index
from .pack_clip import active_rms as active_rms
from .pack_clip import audio_fingerprint as audio_fingerprint
from .pack_clip import fingerprint as fingerprint
from .pack_writer import PackWriter as PackWriter
from .pcm import to_float as to_float
from .pcm import to_int16 as to_int16

FOLDERS = "auricle.folders"
"""Entry-point group of the function (path, rate_hz) -> Pack that reads plain recordings"""


class Pack:
    """An opened pack. Audio stays on disk until it is asked for.

    A pack pickles as its path and index, without an open file: worker processes map the audio themselves.
    """

    def __init__(self, path: Path, info: dict[str, Any], clips: list[Clip]) -> None:
        self.path, self.info, self.clips = path, info, clips
        self._audio: np.ndarray | None = None

    @cached_property
    def offsets_samples(self) -> np.ndarray:
        """Where each clip begins in `samples`, int64 [clips]."""
        return np.array([c.offset_samples for c in self.clips], np.int64)

    @cached_property
    def lengths_samples(self) -> np.ndarray:
        """int64 [clips]"""
        return np.array([c.length_samples for c in self.clips], np.int64)

    @cached_property
    def label_sets(self) -> list[tuple[str, ...]]:
        """What clips are labelled, each once; `label_codes` are places in it."""
        return list(dict.fromkeys(c.labels for c in self.clips))

    @cached_property
    def label_codes(self) -> np.ndarray:
        """int64 [clips]"""
        place = {labels: i for i, labels in enumerate(self.label_sets)}
        return np.array([place[c.labels] for c in self.clips], np.int64)

    @cached_property
    def levels(self) -> np.ndarray:
        """Each clip's active_rms, float64 [clips]."""
        return np.array([c.active_rms for c in self.clips], np.float64)

    @classmethod
    def open(cls, path: str | Path) -> Pack:
        """Raises DataError: not a pack, another format, or files that do not belong together."""
        path = Path(path)
        if not is_pack(path):
            raise DataError(f"{path} is not a pack: it has no dataset.json. 'auricle import SOURCE PACK' makes one.")
        try:
            info = json.loads((path / "dataset.json").read_text(encoding="utf-8"))
            if info["format"] != FORMAT:
                raise DataError(
                    f"{path} has pack format {info['format']}; wanted {FORMAT}. Import the recordings again."
                )
            clips = read_index(path / "index.csv")
            size = (path / "audio.i16").stat().st_size
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            raise DataError(f"{path} is a damaged pack ({error}). Import the recordings again.") from error
        wanted = 2 * max((c.offset_samples + c.length_samples for c in clips), default=0)
        if size < wanted:
            raise DataError(
                f"{path}/audio.i16 has {size} bytes, its index needs {wanted}. Import the recordings again."
            )
        return cls(path, info, clips)

    @property
    def rate_hz(self) -> int:
        return int(self.info["rate_hz"])

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label that occurs, in the order of the model's outputs (background apart)."""
        return tuple(self.info["labels"])

    @property
    def multi_label(self) -> bool:
        return bool(self.info["multi_label"])

    @property
    def fingerprint(self) -> str:
        return str(self.info["fingerprint"])

    @property
    def seconds(self) -> float:
        return sum(c.length_samples for c in self.clips) / self.rate_hz

    def __len__(self) -> int:
        return len(self.clips)

    def audio(self, i: int) -> np.ndarray:
        """Samples of clip i, int16 [n], a read-only view of the file."""
        clip = self.clips[i]
        return self.samples[clip.offset_samples : clip.offset_samples + clip.length_samples]

    @property
    def samples(self) -> np.ndarray:
        """The whole of audio.i16, memory-mapped."""
        if self._audio is None:
            empty = not any(c.length_samples for c in self.clips)
            mapped = np.zeros(0, "<i2") if empty else np.memmap(self.path / "audio.i16", dtype="<i2", mode="r")
            self._audio = mapped
        return self._audio

    def select(self, split: str = "", fold: str = "", not_fold: str = "") -> list[int]:
        """Indices of the clips of a split and fold; an empty argument does not select."""
        return [
            i
            for i, c in enumerate(self.clips)
            if (not split or c.split == split) and (not fold or c.fold == fold) and (not not_fold or c.fold != not_fold)
        ]

    def counts(self, indices: Iterable[int] | None = None) -> Counter[str]:
        """Clips per label."""
        chosen = self.clips if indices is None else [self.clips[i] for i in indices]
        return Counter(label for c in chosen for label in c.labels)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_audio": None}


def open_data(path: str | Path, rate_hz: int) -> Pack:
    """What is given as --data: a pack, or plain recordings, which the trainer packs once and keeps beside them.

    Raises:
        DataError: nothing there, a pack of another rate, or plain recordings without the trainer installed.
    """
    path = Path(path)
    if is_pack(path):
        pack = Pack.open(path)
        if pack.rate_hz != rate_hz:
            raise DataError(
                f"{path} has a rate of {pack.rate_hz} Hz; wanted {rate_hz} Hz. "
                f"Import the recordings again with --rate {rate_hz}."
            )
        return pack
    if not path.exists():
        raise DataError(
            f"{path} does not exist. Wanted: a pack, a folder of class folders, a CSV manifest or a pickle."
        )
    points = list(entry_points(group=FOLDERS))
    if not points:
        raise DataError(
            f"{path} is not a pack, and reading plain recordings needs the trainer, which is not installed: "
            "pip install auricle-trainer, or run 'auricle import' where it is and copy the pack here."
        )
    opened: Pack = points[0].load()(path, rate_hz)
    return opened
