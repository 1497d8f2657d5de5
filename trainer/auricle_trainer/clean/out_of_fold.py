"""What networks say of clips that they were not trained on, of every clip once.

    fold 0   [held out] [  train  ] [  train  ]
    fold 1   [  train  ] [held out] [  train  ]
    fold 2   [  train  ] [  train  ] [held out]

A speaker, else a group, lies in one fold: a voice that was learned would vouch for its own wrong labels. Copies lie in
one fold always.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from auricle_shared.decision import frame_scores, pool_clip
from auricle_shared.errors import AuricleError, DataError
from auricle_shared.evaluate import clip_frame_logits
from auricle_shared.pack import Pack

from ..checkpoint import BEST
from ..config import Config, changed
from ..folds import fold_numbers
from ..synthetic_background import write_background_pack
from ..torch_scorer import open_if_checkpoint
from ..train import say, train

BACKGROUND_SECONDS = 120.0
FEW_EPOCHS = ("training.epochs=12", "training.average=0.0", "training.streams=16")
"""Changes to the config `gru` that let it learn enough in a quarter of its epochs: shorter steps, and no average over
weights that have hardly begun"""


@dataclass(frozen=True)
class OutOfFold:
    """Probabilities of clips by networks that had not heard them."""

    clips: list[int]
    """indices in the pack; those whose label no other fold has are left out"""
    labels: list[str]
    probabilities: np.ndarray
    """[clips, labels]"""

    def agreement(self, pack: Pack) -> float:
        """Share of the clips that are heard as they are labelled."""
        said = (self.labels[k] for k in self.probabilities.argmax(axis=1))
        return float(np.mean([pack.clips[i].labels[0] == label for i, label in zip(self.clips, said, strict=True)]))


def folds_of(
    pack: Pack, clips: Sequence[int], folds: int, copies: Iterable[tuple[int, int]] = (), by_clip: bool = False
) -> dict[int, int]:
    """Clip -> its fold, with copies in the fold of what they are copies of.

    Args:
        by_clip: speakers and groups may lie in several folds.

    Raises:
        DataError: everything is of one speaker or group.
    """
    known = [pack.clips[i] for i in clips]
    known = [replace(c, speaker="", group="") for c in known] if by_clip else known
    numbers = dict(zip(clips, fold_numbers(known, folds), strict=True))
    for kept, copy in copies:
        if kept in numbers and copy in numbers:
            numbers[copy] = numbers[kept]
    if len(set(numbers.values())) < 2:
        raise DataError(
            f"All clips of {pack.path} are of one speaker or group: nothing can be learned without it. "
            "Let folds share speakers with --by-clip, or leave the search for wrong labels out with --no-training."
        )
    return numbers


def out_of_fold(
    pack: Pack, numbers: dict[int, int], config: Config, background: Pack | None, seed: int, device: torch.device
) -> OutOfFold:
    """Train a network for each fold on all others, whatever their split, and ask it about the fold.

    Args:
        numbers: clip -> its fold.
        background: runs on behind the sounds; None: a synthetic one.

    Raises:
        DataError: several labels at once, or too few clips to train on.
        AuricleError: stopped by Ctrl-C.
    """
    if pack.multi_label:
        raise DataError(f"{pack.path} has clips of several labels at once; their labels are not checked.")
    columns = {i: replace(pack.clips[i], split="", fold=str(number)) for i, number in numbers.items()}
    view = Pack(pack.path, {**pack.info, "splits": {"": len(numbers)}}, list(columns.values()))
    found: dict[int, np.ndarray] = {}
    with tempfile.TemporaryDirectory(prefix="auricle-clean-") as folder:
        place = Path(folder) / "background"
        noise = background or write_background_pack(place, BACKGROUND_SECONDS, pack.rate_hz, seed)
        names = sorted(set(numbers.values()))
        for done, number in enumerate(names, 1):
            say(f"fold {done} of {len(names)}")
            held = [k for k, c in enumerate(view.clips) if c.fold == str(number)]
            known = {c.labels[0] for c in view.clips if c.fold != str(number)}
            held = [k for k in held if view.clips[k].labels[0] in known]
            found |= _asked(view, held, _for_fold(config, number), noise, Path(folder) / str(number), seed, device)
    order, clips = sorted(found), list(columns)
    return OutOfFold([clips[k] for k in order], list(pack.labels), np.array([found[k] for k in order]))


def _for_fold(config: Config, number: int) -> Config:
    held = ["data.held_out_column=fold", f"data.held_out_value={number}", "data.folds=0"]
    return changed(config, [*held, "calibration.minutes=0"])


def _asked(
    view: Pack, held: list[int], config: Config, noise: Pack, run: Path, seed: int, device: torch.device
) -> dict[int, np.ndarray]:
    """Place in `view` -> probabilities [labels]."""
    if not train(config, view, noise, run, device, seed).finished:
        raise AuricleError("Stopped. Nothing was written; without the search for wrong labels: --no-training.")
    scorer = open_if_checkpoint(run / "checkpoints" / BEST)
    assert scorer is not None
    columns = [scorer.metadata.labels.index(label) for label in view.labels]
    hop_seconds = scorer.metadata.spectrogram.hop_seconds
    logits = [pool_clip(x, hop_seconds)[columns] for x in clip_frame_logits(scorer, view, held)]
    return dict(zip(held, frame_scores(np.array(logits), "softmax", 1.0), strict=True)) if held else {}
