"""Pictures of a search: how it went, what mattered, the curves of all trials, and accuracy against cost."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..metrics.plots import new_figure, save

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


def draw(folder: Path, trials: list[FrozenTrial], weights: Mapping[str, float], cost: str) -> list[str]:
    """Write the pictures there is something for; their names."""
    complete = [t for t in trials if t.values]
    figures = {"history": history(trials), "curves": curves(trials) if cost == "none" else None}
    figures["importance"] = importance(weights) if weights else None
    figures["cost"] = against_cost(complete, cost) if cost != "none" and complete else None
    drawn = {name: figure for name, figure in figures.items() if figure is not None}
    for name, figure in drawn.items():
        save(figure, folder / f"{name}.png")
    return list(drawn)


def history(trials: list[FrozenTrial]) -> Any:
    """Every trial's value, the best so far, and where trials were ended early."""
    figure = new_figure(8, 3.6)
    axes = figure.add_subplot()
    complete = [(t.number, t.values[0]) for t in trials if t.values and t.state.name == "COMPLETE"]
    pruned = [(t.number, max(t.intermediate_values.values())) for t in trials if _was_pruned(t)]
    if complete:
        numbers, values = zip(*complete, strict=True)
        axes.plot(numbers, values, "o", markersize=5, label="trial")
        axes.step(numbers, list(accumulate(values, max)), where="post", linewidth=1.2, label="best so far")
    if pruned:
        axes.plot(*zip(*pruned, strict=True), "x", color="gray", label="ended early (best until then)")
    axes.set_xlabel("trial")
    axes.set_ylabel("validation accuracy")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    return figure


def curves(trials: list[FrozenTrial]) -> Any:
    """Validation accuracy over the epochs; those ended early in gray."""
    figure = new_figure(8, 3.6)
    axes = figure.add_subplot()
    for t in trials:
        if t.intermediate_values:
            style = {"color": "gray", "alpha": 0.5} if _was_pruned(t) else {}
            axes.plot(*zip(*sorted(t.intermediate_values.items()), strict=True), linewidth=1, **style)
    axes.set_xlabel("epoch")
    axes.set_ylabel("validation accuracy")
    axes.grid(alpha=0.3)
    return figure


def importance(weights: Mapping[str, float]) -> Any:
    figure = new_figure(8, 1.2 + 0.35 * len(weights))
    axes = figure.add_subplot()
    names = sorted(weights, key=lambda name: weights[name])
    axes.barh(names, [weights[name] for name in names])
    axes.set_xlabel("importance (PED-ANOVA; the sum is 1)")
    return figure


def against_cost(complete: list[FrozenTrial], cost: str) -> Any:
    """Each trial, and those that no other beats in both."""
    figure = new_figure(6, 4.2)
    axes = figure.add_subplot()
    front = front_of(complete)
    axes.plot([t.values[1] for t in complete], [t.values[0] for t in complete], "o", color="gray", alpha=0.6)
    ordered = sorted(front, key=lambda t: t.values[1])
    axes.step([t.values[1] for t in ordered], [t.values[0] for t in ordered], "o-", where="post", label="not beaten")
    for t in ordered:
        axes.annotate(str(t.number), (t.values[1], t.values[0]), textcoords="offset points", xytext=(4, 4), fontsize=8)
    axes.set_xlabel({"parameters": "parameters", "cpu-ms": "ms of CPU a second of audio"}[cost])
    axes.set_ylabel("validation accuracy")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    return figure


def front_of(complete: list[FrozenTrial]) -> list[FrozenTrial]:
    """Trials that no other beats in accuracy without costing more, or in cost without being worse."""
    return [
        t
        for t in complete
        if not any(
            o.values[0] >= t.values[0] and o.values[1] <= t.values[1] and list(o.values) != list(t.values)
            for o in complete
        )
    ]


def _was_pruned(trial: FrozenTrial) -> bool:
    return trial.state.name == "PRUNED" and bool(trial.intermediate_values)
