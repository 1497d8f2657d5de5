"""`auricle evaluate --few-shot`: classes that the model was not trained on, told apart by a few clips of each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import numpy as np

SHOTS = (1, 5, 10)


def evaluate_few_shot(
    model: Path,
    data: Path,
    split: str,
    where: str | None,
    ways: int,
    episodes: int,
    seed: int,
    background: Path | None,
    json_file: Path | None,
    picture: Path | None,
) -> None:
    """Print, write and draw the figures; K for which there are too few clips are left out, and that is said."""
    from .embeddings import clip_embeddings
    from .errors import DataError
    from .evaluate_command import background_audio, chosen_clips, show_progress
    from .few_shot import FewShot, as_text, few_shot
    from .files import write_text
    from .metadata import BACKGROUND
    from .pack import open_data
    from .scorer import open_scorer

    scorer = open_scorer(model)
    rate_hz = scorer.metadata.rate_hz
    pack = open_data(data, rate_hz)
    chosen = [i for i in chosen_clips(pack, split, where) if len(pack.clips[i].labels) == 1]
    trained = {*scorer.metadata.labels, BACKGROUND}
    clips = [i for i in chosen if pack.clips[i].labels[0] not in trained]
    left_out = sorted({pack.clips[i].labels[0] for i in chosen} & trained)
    if not clips:
        raise DataError(
            f"Every class of {data} (split {split}) is one that the model was trained on: {', '.join(left_out)}. "
            "Few-shot figures need classes that it never heard."
        )
    labels = [pack.clips[i].labels[0] for i in clips]
    room = background_audio(background, rate_hz)
    vectors = clip_embeddings(scorer, pack, clips, room, progress=show_progress)
    found: list[FewShot] = []
    for shots in SHOTS:
        try:
            found.append(few_shot(vectors, labels, ways, shots, episodes, seed))
        except DataError as error:
            if shots == SHOTS[0]:
                raise
            click.echo(f"Left out: {error}", err=True)
    names = sorted(set(labels))
    result: dict[str, Any] = {
        "labels": names,
        "known_labels_left_out": left_out,
        "clips": len(clips),
        "speakers": len({pack.clips[i].speaker for i in clips} - {""}),
        "few_shot": [f.to_dict() for f in found],
    }
    if picture is not None:
        _draw(vectors, labels, picture)
    _tell(result, as_text(found, names, left_out), json_file, write_text)


def _tell(result: dict[str, Any], text: str, json_file: Path | None, write_text: Any) -> None:
    values = json.dumps(result, indent=2, ensure_ascii=False)
    click.echo(values if str(json_file) == "-" else text)
    if json_file is not None and str(json_file) != "-":
        write_text(json_file, values + "\n")


def _draw(vectors: np.ndarray, labels: list[str], picture: Path) -> None:
    from .errors import AuricleError

    try:
        from auricle_trainer.metrics.embedding import embedding_figure
        from auricle_trainer.metrics.plots import save
    except ImportError as error:
        raise AuricleError("--picture needs auricle-trainer (it draws with matplotlib).") from error
    save(embedding_figure(vectors, labels), picture)
