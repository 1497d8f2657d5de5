"""What a search found: best.toml to train with, report.md with pictures for people, report.json for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from auricle_shared.files import write_text

from .pictures import draw, front_of
from .rerun import Finalist
from .storage import REFUSED, finished
from .worker import Work

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial


def write_report(spec: Work, study: Study, best: Sequence[Finalist]) -> str:
    """Write the report, its pictures and best.toml into the search's folder; returns the report as text."""
    import tomli_w

    trials = sorted(finished(study), key=lambda t: t.number)
    weights = importances(study)
    names = draw(spec.out / "pictures", trials, weights, spec.memory.cost)
    if best:
        chosen = spec.space.config_of(best[0].changes)
        write_text(spec.out / "best.toml", tomli_w.dumps(json.loads(json.dumps(chosen.to_dict()))))
    figures = {
        "trials": [row(t) for t in trials],
        "importance": dict(weights),
        "finalists": [{**f.__dict__, "mean": f.mean, "deviation": f.deviation} for f in best],
        "not_beaten": [t.number for t in front_of(complete(trials))] if spec.memory.cost != "none" else [],
    }
    write_text(spec.out / "report.json", json.dumps(figures, indent=2) + "\n")
    text = as_text(spec, trials, weights, best, names)
    write_text(spec.out / "report.md", text)
    return text


def complete(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    return [t for t in trials if t.state.name == "COMPLETE"]


def candidates(study: Study, top: int) -> list[FrozenTrial]:
    """The most accurate trials; with a cost, of those that no other beats. Each setting once."""
    trials = complete(finished(study))
    if len(study.directions) > 1:
        trials = front_of(trials)
    once = {json.dumps(t.params, sort_keys=True): t for t in reversed(trials)}
    return sorted(once.values(), key=lambda t: (-t.values[0], t.number))[:top]


def importances(study: Study) -> dict[str, float]:
    """Share of each setting in what tells good trials from the others; empty with too few to say."""
    import optuna

    done = [t for t in study.get_trials(deepcopy=False) if t.state == optuna.trial.TrialState.COMPLETE]
    if len(done) < 4 or len({t.values[0] for t in done}) < 2:
        return {}
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    target = (lambda t: -t.values[0]) if len(study.directions) > 1 else None  # it looks for low ones
    return dict(optuna.importance.get_param_importances(study, evaluator=evaluator, target=target))


def row(trial: FrozenTrial) -> dict[str, Any]:
    refused = trial.user_attrs.get(REFUSED)
    return {
        "trial": trial.number,
        "state": "refused" if refused else trial.state.name.lower(),
        "values": list(trial.values or []),
        "epochs": len(trial.intermediate_values),
        "changes": trial.user_attrs.get("changes", []),
        "folder": trial.user_attrs.get("folder", ""),
        **({"refused": refused} if refused else {}),
    }


def as_text(
    spec: Work, trials: Sequence[FrozenTrial], weights: Mapping[str, float], best: Sequence[Finalist], names: list[str]
) -> str:
    states = [row(t)["state"] for t in trials]
    counts = ", ".join(f"{states.count(s)} {s}" for s in ("complete", "pruned", "refused") if s in states)
    lines = [f"# Search {spec.memory.name}", "", f"{len(trials)} trials from {spec.space.config}: {counts}.", ""]
    if best:
        lines += [
            "## The best again with other seeds",
            "",
            "| trial | validation accuracy % | seeds | cost | settings |",
        ]
        lines += ["|---|---|---|---|---|"]
        for f in best:
            told = f"{100 * f.mean:.2f} ± {100 * f.deviation:.2f}" if len(f.values) > 1 else f"{100 * f.mean:.2f}"
            cost = "" if f.cost is None else f"{f.cost:g}"
            lines.append(f"| {f.trial} | {told} | {len(f.values)} | {cost} | {settings(f.changes)} |")
        lines += [
            "",
            "The first row is best.toml; `auricle train best.toml` trains with it. It was chosen among many by these",
            "very figures, so they flatter: `auricle evaluate` on test data, never seen here, tells what it is worth.",
            "",
        ]
    for name in names:
        lines += [f"![{name}](pictures/{name}.png)", ""]
    if weights:
        lines += [", ".join(f"{k} {100 * v:.0f} %" for k, v in sorted(weights.items(), key=lambda x: -x[1])), ""]
    lines += [
        "## All trials",
        "",
        "| trial | state | validation accuracy % | cost | settings |",
        "|---|---|---|---|---|",
    ]
    for t in trials:
        values = t.values or []
        accuracy = f"{100 * values[0]:.2f}" if values and t.state.name == "COMPLETE" else ""
        cost = f"{values[1]:g}" if len(values) > 1 else ""
        changes = settings(t.user_attrs.get("changes", []))
        lines.append(f"| {t.number} | {row(t)['state']} | {accuracy} | {cost} | {changes} |")
    return "\n".join(lines) + "\n"


def settings(changes: Sequence[str]) -> str:
    return ", ".join(f"`{change}`" for change in changes)
