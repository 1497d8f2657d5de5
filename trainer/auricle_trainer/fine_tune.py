"""Fine-tuning: a finished run learns from recordings of its own mistakes, guarded by clips that it never trains on.

The old training clips stay, and the added ones come as often as a cap allows, so that the network does not forget. The
result is compared with the old model on held-out clips before anybody uses it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from auricle_shared.errors import DataError, ModelError
from auricle_shared.evaluate import judge_clips
from auricle_shared.files import write_text
from auricle_shared.metadata import BACKGROUND
from auricle_shared.pack import Clip, Pack, PackWriter
from auricle_shared.paired import mcnemar, paired_difference
from auricle_shared.scorer import Scorer

from .checkpoint import BEST, checkpoint_path, load_checkpoint, restore, save_checkpoint
from .config import Config, DataSettings, changed
from .selection import select_clips
from .torch_scorer import TorchScorer

OWN_SHARE = 0.2
"""Most events of a training epoch that are added clips"""
MOST_REPEATS = 20
"""Most often that one added clip comes in an epoch"""
EPOCHS_SHARE, LEAST_EPOCHS = 0.25, 4
LEARNING_RATE_SHARE = 0.3
MOST_LOSS = 0.01
"""Held-out accuracy may fall by at most this much"""
ADDED = "added"
"""Name of the held-out group of clips that were added; also the prefix of their sources in the combined pack"""


@dataclass(frozen=True)
class Beginning:
    """What a fine-tuned run begins with."""

    run: Path
    config: Config
    """of the new run"""
    weights: Mapping[str, Tensor]
    labels: tuple[str, ...]
    """in the order of the old run's outputs"""
    seed: int
    run_id: str


def begin_from(run: Path, changes: Sequence[str]) -> Beginning:
    """The best checkpoint of a run, and its config with fewer epochs, a lower learning rate, and `changes`."""
    values = load_checkpoint(checkpoint_path(run))
    _, metadata, config = restore(values)
    if metadata.activation != "softmax":
        raise ModelError(f"{run} tells several sounds at once; fine-tuning is for models of one sound at a time.")
    epochs = max(LEAST_EPOCHS, round(EPOCHS_SHARE * config.training.epochs))
    rate = LEARNING_RATE_SHARE * config.training.learning_rate
    config = replace(
        config,
        data=DataSettings(report_as=config.data.report_as),
        training=replace(config.training, epochs=epochs, learning_rate=rate),
    )
    weights, provenance = values["model"], metadata.provenance
    return Beginning(
        run, changed(config, changes), weights, metadata.labels, int(provenance["seed"]), str(provenance["run_id"])
    )


def old_selection(run: Path, pack: Pack) -> tuple[list[int], list[int], list[int]]:
    """Training, validation and held-out clips of the data that a run was trained on.

    Held out are the pack's own test clips; where it has none, every second group of the validation clips, which chose
    the old run's best epoch and nothing else.

    Raises:
        DataError: other data than the run was trained on.
    """
    values = load_checkpoint(checkpoint_path(run))
    _, metadata, config = restore(values)
    if pack.fingerprint != values["data_fingerprint"]:
        raise DataError(
            f"{pack.path} has the fingerprint {pack.fingerprint}; {run} was trained on {values['data_fingerprint']}. "
            "Say with --data where its data are."
        )
    selection = select_clips(pack, config.data, int(metadata.provenance["seed"]))
    known = {*selection.train, *selection.validation}
    labels = set(metadata.labels)
    test = [i for i in pack.select("test") if i not in known and set(pack.clips[i].labels) <= labels]
    if test:
        return selection.train, selection.validation, test
    groups = sorted({_group(pack.clips[i], i) for i in selection.validation})
    held = set(groups[::2])
    validation = [i for i in selection.validation if _group(pack.clips[i], i) not in held]
    return selection.train, validation, [i for i in selection.validation if _group(pack.clips[i], i) in held]


def _group(clip: Clip, number: int) -> str:
    return clip.group or clip.speaker or f"#{number}"


def repeats(old: int, added: int, own_share: float) -> tuple[int, int]:
    """How often an old and an added clip come in an epoch, so that added ones are at most `own_share` of all.

    repeats(3000, 10, 0.2) == (1, 20): few added clips come MOST_REPEATS times, 6 % of all.
    repeats(100, 100, 0.2) == (4, 1): many added clips make the old ones come more often.
    """
    if not added:
        return 1, 0
    most = own_share / (1 - own_share) * old / added
    if most >= 1:
        return 1, min(MOST_REPEATS, int(most))
    return int(np.ceil(1 / most)), 1


