"""`sounds.pkl`: sounds in a pickle, read without running it (see unpickle.py). What it may hold:

    {'dog': [array, array, ...], 'cat': array of [clips, samples]}       a label and its sounds
    [(array, 'dog'), (array, 'cat'), ...]                                sounds and their labels
    {'rate': 16000, 'sounds': one of the above}                          with the sample rate
    {'rate': 16000, 'dog': [...], 'cat': [...]}
    (one of the first two, 16000)
    {'sounds': [array, ...], 'labels': ['dog', ...], 'rate': 16000}

A single sound may also be (array, rate). Without a rate in it, `--pickle-rate` gives one. Arrays: floats in [-1, 1];
integers of 8, 16 or 32 bits at their full scale; whole numbers beyond that are taken for 16-bit samples. A sound of two
dimensions with at most 8 channels is mixed to mono.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from auricle_shared.errors import DataError

from .recording import Recording, parse_labels
from .unpickle import load

SUFFIXES = (".pkl", ".pickle", ".p")
RATE_NAMES = ("rate", "rate_hz", "sample_rate", "samplerate", "sampling_rate", "sr", "fs")
SOUND_NAMES = ("sounds", "sound", "data", "clips", "audio", "x", "recordings")
LABEL_NAMES = ("labels", "label", "y", "targets")
MAX_CHANNELS = 8
LOWEST_RATE_HZ = 1000
LOUDEST = 16.0
"""Floats beyond this are no samples in [-1, 1] that went a little too far"""


def recognises(path: Path) -> bool:
    return find(path) is not None


def find(path: Path) -> Path | None:
    """The pickle meant by a file or by a folder with exactly one of them."""
    if path.is_file():
        return path if path.suffix.lower() in SUFFIXES else None
    found = [p for p in sorted(path.iterdir()) if p.is_file() and p.suffix.lower() in SUFFIXES] if path.is_dir() else []
    return found[0] if len(found) == 1 else None


def recordings(path: Path, rate_hz: int | None = None) -> list[Recording]:
    """Every sound of the pickle; `rate_hz` counts where the pickle says none."""
    file = find(path)
    if file is None:
        raise DataError(f"{path} is no pickle and holds not exactly one (*.pkl).")
    content, rate = _split_rate(load(file))
    rate = rate or rate_hz or 0
    found = [_recording(label, i, sound, rate, file) for i, (label, sound) in enumerate(_pairs(content, file))]
    if not found:
        raise DataError(f"{file} holds no sounds.")
    return found


def _split_rate(content: Any) -> tuple[Any, int | None]:
    """Take the sample rate, and what wraps the sounds, away."""
    if isinstance(content, tuple) and len(content) == 2 and _is_number(content[1]):
        return content[0], int(content[1])
    if not isinstance(content, dict):
        return content, None
    content = {name_of(k): v for k, v in content.items()}
    rate_key = next((k for k, v in content.items() if k.lower() in RATE_NAMES and _is_number(v)), None)
    rate = int(content.pop(rate_key)) if rate_key is not None else None
    keys = {k.lower(): k for k in content}
    sound_key = next((keys[n] for n in SOUND_NAMES if n in keys), None)
    label_key = next((keys[n] for n in LABEL_NAMES if n in keys), None)
    if sound_key is not None and label_key is not None and len(content) == 2:
        sounds, labels = content[sound_key], content[label_key]
        if len(sounds) != len(labels):
            raise DataError(f"The pickle holds {len(sounds)} sounds and {len(labels)} labels; wanted as many of each.")
        return list(zip(sounds, labels, strict=True)), rate
    if sound_key is not None and len(content) == 1 and _is_content(content[sound_key]):
        return content[sound_key], rate
    return content, rate


def _is_content(value: Any) -> bool:
    """A dict, or pairs of sound and label: not the sounds of one label that happens to be called 'sounds'."""
    if not isinstance(value, (list, tuple)) or not value:
        return isinstance(value, dict)
    first = value[0]
    if not isinstance(first, (list, tuple)) or len(first) != 2 or _is_sound(first[0]) == _is_sound(first[1]):
        return False
    return not any(_is_number(one) and one >= LOWEST_RATE_HZ for one in first)  # (array, 16000) is one sound


def _pairs(content: Any, file: Path) -> Iterator[tuple[str, Any]]:
    """(label, sound) of a dict label -> sounds or of a list of (sound, label)."""
    if isinstance(content, dict):
        for label, sounds in content.items():
            yield from ((name_of(label), sound) for sound in _sounds(sounds))
    elif isinstance(content, (list, tuple)) or (isinstance(content, np.ndarray) and content.dtype == object):
        for i, pair in enumerate(content):
            if not isinstance(pair, (list, tuple, np.ndarray)) or len(pair) != 2:
                raise DataError(f"{file}: entry {i} is not a pair (array, label).")
            sound, label = pair if _is_sound(pair[0]) else (pair[1], pair[0])
            yield name_of(label), sound
    else:
        raise DataError(
            f"{file} holds a {type(content).__name__}; wanted a dict label -> arrays or pairs (array, label)."
        )


def _sounds(value: Any) -> list[Any]:
    """The sounds of one label: several, or a single one."""
    if isinstance(value, np.ndarray) and value.dtype != object:
        return [value] if value.ndim == 1 or value.shape[-1] <= MAX_CHANNELS else list(value)
    if isinstance(value, tuple) and len(value) == 2 and _is_number(value[1]) and _is_sound(value[0]):
        return [value]
    if _is_number(next(iter(value), None)):
        return [value]
    return list(value)


def _recording(label: str, i: int, sound: Any, rate: int, file: Path) -> Recording:
    if isinstance(sound, tuple) and len(sound) == 2 and _is_number(sound[1]):
        sound, rate = sound[0], int(sound[1])
    if rate <= 0:
        raise DataError(f"{file} does not say its sample rate; give it with --pickle-rate HZ.")
    source, labels = f"{label}/{i}", parse_labels(label)
    try:
        return Recording(source, labels, samples=_samples(sound), rate_hz=rate)
    except (ValueError, TypeError) as error:
        return Recording(source, labels, problem=f"is no array of samples ({error})")


def _samples(sound: Any) -> np.ndarray:
    array = np.asarray(sound)
    if array.dtype.kind not in "iuf":
        raise ValueError(f"it has the type {array.dtype}")
    values = _full_scale(array)
    if values.ndim == 2 and min(values.shape) <= MAX_CHANNELS:
        values = values.mean(axis=int(np.argmin(values.shape)))
    if values.ndim != 1:
        raise ValueError(f"it has the shape {array.shape}")
    return values.astype(np.float32)


def _full_scale(array: np.ndarray) -> np.ndarray:
    """Integers by their width, floats as they are; whole numbers far beyond 1 are 16-bit samples in another type."""
    if array.dtype == np.uint8:
        return (array.astype(np.float32) - 128.0) / 128.0
    if array.dtype.kind == "i" and array.dtype.itemsize <= 4:
        return array / float(2 ** (8 * array.dtype.itemsize - 1))
    values = array.astype(np.float64)
    peak = float(np.abs(values[np.isfinite(values)]).max(initial=0.0))
    if peak <= LOUDEST and array.dtype.kind == "f":
        return values
    if peak <= 32768 and np.array_equal(values, np.rint(values)):
        return values / 32768.0
    raise ValueError(f"its values reach {peak:g}; wanted floats in [-1, 1] or 16-bit whole numbers")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_sound(value: Any) -> bool:
    """Whether it may be samples: a list of strings is several labels, a number is a label or a rate."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind not in "US"
    return isinstance(value, (list, tuple)) and not any(isinstance(v, (str, bytes)) for v in value[:1])


def name_of(label: Any) -> str:
    """A label as text: strings, numbers, the bytes of Python 2; several labels joined by ';'."""
    if isinstance(label, (list, tuple)):
        return ";".join(name_of(one) for one in label)
    if isinstance(label, bytes):
        try:
            return label.decode("utf-8")
        except UnicodeDecodeError:
            return label.decode("latin1")
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)
