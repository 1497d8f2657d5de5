"""A file that carries its own hash notices any other byte; the audio's fingerprint does not notice a label."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from auricle_shared.file_hash import UNSEALED, is_whole, sealed
from auricle_shared.pack import Clip, audio_fingerprint

PLAIN = b"\0weights\xff" + UNSEALED.encode() + b"more\0"


def test_the_seal_is_the_hash_of_the_file_with_zeros_in_its_place() -> None:
    data = sealed(PLAIN)
    assert hashlib.sha256(PLAIN).hexdigest().encode() in data and len(data) == len(PLAIN)
    assert is_whole(data) is True and sealed(data) == data


def test_every_changed_byte_is_noticed() -> None:
    data = sealed(PLAIN)
    for place in range(len(data)):
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        assert is_whole(changed) is not True
    assert is_whole(data[:-1]) is False and is_whole(data + b"x") is False and is_whole(data + data) is False


def test_a_file_without_a_seal_says_nothing_and_cannot_be_sealed() -> None:
    assert is_whole(b"weights") is None
    for wrong in (b"weights", PLAIN + PLAIN):
        with pytest.raises(ValueError, match="exactly once"):
            sealed(wrong)


def test_the_fingerprint_of_the_audio_is_blind_to_labels_and_order() -> None:
    one, other = Clip(0, 8, ("dog",), sha256="a"), Clip(8, 8, ("cat",), sha256="b")
    wanted = audio_fingerprint(16000, [one, other])
    assert audio_fingerprint(16000, [other, replace(one, labels=("cat",), split="val")]) == wanted
    for clips, rate_hz in (([one], 16000), ([one, one], 16000), ([one, other], 8000)):
        assert audio_fingerprint(rate_hz, clips) != wanted
