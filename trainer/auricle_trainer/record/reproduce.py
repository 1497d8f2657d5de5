"""Training a run again from its record, and whether the same came out of it."""

from __future__ import annotations

import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import tomlkit

from auricle_shared.errors import DataError, ModelError
from auricle_shared.pack import open_data

from ..checkpoint import BEST, LAST, load_checkpoint, tensors_hash
from ..tracking import read_metrics
from .checkout import RunCode
from .data_rows import difference
from .differences import changed, machine_facts
from .run_folder import RunFolder

GPU_ACCURACY_POINTS = 2.0
GPU_LOSS_SHARE = 0.1
"""A GPU sums in another order every time, and training carries that on: its runs are the same when the best validation
accuracy lies within two points and the last epoch's loss within a tenth."""


@dataclass(frozen=True)
class Reproduction:
    """What was compared. `exact` asks for the same bits, which a CPU gives."""

    exact: bool
    hashes: dict[str, tuple[str, str]]
    """'best.pt', 'last.pt', 'config' -> (hash then, hash now)"""
    accuracy: tuple[float, float]
    """best on validation, then and now"""
    loss: tuple[float, float]
    """of the last epoch"""
    machine: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    """what is different here, which may explain it"""

    @property
    def same_bits(self) -> bool:
        return all(one == other for one, other in self.hashes.values())

    @property
    def passed(self) -> bool:
        if self.same_bits or self.exact:
            return self.same_bits
        near = 100 * abs(self.accuracy[0] - self.accuracy[1]) <= GPU_ACCURACY_POINTS
        return (
            near
            and abs(self.loss[0] - self.loss[1]) <= GPU_LOSS_SHARE * abs(self.loss[0])
            and self.hashes["config"][0] == self.hashes["config"][1]
        )

    def to_dict(self) -> dict[str, Any]:
        return {"passed": self.passed, "same_bits": self.same_bits, **asdict(self)}

    def as_text(self) -> str:
        lines = [f"{'':10} {'then':18} {'now':18}"]
        for name, (one, other) in self.hashes.items():
            lines.append(f"{name:10} {one:18} {other:18} {'the same' if one == other else 'DIFFERS'}")
        one, other = (f"{100 * share:.2f} %" for share in self.accuracy)
        lines.append(f"{'accuracy':10} {one:18} {other:18} best on validation")
        lines.append(f"{'loss':10} {self.loss[0]:<18.6g} {self.loss[1]:<18.6g} last epoch")
        if not self.exact and not self.same_bits:
            share = 100 * GPU_LOSS_SHARE
            lines.append(f"on a GPU: the same within {GPU_ACCURACY_POINTS:g} points and {share:g} % of the loss")
        if not self.same_bits and self.machine:
            lines.append("what is different here:")
            lines += [f"    {key}: {one} -> {other}" for key, (one, other) in self.machine.items()]
        lines.append("REPRODUCED" if self.passed else "NOT REPRODUCED")
        return "\n".join(lines)


def train_again(run: RunFolder, code: RunCode, place: Path, data: Path | None, background: Path | None) -> RunFolder:
    """Train with the run's config, data, seed, device and threads; returns the new run.

    Args:
        place: a folder for it and for what it needs.
        data, background: where they lie now; None: where the run found them.

    Raises:
        ModelError: the run was stopped or fine-tuned, or training failed.
        DataError: the data are not there any more, or not the same.
    """
    _check_repeatable(run)
    record = run.record
    config = place / "config.toml"
    config.write_text(tomlkit.dumps(run.config), encoding="utf-8")
    arguments = ["train", str(config), "--run", str(place / "run"), "--seed", str(record["seed"])]
    arguments += ["--data", str(_same_data(run, data))]
    arguments += ["--device", str(record["device"]).split(":")[0], "--threads", str(record.get("threads", 1))]
    if record.get("background_recorded"):
        arguments += ["--background", str(background or record["background"])]
    environment = {**code.environment(), "AURICLE_MLFLOW": "0"}
    done = subprocess.run(code.command(arguments), stdout=subprocess.DEVNULL, env=environment, cwd=place)
    if done.returncode:
        raise ModelError(f"Training again ended with code {done.returncode}; its own words are above.")
    return RunFolder.open(place / "run")


def compare(run: RunFolder, again: RunFolder, exact: bool) -> Reproduction:
    """Raises ModelError for checkpoints that cannot be read."""
    hashes = {"config": (str(run.record["config_hash"]), str(again.record["config_hash"]))}
    for name in (BEST, LAST):
        one, other = (tensors_hash(load_checkpoint(r.path / "checkpoints" / name)) for r in (run, again))
        hashes[name] = (one, other)
    first, second = (figures(r) for r in (run, again))
    other_machine = changed(machine_facts(run), machine_facts(again))
    return Reproduction(exact, hashes, (first[0], second[0]), (first[1], second[1]), other_machine)


def figures(run: RunFolder) -> tuple[float, float]:
    """Best accuracy on validation and the last epoch's loss."""
    lines = [line for line in read_metrics(run.path) if "epoch" in line]
    if not lines:
        raise ModelError(f"{run.path} has no metrics of any epoch.")
    return max(line["validation/accuracy"] for line in lines), float(lines[-1]["train/loss"])


def _check_repeatable(run: RunFolder) -> None:
    if run.state != "finished":
        raise ModelError(
            f"{run.path} is {run.state}, not finished: there is nothing to compare with. Finish it with --resume."
        )
    if "--from" in run.record.get("command", ()):
        raise ModelError(
            f"{run.path} was fine-tuned from another run, which is not repeated. Its command: "
            f"{' '.join(map(str, run.record['command']))}"
        )
    if len({line["source_hash"] for line in run.sessions if "source_hash" in line}) > 1:
        raise ModelError(f"{run.path} was resumed with other code than it began with; no one code trains it again.")


def _same_data(run: RunFolder, given: Path | None) -> Path:
    """The pack, which must be the one that was trained on."""
    path = (given or Path(run.record["data"]["path"])).resolve()
    if not path.exists():
        raise DataError(f"The data of {run.path} are not at {path} any more. Say where with --data.")
    pack = open_data(path, int(run.config["spectrogram"]["rate_hz"]))
    wanted = run.record["data_fingerprint"]
    if pack.fingerprint != wanted:
        words = difference([row.clip for row in run.data], pack.clips).words() if run.data else ""
        raise DataError(
            f"{path} has the fingerprint {pack.fingerprint}; {run.path} was trained on {wanted}"
            + (f" ({words})." if words else ".")
        )
    return pack.path.resolve()
