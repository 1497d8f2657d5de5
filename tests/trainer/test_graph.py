"""A step with fixed shapes, and as a CUDA graph where there is a GPU, learns what the eager step learns."""

from __future__ import annotations

import pytest
import torch

from auricle_shared.errors import SettingsError
from auricle_shared.pack import Pack
from auricle_trainer.batches.workers import batches
from auricle_trainer.config import Config, load_config
from auricle_trainer.graph import GraphedStep, Step, filled, step_of
from auricle_trainer.loop import set_learning_rate, train_step
from auricle_trainer.monitor import SILENT
from auricle_trainer.selection import select_clips
from auricle_trainer.strategies.data_parallel import DataParallel
from auricle_trainer.strategies.single import Single
from auricle_trainer.train import new_state, window_plan

STEPS = 8
CPU = torch.device("cpu")


def losses(config: Config, tones: Pack, noise: Pack, device: torch.device, step: Step, rows: int = 0) -> list[float]:
    """Of some steps with a rising learning rate; `rows` fills the events up."""
    plan = window_plan(config, tones, select_clips(tones, config.data, 0), noise, 0)
    torch.manual_seed(0)
    state = new_state(config, plan, device, 0)
    found = []
    for batch in batches(plan, range(STEPS), 0, device):
        set_learning_rate(state.optimizer, 1e-3 * (state.step + 1))
        found.append(float(step(state, filled(batch, rows) if rows else batch, config, SILENT, 0.0)))
    assert state.step == STEPS
    return found


@pytest.mark.parametrize("changes", [[], ["augment.mix=0.5", "loss.frame_weight=0.5", "loss.label_smoothing=0.1"]])
def test_rows_that_weigh_nothing_change_nothing(tones: Pack, noise: Pack, changes: list[str]) -> None:
    config = load_config("tiny", ["training.average=0.9", *changes])
    eager = losses(config, tones, noise, CPU, train_step)
    assert len(set(eager)) == STEPS
    assert losses(config, tones, noise, CPU, train_step, 60) == pytest.approx(eager, rel=1e-5)


def test_several_labels_at_once_are_filled_up_too(several_tones: Pack, noise: Pack) -> None:
    config = load_config("tiny")
    eager = losses(config, several_tones, noise, CPU, train_step)
    found = losses(config, several_tones, noise, CPU, train_step, 60)
    assert found == pytest.approx(eager, rel=1e-5)


@pytest.mark.parametrize("kind", ["cpu", *(["cuda"] if torch.cuda.is_available() else [])])
@pytest.mark.parametrize("changes", [[], ["model.kind=gru", "model.dropout=0.2"], ["shift.bands=1.0"]])
def test_asked_for_a_graph_the_losses_are_the_eager_ones(
    tones: Pack, noise: Pack, kind: str, changes: list[str]
) -> None:
    """On a GPU it is recorded and played; on a CPU the step stays eager."""
    config, device = load_config("tiny", ["training.average=0.9", "training.graph=true", *changes]), torch.device(kind)
    step = step_of(config, device, Single())
    assert isinstance(step, GraphedStep) == (kind == "cuda")
    eager = losses(config, tones, noise, device, train_step)
    assert losses(config, tones, noise, device, step) == pytest.approx(eager, rel=1e-4)


def test_a_step_that_cannot_be_recorded_is_learned_from_eagerly(
    tones: Pack, noise: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some library's kernel may refuse; recording itself needs a GPU."""

    def refuse(*_: object) -> None:
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(GraphedStep, "_record", refuse)
    config = load_config("tiny", ["training.average=0.9"])
    eager = losses(config, tones, noise, CPU, train_step)
    with pytest.warns(UserWarning, match="capturing.*eagerly") as told:
        assert losses(config, tones, noise, CPU, GraphedStep()) == eager
    assert len(told) == 1


def test_a_graph_is_of_one_process_on_one_gpu() -> None:
    config, cuda = load_config("tiny", ["training.graph=true"]), torch.device("cuda")
    assert isinstance(step_of(config, cuda, Single()), GraphedStep)
    with pytest.raises(SettingsError, match="data-parallel.*training.graph=false"):
        step_of(config, cuda, DataParallel())
    assert step_of(config, CPU, DataParallel()) is train_step
