"""Recordings as a model hears them for enrolment: from files, as weighted frames of embeddings."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from auricle_shared.audio import AudioFile, Resampler, read_audio
from auricle_shared.embeddings import frame_weights
from auricle_shared.enrolment import EnrolmentError, HeardClip
from auricle_shared.scorer import Scorer
from auricle_shared.stream import StreamFrames, StreamingClassifier

ROOM_SECONDS, ROOM_DB = 1.0, -60.0
"""A quiet room before every clip: on a device, no sound is the first thing that is ever heard"""
LONGEST_CLIP_SECONDS = 30.0
LONGEST_RECORDING_SECONDS = 4 * 3600.0
READ_SAMPLES = 1 << 16
QUIETEST_DB = -70.0


def hear_clip(scorer: Scorer, samples: np.ndarray, source: str) -> HeardClip:
    """A clip, float32 [n] at the model's rate, after a second of quiet room.

    Raises:
        EnrolmentError: silent.
    """
    level_db = 20 * np.log10(max(float(np.abs(samples).max(initial=0.0)), 1e-9))
    if level_db < QUIETEST_DB:
        raise EnrolmentError(f"{source} is silent (its peak is {level_db:.0f} dB). Record it again, louder or nearer.")
    metadata = scorer.metadata
    classifier = StreamingClassifier(scorer, embed=True)
    room = np.random.default_rng(3).standard_normal(round(ROOM_SECONDS * metadata.rate_hz)) * 10 ** (ROOM_DB / 20)
    hop = metadata.hop_samples
    classifier.feed(room[: len(room) // hop * hop].astype(np.float32))
    parts = [classifier.feed(samples), classifier.flush()]
    return HeardClip(source, np.concatenate([weighted(scorer, part) for part in parts]))


def weighted(scorer: Scorer, frames: StreamFrames) -> np.ndarray:
    """[k, D]: the embedding of every frame times its weight."""
    assert frames.embedding is not None
    return np.asarray(frames.embedding * frame_weights(frames.scores, scorer.metadata)[:, None])


def read_clip(path: Path, rate_hz: int) -> np.ndarray:
    """float32 [n] at `rate_hz`.

    Raises:
        EnrolmentError: too long for one sound.
    """
    with AudioFile(path) as file:
        seconds = file.length_samples / file.rate_hz
    if seconds > LONGEST_CLIP_SECONDS:
        raise EnrolmentError(
            f"{path} lasts {seconds:.0f} s; a clip to enrol holds the sound once, in at most "
            f"{LONGEST_CLIP_SECONDS:g} s. Cut it, or give long recordings as --negatives."
        )
    return read_audio(path, rate_hz)[0]


def hear_recording(scorer: Scorer, path: Path) -> np.ndarray:
    """Weighted frames [F, D] of a long recording, read and scored piece by piece."""
    classifier = StreamingClassifier(scorer, embed=True)
    with AudioFile(path) as file:
        if file.length_samples > LONGEST_RECORDING_SECONDS * file.rate_hz:
            raise EnrolmentError(
                f"{path} lasts more than {LONGEST_RECORDING_SECONDS / 3600:g} hours. Give a part of it."
            )
        resampler = Resampler(file.rate_hz, scorer.metadata.rate_hz)
        found = [weighted(scorer, classifier.feed(resampler.feed(piece))) for piece in file.blocks(READ_SAMPLES)]
    return np.concatenate([*found, weighted(scorer, classifier.flush())])


def audio_files(path: Path) -> list[Path]:
    """A file itself, or all files below a folder that could be recordings, in order of name."""
    if path.is_file():
        return [path]
    endings = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff")
    found = sorted(p for p in path.rglob("*") if p.suffix.lower() in endings) if path.is_dir() else []
    if not found:
        raise EnrolmentError(f"{path} holds no recordings. Wanted: WAV, FLAC, Ogg or MP3 files, or a folder of them.")
    return found
