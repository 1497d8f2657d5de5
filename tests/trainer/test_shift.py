"""Moving spectra along the bands."""

from __future__ import annotations

import numpy as np
import torch

from auricle_trainer.augment.shift import draw_shift, shift


def test_whole_bands_move_and_the_edge_is_repeated() -> None:
    x = torch.tensor([[[1.0, 2.0, 3.0, 4.0]]]).expand(3, 2, 4)
    moved = shift(x, torch.tensor([1.0, -1.0, 0.0]))
    assert moved[0, 0].tolist() == [1.0, 1.0, 2.0, 3.0]
    assert moved[1, 1].tolist() == [2.0, 3.0, 4.0, 4.0]
    assert moved[2, 0].tolist() == [1.0, 2.0, 3.0, 4.0]


def test_half_bands_are_numpys_interpolation() -> None:
    torch.manual_seed(0)
    x, bands = torch.randn(4, 3, 12), torch.tensor([0.5, -0.25, 1.7, -2.3])
    places = np.arange(12)
    rows = zip(x.numpy(), bands.numpy(), strict=True)
    wanted = [[np.interp(places - b, places, frame) for frame in row] for row, b in rows]
    np.testing.assert_allclose(shift(x, bands).numpy(), np.array(wanted), atol=1e-5)


def test_draws_fill_the_range_and_follow_their_generator() -> None:
    generators = [torch.Generator().manual_seed(s) for s in (1, 1, 2)]
    a, b, c = (draw_shift(1000, 2.0, g, torch.device("cpu")) for g in generators)
    assert torch.equal(a, b) and not torch.equal(a, c)
    assert a.min() < -1.9 and a.max() > 1.9 and abs(float(a.mean())) < 0.15
