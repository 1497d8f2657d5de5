"""Configs: every shipped one loads, changes reach their place, and what cannot be is refused in the user's words."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from auricle_shared.errors import SettingsError
from auricle_trainer.config import Config, load_config, shipped_configs


def test_the_promised_configs_are_shipped() -> None:
    assert {"gru", "gru_linear", "alarms", "tiny"} <= set(shipped_configs())


@pytest.mark.parametrize("name", shipped_configs())
def test_a_shipped_config_loads_and_survives_a_checkpoint(name: str) -> None:
    config = load_config(name)
    assert config.name == name
    assert config.window_samples % config.spectrogram.hop_samples == 0
    stored = json.loads(json.dumps(config.to_dict()))
    again = Config.from_dict(stored, "another name")
    assert (asdict(again), again.hash) == (asdict(config), config.hash)


def test_the_notes_own_config() -> None:
    spectrogram = load_config("gru_linear").spectrogram
    assert (spectrogram.kind, spectrogram.n_fft, spectrogram.bands) == ("linear", 256, 64)


def test_changes_reach_their_place_with_their_type() -> None:
    config = load_config(
        "tiny",
        [
            "training.epochs=3",
            "training.learning_rate=1",
            "model.kind=gru",
            "scenes.balance='balanced'",
            "data.held_out_column=fold",
            "data.held_out_value=3",
            "data.report_as.terrier=dog",
            "events.default.on_threshold = 0.75",
            "events.smoke alarm.on_threshold=0.9",
        ],
    )
    assert config.training.epochs == 3
    assert config.training.learning_rate == 1.0 and isinstance(config.training.learning_rate, float)
    assert config.scenes.balance == "balanced"
    assert (config.data.held_out_column, config.data.held_out_value) == ("fold", "3")
    assert config.data.report_as == {"terrier": "dog"}
    assert config.events["default"].on_threshold == 0.75 and config.events["smoke alarm"].on_threshold == 0.9
    assert config.hash != load_config("tiny").hash


def test_a_file_is_a_config_like_a_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('[model]\nhidden = 24\n[data.report_as]\n"größer" = "groß"\n', encoding="utf-8")
    config = load_config(str(tmp_path / "mine.toml"), ["model.layers=2"])
    assert (config.name, config.model.hidden, config.model.layers) == ("mine", 24, 2)
    assert config.data.report_as == {"größer": "groß"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("training.epoch=3", "training.epoch is not a setting.*epochs"),
        ("trainig.epochs=3", "trainig.*no table.*training"),
        ("training.epochs=many", "training.epochs is 'many'.*type int"),
        ("training.epochs=2.5", "training.epochs is 2.5.*type int"),
        ("training.epochs=true", "training.epochs is True.*type int"),
        ("training.learning_rate=nan", "learning_rate is nan.*finite"),
        ("epochs=3", "wanted TABLE.KEY=VALUE"),
        ("training.epochs", "wanted TABLE.KEY=VALUE"),
        ("training.epochs.more=3", "training.epochs is 8; it must be a table"),
        ("events.default=3", "events.default is 3; it must be a table"),
        ("data.report_as.dog=3", "data.report_as.dog is 3; it must be a label"),
        # contradictions and values outside what can work
        ("training.epochs=0", "training.epochs is 0.*between 1"),
        ("training.workers=-1", "training.workers is -1"),
        ("training.window_seconds=0.001", "window_seconds = 0.001 is shorter than one hop"),
        ("training.learning_rate=0.0", "learning_rate is 0.0.*above 0"),
        ("training.warm_up=2", "warm_up is 2.0.*between 0 and 1"),
        ("model.hidden=0", "model.hidden is 0"),
        ("model.dropout=1.0", "model.dropout is 1.0"),
        ("mask.band_share=1.5", "mask.band_share is 1.5"),
        ("shift.bands=-1", "shift.bands is -1"),
        ("augment.mix=1.5", "augment.mix is 1.5"),
        ("augment.speed_high=1.3", "speed_high is 1.3.*0.85 and 1.15"),
        ("loss.background_weight=-1", "background_weight is -1"),
        ("data.held_out_column=colour", "held_out_column is 'colour'.*'fold', 'speaker' or 'group'"),
        ("data.held_out_column=fold", "go together"),
        ("data.validation_share=0.9", "validation_share is 0.9"),
        ("spectrogram.rate_hz=22050", "551.25 samples at 22050 Hz"),
        ("spectrogram.high_hz=9000", "half the rate"),
        ("events.default.off_threshold=0.9", "off_threshold <= on_threshold"),
        ("scenes.balance=fair", "'natural' or 'balanced'"),
        ("scenes.snr_low_db=40", "snr_low_db = 40.0 is above"),
    ],
)
def test_what_cannot_be_is_refused_with_words(change: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        load_config("tiny", [change])


def test_masks_of_version_0_1_are_read_as_seconds_and_shares() -> None:
    old = {"mask": {"bands": 8, "band_masks": 1, "frames": 5, "frame_masks": 3}}
    found = Config.from_dict({**old, "spectrogram": {"hop_seconds": 0.02, "bands": 64}}, "old").mask
    assert (found.band_share, found.band_masks, found.seconds, found.time_masks) == (0.125, 1, 0.1, 3)
    assert Config.from_dict({"mask": {"bands": 6, "frames": 10}}, "old").mask == Config("new").mask


def test_a_config_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no config 'gro'. Shipped: alarms, .*gru"):
        load_config("gro")
    with pytest.raises(SettingsError, match="absent.toml does not exist"):
        load_config(str(tmp_path / "absent.toml"))
    for name, data in {
        "words.toml": b"not a table",
        "bytes.toml": b"\xff\xfe\x00",
        "flat.toml": b"training = 3",
    }.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(SettingsError):
            load_config(str(tmp_path / name))
