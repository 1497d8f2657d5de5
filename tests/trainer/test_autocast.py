"""bfloat16 in the network alone: what goes in, what is carried and what learns stay float32. Learning rate by batch."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from auricle_shared.errors import SettingsError
from auricle_shared.pack import Pack
from auricle_trainer.batches.workers import MixedWindows
from auricle_trainer.checkpoint import make_classifier
from auricle_trainer.config import Config, load_config
from auricle_trainer.loop import TrainingState, autocast, learn, learning_rate, prepare
from auricle_trainer.monitor import SILENT
from auricle_trainer.selection import select_clips
from auricle_trainer.train import new_state, window_plan

CPU = torch.device("cpu")


def one_step(config: Config, tones: Pack, noise: Pack) -> tuple[TrainingState, Tensor]:
    """The state after the first step, its gradients kept, and the loss."""
    plan = window_plan(config, tones, select_clips(tones, config.data, 0), noise, 0)
    torch.manual_seed(0)
    state = new_state(config, plan, CPU, 0)
    prepare(state, config)
    return state, learn(state, MixedWindows(plan)[0], config, SILENT, 0.0)


@pytest.mark.parametrize("name", ["gru", "conv_gru", "tcn", "embedding"])
def test_bfloat16_rounds_the_network_and_nothing_else(name: str, tones: Pack, noise: Pack) -> None:
    few = ("training.streams=4", "model.dropout=0.0")
    exact, loss = one_step(load_config(name, few), tones, noise)
    rounded, coarse = one_step(load_config(name, [*few, "training.autocast=bfloat16"]), tones, noise)
    assert coarse.dtype == torch.float32 and coarse != loss
    assert coarse == pytest.approx(loss.item(), rel=0.02)  # 8 bits of mantissa
    carry = exact.model.settings.carry_samples
    assert rounded.bank.dtype == torch.float32 and torch.equal(rounded.bank[:, :carry], exact.bank[:, :carry])
    for parameter in rounded.model.parameters():
        assert parameter.dtype == torch.float32
        assert parameter.grad is None or parameter.grad.dtype == torch.float32
    # The deep one with batch norms rounds most; a gradient that went another way would be near 0.
    slopes = [
        torch.cat([p.grad.flatten() for p in s.model.parameters() if p.grad is not None]) for s in (exact, rounded)
    ]
    assert torch.cosine_similarity(slopes[0], slopes[1], 0) > 0.95


def test_features_are_the_same_float32_under_autocast() -> None:
    config = load_config("tiny", ["training.autocast=bfloat16"])
    for training in (True, False):
        model = make_classifier(config, 2).train(training)
        joined = torch.randn(2, model.settings.carry_samples + config.window_samples)
        with autocast(config, CPU):
            features = model.features(joined)
        assert features.dtype == torch.float32 and torch.equal(features, model.features(joined))


def test_off_unless_asked_for_and_only_what_is_known() -> None:
    assert not load_config("gru").training.autocast
    with pytest.raises(SettingsError, match=r"training\.autocast is 'float16'; wanted 'bfloat16'"):
        load_config("gru", ["training.autocast=float16"])


def test_the_learning_rate_goes_with_the_square_root_of_the_batch_where_asked() -> None:
    def peak(*changes: str) -> float:
        config = load_config("tiny", ["training.learning_rate=0.002", "training.warm_up=0.1", *changes])
        return max(learning_rate(step, 100, config) for step in range(100))

    assert peak("training.streams=128") == pytest.approx(0.002)
    assert peak("training.streams=128", "training.learning_rate_batch=32") == pytest.approx(0.004)
    assert peak("training.streams=32", "training.learning_rate_batch=32") == pytest.approx(0.002)
