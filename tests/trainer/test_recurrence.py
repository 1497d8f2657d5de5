"""The written-out gradient against torch's own GRU and against finite differences."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from auricle_trainer.models.recurrence import Recurrence, train_gru


@pytest.mark.parametrize(("batch", "frames", "size", "layers"), [(1, 1, 8, 1), (3, 13, 16, 1), (16, 50, 32, 2)])
def test_values_and_gradients_equal_torchs_gru(batch: int, frames: int, size: int, layers: int) -> None:
    torch.manual_seed(0)
    layer = nn.GRU(5, size, layers, batch_first=True)
    x, start = torch.randn(batch, frames, 5, requires_grad=True), torch.randn(layers, batch, size, requires_grad=True)
    weights = torch.randn(batch, frames, size), torch.randn(layers, batch, size)
    found = []
    for run in (layer, lambda x, h: train_gru(layer, x, h)):
        layer.zero_grad()
        x.grad = start.grad = None
        y, last = run(x, start)
        ((y * weights[0]).sum() + (last * weights[1]).sum()).backward()
        found.append([y, last, x.grad.clone(), start.grad.clone(), *(p.grad.clone() for p in layer.parameters())])
    for wanted, got in zip(*found, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)


def test_the_gradient_is_the_slope() -> None:
    torch.manual_seed(1)
    shapes = ((6, 2, 9), (2, 3), (9, 3), (9,))
    arguments = [torch.randn(*shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    assert torch.autograd.gradcheck(Recurrence.apply, arguments)


def test_dropout_between_layers_acts_in_training_only() -> None:
    torch.manual_seed(2)
    layer = nn.GRU(5, 16, 2, batch_first=True, dropout=0.5)
    x, start = torch.randn(2, 20, 5), torch.zeros(2, 2, 16)
    torch.testing.assert_close(train_gru(layer.eval(), x, start), layer(x, start))
    assert not torch.equal(train_gru(layer.train(), x, start)[0], train_gru(layer, x, start)[0])
