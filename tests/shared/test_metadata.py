"""What travels inside the model: written, read, and refused when it does not fit."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from auricle_shared.errors import ModelError
from auricle_shared.metadata import FORMAT, PREFIX, ModelMetadata
from auricle_shared.settings import EventSettings, SpectrogramSettings

FULL = ModelMetadata(
    labels=("background", "Türklingel", 'smoke "alarm"', "犬"),
    activation="softmax",
    spectrogram=SpectrogramSettings(kind="linear", bands=64, low_hz=0, eps=1e-7),
    state_size=448,
    events={"犬": EventSettings(on_threshold=0.7, minimum_seconds=0.25)},
    temperature=1.37,
    embedding_size=32,
    report_as={"犬": "animal"},
    provenance={"run": "r1", "dirty": True, "metrics": {"accuracy": 0.97}, "versions": ["torch 2.13.0"]},
)


def test_what_is_written_is_read() -> None:
    strings = FULL.to_strings()
    assert all(isinstance(k, str) and isinstance(v, str) for k, v in strings.items())
    assert ModelMetadata.from_strings(strings, "m.onnx") == FULL


def test_defaults_are_read_too() -> None:
    plain = ModelMetadata(("dog", "cat"), "sigmoid", SpectrogramSettings(), 10)
    assert ModelMetadata.from_strings(plain.to_strings(), "m.onnx") == plain


def test_whole_numbers_given_for_floats_are_no_contradiction() -> None:
    """20 in Python, 20.0 after reading: the same front end."""
    written = replace(FULL, spectrogram=SpectrogramSettings(low_hz=20, high_hz=8000))
    read = ModelMetadata.from_strings(written.to_strings(), "m.onnx")
    assert read.spectrogram.hash == written.spectrogram.hash


def test_keys_are_our_own_and_strings_of_others_are_ignored() -> None:
    strings = FULL.to_strings()
    assert all(key.startswith(PREFIX) for key in strings)
    assert ModelMetadata.from_strings({**strings, "producer": "somebody {"}, "m.onnx") == FULL


def test_background_is_no_event_and_unknown_labels_have_default_settings() -> None:
    assert FULL.event_labels == FULL.labels[1:]
    assert FULL.event_settings("犬").on_threshold == 0.7
    assert FULL.event_settings("Türklingel") == EventSettings()
    assert (FULL.rate_hz, FULL.hop_samples) == (16000, 160)


def changed(key: str, value: object) -> dict[str, str]:
    return {**FULL.to_strings(), PREFIX + key: json.dumps(value)}


@pytest.mark.parametrize(
    ("strings", "words"),
    [
        ({}, ["not an Auricle model", "auricle export"]),
        ({"labels": '["a"]'}, ["not an Auricle model"]),
        (changed("format", FORMAT + 1), [f"format {FORMAT + 1}", f"reads format {FORMAT}"]),
        (changed("spectrogram_hash", "0" * 16), ["0" * 16, FULL.spectrogram.hash]),
        (changed("labels", []), ["labels"]),
        (changed("labels", 7), ["damaged"]),
        (changed("activation", "relu"), ["activation"]),
        (changed("temperature", 0), ["temperature"]),
        (changed("temperature", float("nan")), ["temperature"]),
        (changed("temperature", "warm"), ["damaged", "warm"]),
        (changed("state_size", None), ["damaged"]),
        (changed("spectrogram", {"bans": 3}), ["damaged", "bans"]),
        (changed("spectrogram", {"window_seconds": float("inf")}), ["damaged", "inf"]),
        (changed("spectrogram", [1]), ["damaged"]),
        (changed("events", {"dog": {"on_threshold": 7}}), ["damaged", "7"]),
        ({**FULL.to_strings(), PREFIX + "labels": "[unfinished"}, ["damaged"]),
        ({k: v for k, v in FULL.to_strings().items() if k != PREFIX + "resampler"}, ["damaged", "resampler"]),
    ],
)
def test_refusal_names_the_file_and_what_is_wrong(strings: dict[str, str], words: list[str]) -> None:
    with pytest.raises(ModelError) as caught:
        ModelMetadata.from_strings(strings, "odd.onnx")
    for word in ["odd.onnx", *words]:
        assert word in str(caught.value)


def test_a_changed_front_end_is_noticed() -> None:
    strings = FULL.to_strings()
    values = json.loads(strings[PREFIX + "spectrogram"])
    strings[PREFIX + "spectrogram"] = json.dumps({**values, "eps": 1e-6})
    with pytest.raises(ModelError, match="edited"):
        ModelMetadata.from_strings(strings, "m.onnx")