def combined_pack(path: Path, run: Path, old: Pack, added: Pack, own_share: float) -> Pack:
    """Both packs as one, with the splits written down: test is held out, and the added clips train and validate.

    A clip that comes several times in an epoch has several rows and its audio once.

    Raises:
        DataError: packs that do not go together.
    """
    if added.rate_hz != old.rate_hz:
        raise DataError(
            f"{added.path} has {added.rate_hz} Hz, {old.path} {old.rate_hz} Hz. Import it with --rate {old.rate_hz}."
        )
    usable = [i for i, c in enumerate(added.clips) if c.length_samples and len(c.labels) == 1]
    if not usable:
        raise DataError(f"{added.path} has no clips with one label each to learn from.")
    heard = {clip.sha256 for clip in old.clips}
    usable = [i for i in usable if added.clips[i].sha256 not in heard]
    if not usable:
        raise DataError(f"All clips of {added.path} are in {old.path} already.")
    train, validation, held = old_selection(run, old)
    of_old, of_added = repeats(len(train), len(usable), own_share)
    with PackWriter(path, old.rate_hz, str(old.info.get("licence", ""))) as writer:
        for split, clips, times in (("train", train, of_old), ("val", validation, 1), ("test", held, 1)):
            for i in clips:
                _add(writer, old, i, split, times, old.clips[i].source)
        for i in usable:
            clip = _add(writer, added, i, "train", of_added, f"{ADDED}/{added.clips[i].source}")
            writer.clips.append(replace(clip, split="val"))
    return Pack.open(path)


def _add(writer: PackWriter, pack: Pack, i: int, split: str, times: int, source: str) -> Clip:
    clip = pack.clips[i]
    columns = {name: getattr(clip, name) for name in ("fold", "speaker", "group")}
    written = writer.add(pack.audio(i), clip.labels, split=split, source=source, **columns)
    writer.clips += [written] * (times - 1)
    return written


def adapted(beginning: Beginning, labels: Sequence[str], fresh: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The old weights for a network with other labels: known labels keep their outputs, new ones begin as `fresh`."""
    weights = {name: value.clone() for name, value in beginning.weights.items()}
    for name in ("network.output.weight", "network.output.bias"):
        value = fresh[name].clone()
        for place, label in enumerate(labels):
            if label in beginning.labels:
                value[place] = beginning.weights[name][beginning.labels.index(label)]
        weights[name] = value
    return weights


def before_and_after(run: Path, new: Path, pack: Pack) -> dict[str, Any]:
    """Old and new model on the held-out clips and on the added ones, and whether the new one may take its place."""
    scorers = [TorchScorer(*restore(load_checkpoint(checkpoint_path(path)))[:2]) for path in (run, new)]
    held = pack.select("test")
    added = [i for i in pack.select("val") if pack.clips[i].source.startswith(f"{ADDED}/")]
    found = {"held_out": _both(scorers, pack, held), "added": _both(scorers, pack, added)}
    fallen = found["held_out"]["before"] - found["held_out"]["after"]
    return {"from": str(run), **found, "most_loss": MOST_LOSS, "accepted": fallen <= MOST_LOSS + 1e-9}


def _both(scorers: Sequence[Scorer], pack: Pack, clips: Sequence[int]) -> dict[str, Any]:
    known = set(scorers[0].metadata.labels) | {BACKGROUND}
    usable = [i for i in clips if pack.clips[i].labels[0] in known]
    if not usable:
        return {"clips": 0, "before": 0.0, "after": 0.0}
    old, new = (judge_clips(scorer, pack, usable).alone for scorer in scorers)
    return {
        "clips": len(usable),
        "before": float(old.right.mean()),
        "after": float(new.right.mean()),
        "recall": {label: [_recall(o.report(), label) for o in (old, new)] for label in old.labels},
        "difference": paired_difference(old.right, new.right).to_dict(),
        "mcnemar": mcnemar(old.right, new.right).to_dict(),
    }


def _recall(report: Mapping[str, Any], label: str) -> float | None:
    place = report["labels"].index(label)
    row = report["confusion"][place]
    return row[place] / sum(row) if sum(row) else None


def keep_verdict(folder: Path, found: dict[str, Any]) -> None:
    """Write fine_tuning.json, and the verdict into the best checkpoint, where the export reads it."""
    write_text(folder / "fine_tuning.json", json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    path = folder / "checkpoints" / BEST
    values = load_checkpoint(path)
    _, metadata, _ = restore(values)
    told = {key: found[key] for key in ("from", "accepted")}
    told |= {key: {k: found[key][k] for k in ("clips", "before", "after")} for key in ("held_out", "added")}
    metadata = replace(metadata, provenance={**metadata.provenance, "fine_tuning": told})
    save_checkpoint(path, {**values, "metadata": metadata.to_strings()})


def as_text(found: Mapping[str, Any]) -> str:
    """Lines for people: before and after, and what to do."""
    lines = [f"{'':26}  clips   before    after"]
    for key, words in (("held_out", "held out, never trained on"), ("added", "added, trained on")):
        part = found[key]
        lines.append(f"{words:26}  {part['clips']:5}  {100 * part['before']:5.1f} %  {100 * part['after']:5.1f} %")
    for label, (before, after) in found["held_out"].get("recall", {}).items():
        if before is not None and before != after:
            lines.append(f"  recall of {label}: {100 * before:.1f} % before, {100 * after:.1f} % after")
    if not found["accepted"]:
        lines.append(
            f"NOT ACCEPTED: more than {100 * found['most_loss']:g} point lost on held-out clips. Keep the old model, "
            "add more recordings of what was lost, or lower --own-share."
        )
    return "\n".join(lines)


def new_weights(beginning: Beginning, model: torch.nn.Module, labels: Sequence[str]) -> None:
    """Put the old weights into a freshly made model."""
    model.load_state_dict(adapted(beginning, labels, model.state_dict()))
