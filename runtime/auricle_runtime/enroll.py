"""`auricle enroll`: a new sound from a few recordings, without training."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from auricle_shared.errors import DataError

if TYPE_CHECKING:
    from auricle_shared.enrolment import EnrolledSound, HeardClip

    from .onnx_scorer import OnnxScorer


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("name", required=False)
@click.argument("clips", nargs=-1, type=click.Path(path_type=Path))
@click.option("--record", type=click.IntRange(1, 50), metavar="N", help="Record N sounds from the microphone instead.")
@click.option("--device", help="Microphone: index, name or a part of the name.")
@click.option("--negatives", multiple=True, type=click.Path(path_type=Path),
              help="Recordings, or a folder of them, without the sound: nothing in them may set it off.")  # fmt: skip
@click.option("--enrolled", type=click.Path(path_type=Path), help="The file; default MODEL.enrolled.json beside it.")
@click.option("--replace", "anew", is_flag=True, help="Enrol a name again, in place of its old clips.")
@click.option("--force", is_flag=True, help="Also where most clips would not be found from the other ones.")
@click.option("--list", "listing", is_flag=True, help="Tell what is enrolled.")
@click.option("--rename", metavar="NEW", help="Give NAME another name.")
@click.option("--remove", is_flag=True, help="Forget NAME.")
@click.option("--json", "as_json", is_flag=True, help="Tell it as JSON on standard output.")
def enroll(
    model: Path,
    name: str | None,
    clips: tuple[Path, ...],
    record: int | None,
    device: str | None,
    negatives: tuple[Path, ...],
    enrolled: Path | None,
    anew: bool,
    force: bool,
    listing: bool,
    rename: str | None,
    remove: bool,
    as_json: bool,
) -> None:
    """Teach MODEL.onnx the sound NAME from CLIPs (files or folders), one sound in each; 3 to 10 are good.

    The model needs an embedding ('auricle train embedding'). Nothing is trained: the sounds go into a small JSON file
    beside the model, which 'auricle listen MODEL --enrolled' reads.

    \b
    Example:
      auricle enroll model.onnx doorbell ring1.wav ring2.wav ring3.wav
      auricle enroll model.onnx whistle --record 5 --negatives room.wav
      auricle enroll model.onnx --list
      auricle enroll model.onnx doorbell --rename bell
      auricle enroll model.onnx bell --remove
    """
    from auricle_shared.enrolled_file import default_path, read_enrolled, write_enrolled

    from .onnx_scorer import OnnxScorer

    _check_usage(name, clips, record, listing, rename, remove)
    scorer = OnnxScorer(model, "cpu")
    file = enrolled or default_path(model)
    there = file.exists() or listing or rename or remove
    sounds = read_enrolled(file, model, scorer.metadata.embedding_size) if there else []
    if listing:
        _tell(sounds, as_json)
        return
    assert name is not None
    if rename or remove:
        sounds = _changed(sounds, name, rename, file)
        write_enrolled(file, model, sounds)
        click.echo(f"{name} is called {rename} now." if rename else f"{name} is forgotten.")
        return
    sound = _enrolled(scorer, name, clips, record, device, negatives, [s.name for s in sounds if not anew], force)
    write_enrolled(file, model, [*(s for s in sounds if s.name != name), sound])
    _tell([sound], as_json)
    click.echo(f"wrote {file}; next: auricle listen {model} --enrolled {file}", err=True)


def _check_usage(
    name: str | None, clips: Sequence[Path], record: int | None, listing: bool, rename: str | None, remove: bool
) -> None:
    if listing + bool(rename) + remove > 1:
        raise click.UsageError("--list, --rename and --remove do different things; give one of them.")
    if not listing and name is None:
        raise click.UsageError("A NAME for the sound is missing.")
    if (listing or rename or remove) and (clips or record):
        raise click.UsageError("--list, --rename and --remove take no clips.")
    if not (listing or rename or remove) and bool(clips) == bool(record):
        raise click.UsageError("Give either clips of the sound or --record N.")


def _enrolled(
    scorer: OnnxScorer,
    name: str,
    clips: Sequence[Path],
    record: int | None,
    device: str | None,
    negatives: Sequence[Path],
    taken: Sequence[str],
    force: bool,
) -> EnrolledSound:
    from auricle_shared.embeddings import decode_vectors
    from auricle_shared.enrolment import EnrolmentError, check_name, doubts, enrol

    from .hear_clips import MOST_EXCERPTS, audio_files, hear_clip, hear_recording, read_clip

    metadata = scorer.metadata
    if not metadata.embedding_size:
        raise EnrolmentError(
            f"{scorer.path} has no embedding, so nothing can be enrolled. Wanted: a model of a config with one "
            "('auricle train embedding')."
        )
    check_name(name, metadata.labels, taken)
    quiet: list[np.ndarray] = []
    place: list[np.ndarray] = []
    for file in [file for path in negatives for file in audio_files(path)]:
        click.echo(f"hearing {file} ...", err=True)
        frames, excerpt = hear_recording(scorer, file)
        quiet.append(frames)
        place += [excerpt] if len(excerpt) and len(place) < MOST_EXCERPTS else []
    if record:
        heard = list(_recorded(scorer, record, device, place))
    else:
        files = [file for path in clips for file in audio_files(path)]
        heard = [hear_clip(scorer, read_clip(file, metadata.rate_hz), str(file), place) for file in files]
    others = decode_vectors(metadata.carried_embeddings, metadata.embedding_size)
    sound = enrol(name, heard, others, metadata.hop_samples / metadata.rate_hz, quiet)
    found = sound.told["found_from_the_others"]
    for doubt in doubts(sound):
        click.echo(f"Warning: {doubt}.", err=True)
    if len(heard) > 1 and found < len(heard) / 2 and not force:
        raise EnrolmentError(
            f"Only {found} of {len(heard)} clips of {name!r} would be found from the others; wanted: at least half. "
            "Record clips that are more alike, or use --force."
        )
    return sound


def _recorded(scorer: OnnxScorer, count: int, device: str | None, place: Sequence[np.ndarray]) -> Iterator[HeardClip]:
    from .cut_sounds import cut_sounds
    from .hear_clips import hear_clip
    from .sources.microphone import Microphone

    rate_hz = scorer.metadata.rate_hz
    source = Microphone(rate_hz, device)
    try:
        click.echo(f"{source.description}: make the sound {count} times, with a pause of a second between.", err=True)
        blocks = source.blocks(lost=lambda reason: click.echo(f"{reason}.", err=True))
        sounds = cut_sounds((block.samples for block in blocks), rate_hz)
        for number, samples in zip(range(1, count + 1), sounds, strict=False):
            click.echo(f"  {number} of {count}: {len(samples) / rate_hz:.1f} s", err=True)
            yield hear_clip(scorer, samples, f"microphone {number}", place)
    finally:
        source.close()


def _changed(sounds: Sequence[EnrolledSound], name: str, new: str | None, file: Path) -> list[EnrolledSound]:
    from auricle_shared.enrolment import check_name

    names = [sound.name for sound in sounds]
    if name not in names:
        raise DataError(f"{file} has no sound {name!r}. It has: {', '.join(names) or 'none'}.")
    if new is None:
        return [sound for sound in sounds if sound.name != name]
    check_name(new, (), names)
    return [replace(sound, name=new) if sound.name == name else sound for sound in sounds]


def _tell(sounds: Sequence[EnrolledSound], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([_plain(sound) for sound in sounds], indent=2, ensure_ascii=False))
        return
    for sound in sounds:
        told = sound.told
        sure = f"{told['found_from_the_others']} of {told['clips']} found from the other clips" if told["clips"] else ""
        near = max(told["highest_of_the_carried"], told["highest_of_the_negatives"])
        parts = [f"{len(sound.sources)} clips", sure, f"threshold {sound.settings.on_threshold:.2f}"]
        parts.append(f"other sounds reach {near:.2f}")
        click.echo(f"{sound.name}: " + ", ".join(part for part in parts if part))


def _plain(sound: EnrolledSound) -> dict[str, Any]:
    return {
        "name": sound.name,
        "sources": list(sound.sources),
        "threshold": sound.settings.on_threshold,
        "smoothing_seconds": sound.settings.smoothing_seconds,
        "similarity": np.round(sound.prototypes @ sound.prototypes.T, 3).tolist(),
        **sound.told,
    }
