"""Rooms: energy 1, the drawn reverberation time and direct share, direct convolution as witness, cut equals whole."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from auricle_shared.variation import ROOMS, AugmentSettings
from auricle_trainer.augment.room import Rooms, reverberate

RATE = 16000


def rooms(seed: int = 1, **settings: float) -> Rooms:
    return Rooms(AugmentSettings(**settings), RATE, seed)


def test_rooms_are_functions_of_the_seed_and_differ() -> None:
    first = rooms().responses
    assert torch.equal(first, rooms().responses) and not torch.equal(first, rooms(2).responses)
    assert len(torch.unique(first[:, 100])) == ROOMS


def test_a_room_adds_no_energy_and_its_direct_sound_comes_first() -> None:
    responses = rooms(direct_low_db=-3.0, direct_high_db=12.0).responses.double()
    torch.testing.assert_close(responses.square().sum(1), torch.ones(ROOMS, dtype=torch.double))
    direct = responses[:, 0].square()
    ratio = 10 * torch.log10(direct / (1 - direct))
    assert ratio.min() > -3.01 and ratio.max() < 12.01 and abs(float(ratio.mean()) - 4.5) < 2
    assert (responses[:, 1:40] == 0).all(), "2.5 ms between direct sound and first reflection"


@pytest.mark.parametrize("rt60", [0.2, 0.4, 0.6])
def test_the_tail_falls_by_60_db_in_the_drawn_time(rt60: float) -> None:
    """Slope of the mean level of all rooms over time, in steps of 10 ms."""
    responses = rooms(rt60_low_seconds=rt60, rt60_high_seconds=rt60).responses.double()
    assert responses.shape[1] == round(0.5 * rt60 * RATE)
    steps = responses[:, 160 : responses.shape[1] // 160 * 160].reshape(ROOMS, -1, 160).square().mean((0, 2))
    level = 10 * np.log10(steps.numpy())
    slope = np.polyfit(np.arange(len(level)) * 0.01, level, 1)[0]
    assert -60 / slope == pytest.approx(rt60, rel=0.07)


def test_parts_are_the_whole_convolution_cut() -> None:
    bank = rooms(rt60_high_seconds=0.3)
    rng = np.random.default_rng(0)
    sounds = torch.randn(30000)
    limits = [(0, 12000), (12000, 12900), (12900, 30000)]
    asked = []
    for _ in range(30):
        low, high = limits[rng.integers(3)]
        begin = int(rng.integers(low, high))
        asked.append((begin, low, int(rng.integers(1, high - begin + 1)), int(rng.integers(ROOMS))))
    begin, low, count, room = np.array(asked).T.copy()
    flat, found = reverberate(sounds, begin, low, count, room, bank)
    for (start, least, n, number), at in zip(asked, found, strict=True):
        whole = np.convolve(sounds[least : start + n].double(), bank.responses[number].double())
        np.testing.assert_allclose(flat[at : at + n], whole[start - least :][:n], atol=1e-4)
