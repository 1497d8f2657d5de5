"""Music-like tones (hard negatives): chords, arpeggios and melodies on plucked, blown and bowed timbres."""

from __future__ import annotations

import numpy as np

from .draws import Draws
from .tones import EDGE, add_at, seconds_axis

CHORDS = ((0, 4, 7), (0, 3, 7), (0, 5, 9), (0, 4, 7, 10), (0, 3, 7, 10))
"""semitones over the root: major, minor, second inversion, dominant and minor seventh"""
SCALES = ((0, 2, 4, 5, 7, 9, 11, 12), (0, 2, 3, 5, 7, 8, 10, 12))
"""major and natural minor"""


def music(draws: Draws, rate_hz: int) -> np.ndarray:
    """Three to seven seconds of chords, a broken chord or a tune in equal temperament, float32 [n]."""
    variant = draws.choose_variant({"chords": 0.35, "arpeggio": 0.3, "melody": 0.35})
    root_hz = draws.between("root_hz", 130.0, 520.0)
    beat_seconds = draws.between("beat_seconds", 0.12, 0.45)
    seconds = draws.between("seconds", 3.0, 7.0)
    if variant == "chords":
        beat_seconds *= 3
    harmonics = draws.between("brightness", 0.25, 0.75) ** np.arange(8)
    decay_seconds = draws.between("decay_seconds", 0.15, 1.2) if draws.rng.random() < 0.6 else np.inf
    total = np.zeros(round((seconds + 0.5) * rate_hz), np.float32)
    for beat in range(int(seconds / beat_seconds)):
        for semitone in _notes(variant, beat, draws):
            length_seconds = beat_seconds * draws.rng.uniform(0.8, 1.3)
            note = _note(root_hz * 2 ** (semitone / 12), length_seconds, harmonics, decay_seconds, rate_hz)
            add_at(total, note, round(beat * beat_seconds * rate_hz))
    return total


def _notes(variant: str, beat: int, draws: Draws) -> tuple[int, ...]:
    """Semitones over the root that begin on this beat."""
    if variant == "melody":
        return (draws.choose(draws.choose(SCALES)) + 12 * draws.count(0, 1),)
    shift = (0, 5, 7, 0, 9, 5, 7, 0)[beat // (1 if variant == "chords" else 8) % 8]
    if variant == "chords":
        return tuple(shift + note for note in draws.choose(CHORDS))
    chord = CHORDS[0]
    return (shift + chord[beat % 3] + 12 * (beat // 3 % 2),)


def _note(frequency_hz: float, seconds: float, harmonics: np.ndarray, decay_seconds: float, rate_hz: int) -> np.ndarray:
    t = seconds_axis(seconds, rate_hz)
    numbers = np.arange(1, len(harmonics) + 1)
    heard = numbers * frequency_hz < EDGE * rate_hz
    phases = np.outer(numbers[heard], 2 * np.pi * frequency_hz * t).astype(np.float32)
    sound = harmonics[heard].astype(np.float32) @ np.sin(phases)
    shape = np.interp(t, [0.0, 0.01, max(0.011, seconds - 0.06), seconds], [0, 1, 1, 0]) * np.exp(-t / decay_seconds)
    return sound * shape.astype(np.float32)
