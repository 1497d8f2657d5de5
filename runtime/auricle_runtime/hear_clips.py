"""Recordings as a model hears them for enrolment: from files, as weighted frames of embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from auricle_shared.audio import AudioFile, Resampler, read_audio
from auricle_shared.embeddings import frame_weights
from auricle_shared.enrolment import EnrolmentError, HeardClip
from auricle_shared.levels import SILENT_PEAK
from auricle_shared.pack import active_rms
from auricle_shared.scorer import Scorer
from auricle_shared.stream import StreamFrames, StreamingClassifier

ROOM_SECONDS, ROOM_DB = 1.0, -60.0
"""A quiet room before every clip: on a device, no sound is the first thing that is ever heard"""
LONGEST_CLIP_SECONDS = 30.0
LONGEST_RECORDING_SECONDS = 4 * 3600.0
READ_SAMPLES = 1 << 16
QUIETEST_DB = -70.0
PLACE_SNR_DB = (20.0, 10.0)
"""A clip is also heard so far above the recordings of the place"""
EXCERPT_SECONDS, MOST_EXCERPTS = 30.0, 100
"""Of every recording of the place what clips are heard over, and of so many recordings"""


def hear_clip(scorer: Scorer, samples: np.ndarray, source: str, place: Sequence[np.ndarray] = ()) -> HeardClip:
    """A clip, float32 [n] at the model's rate, after a second of quiet room; and over the place's own sound.

    Args:
        place: recordings of where it is to be found, float32 at the model's rate.

    Raises:
        EnrolmentError: silent.
    """
    level_db = 20 * np.log10(max(float(np.abs(samples).max(initial=0.0)), 1e-9))
    if level_db < QUIETEST_DB:
        raise EnrolmentError(f"{source} is silent (its peak is {level_db:.0f} dB). Record it again, louder or nearer.")
    rate_hz, levels = scorer.metadata.rate_hz, PLACE_SNR_DB if place else ()
    noisy = tuple(_heard(scorer, over(samples, place, snr_db, rate_hz)) for snr_db in levels)
    return HeardClip(source, _heard(scorer, samples), noisy)


def _heard(scorer: Scorer, samples: np.ndarray) -> np.ndarray:
    metadata = scorer.metadata
    classifier = StreamingClassifier(scorer, embed=True)
    room = np.random.default_rng(3).standard_normal(round(ROOM_SECONDS * metadata.rate_hz)) * 10 ** (ROOM_DB / 20)
    hop = metadata.hop_samples
    classifier.feed(room[: len(room) // hop * hop].astype(np.float32))
    parts = [classifier.feed(samples), classifier.flush()]
    return np.concatenate([weighted(scorer, part) for part in parts])


def over(samples: np.ndarray, place: Sequence[np.ndarray], snr_db: float, rate_hz: int) -> np.ndarray:
    """A clip over a stretch of one of the recordings, limited to full scale; which stretch, the clip alone decides.

    Args:
        snr_db: of the clip's active frames over that stretch.
    """
    rng = np.random.default_rng([len(samples), round(1e6 * float(np.abs(samples).mean())), round(snr_db)])
    recording = place[int(rng.integers(len(place)))]
    start = rng.integers(len(recording))
    noise = np.take(recording, np.arange(start, start + len(samples)), mode="wrap")
    level = float(np.sqrt(np.mean(np.square(noise, dtype=np.float64))))
    gain = active_rms(samples, rate_hz) / max(level, SILENT_PEAK) * 10 ** (-snr_db / 20)
    return np.clip(samples + np.float32(gain) * noise, -1.0, 1.0)


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


def hear_recording(scorer: Scorer, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Weighted frames [F, D] of a long recording, read and scored piece by piece; and its first EXCERPT_SECONDS."""
    classifier = StreamingClassifier(scorer, embed=True)
    with AudioFile(path) as file:
        if file.length_samples > LONGEST_RECORDING_SECONDS * file.rate_hz:
            raise EnrolmentError(
                f"{path} lasts more than {LONGEST_RECORDING_SECONDS / 3600:g} hours. Give a part of it."
            )
        resampler = Resampler(file.rate_hz, scorer.metadata.rate_hz)
        found, excerpt, missing = [], [], round(EXCERPT_SECONDS * scorer.metadata.rate_hz)
        for piece in file.blocks(READ_SAMPLES):
            samples = resampler.feed(piece)
            found.append(weighted(scorer, classifier.feed(samples)))
            excerpt.append(samples[:missing])
            missing -= len(excerpt[-1])
    return np.concatenate([*found, weighted(scorer, classifier.flush())]), np.concatenate(excerpt)


def audio_files(path: Path) -> list[Path]:
    """A file itself, or all files below a folder that could be recordings, in order of name."""
    if path.is_file():
        return [path]
    endings = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff")
    found = sorted(p for p in path.rglob("*") if p.suffix.lower() in endings) if path.is_dir() else []
    if not found:
        raise EnrolmentError(f"{path} holds no recordings. Wanted: WAV, FLAC, Ogg or MP3 files, or a folder of them.")
    return found
