"""Hiding bands and frames: whole stripes, no longer than the setting, anywhere, drawn from the given generator."""

from __future__ import annotations

import pytest
import torch

from auricle_trainer.augment.mask import draw_spans, mask
from auricle_trainer.config import MaskSettings

CPU = torch.device("cpu")
FEATURES = 1.0 + torch.rand(64, 50, 20, generator=torch.Generator().manual_seed(9))  # no feature is 0 by itself


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("most", "size"), [(6, 40), (5, 5), (1, 3), (0, 4)])
def test_a_span_is_one_run_of_neighbours_of_every_length_and_anywhere(most: int, size: int) -> None:
    rows = 20000
    spans = draw_spans(most, size, rows, generator(), CPU)
    widths = spans.sum(1)
    edges = (spans[:, 1:] != spans[:, :-1]).sum(1) + spans[:, 0].long() + spans[:, -1].long()
    assert (edges == 2 * (widths > 0)).all()
    counts = torch.bincount(widths, minlength=most + 1)
    assert len(counts) == most + 1
    expected = rows / (most + 1)
    assert (abs(counts - expected) < 6 * expected**0.5).all()
    if most:
        assert spans.any(0).all(), "some place is never hidden"


def test_bands_and_frames_are_hidden_whole_and_the_rest_is_untouched() -> None:
    settings = MaskSettings(band_share=0.15, band_masks=1, seconds=0.04, time_masks=1)
    hidden = mask(FEATURES, settings, 0.01, generator()) == 0
    bands, frames = hidden.all(1), hidden.all(2)
    assert torch.equal(hidden, bands[:, None, :] | frames[:, :, None])
    assert bands.sum(1).max() == 3 and frames.sum(1).max() == 4
    assert len({tuple(row.tolist()) for row in bands}) > 10, "all rows are masked alike"
    masked = mask(FEATURES, MaskSettings(), 0.01, generator())
    assert torch.equal(masked[masked != 0], FEATURES[masked != 0])


@pytest.mark.parametrize(("hop_seconds", "frames"), [(0.01, 10), (0.02, 5), (0.048, 2)])
def test_the_same_time_is_hidden_at_every_hop(hop_seconds: float, frames: int) -> None:
    settings = MaskSettings(band_masks=0, seconds=0.1, time_masks=1)
    hidden = mask(FEATURES, settings, hop_seconds, generator()) == 0
    assert hidden.all(2).sum(1).max() == frames


def test_the_same_share_is_hidden_of_every_number_of_bands() -> None:
    settings = MaskSettings(band_share=0.25, band_masks=1, time_masks=0)
    for bands in (16, 40, 64):
        hidden = mask(torch.ones(500, 3, bands), settings, 0.01, generator()) == 0
        assert hidden.all(1).sum(1).max() == bands / 4


def test_several_masks_hide_more() -> None:
    settings = [MaskSettings(band_share=0.15, band_masks=n, time_masks=0) for n in (0, 1, 4)]
    none, one, four = ((mask(FEATURES, s, 0.01, generator()) == 0).float().mean() for s in settings)
    assert none == 0 and one == pytest.approx(1.5 / 20, rel=0.3) and four > 2.5 * one


def test_only_the_given_generator_is_drawn_from() -> None:
    before = torch.get_rng_state()
    first, same, other = (mask(FEATURES, MaskSettings(), 0.01, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, same) and not torch.equal(first, other)
    assert torch.equal(before, torch.get_rng_state())


def test_masks_larger_than_the_features_are_cut_to_them() -> None:
    tiny = torch.ones(500, 3, 2)
    hidden = mask(tiny, MaskSettings(band_share=1.0, band_masks=1, seconds=10, time_masks=1), 0.01, generator()) == 0
    assert hidden.all((1, 2)).any() and not hidden.all()
