"""Build the parts of a training run and hand them to the loop.

auricle train gru --data PACK --run runs/one
auricle train gru --data PACK --run runs/one --resume
"""

from __future__ import annotations

import copy
import shutil
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from auricle_shared.accuracy import as_text
from auricle_shared.errors import DataError, SettingsError
from auricle_shared.evaluate import evaluate
from auricle_shared.files import write_text
from auricle_shared.metadata import BACKGROUND, ModelMetadata
from auricle_shared.pack import Pack, audio_fingerprint
from auricle_shared.settings import EventSettings

from .batches.workers import MixedWindows, WindowPlan, batches
from .calibrate import calibrate_run
from .calibration_text import as_text as calibration_text
from .checkpoint import (
    BEST,
    LAST,
    checkpoint_hashes,
    load_checkpoint,
    make_classifier,
    save_checkpoint,
    weights_hash,
)
from .config import Config, changed
from .fine_tune import Beginning, new_weights
from .graph import step_of
from .loop import TrainingState, new_optimizer, run
from .metrics.plots import confusion_figure, curves_figure, save
from .models.recurrence import flattened
from .monitor import SILENT, RunMonitor
from .provenance import code_state, environment
from .record.differences import changed as changes
from .record.differences import in_words
from .record.run_folder import flat
from .record.writing import begin_session, end_session, write_record
from .selection import Selection, select_clips
from .strategies.restart import sign, signed_by_us
from .strategies.single import Single
from .synthetic_background import write_background_pack
from .torch_scorer import TorchScorer
from .tracking import Observer, Tracker, read_metrics

SYNTHETIC_SECONDS = 600.0
DRAW_SECONDS = 20.0
"""Between pictures of a running training"""
NORMALISATION_WINDOWS, NORMALISATION_STREAMS = 4, 64
"""At most; more would only be more of the same"""
LEAST_STEPS = 5
"""Steps an epoch. A folder of a hundred clips is heard in two, and would be done before it has learned."""


@dataclass(frozen=True)
class Outcome:
    finished: bool
    best_epoch: int
    best_accuracy: float


def train(
    config: Config,
    pack: Pack,
    background: Pack | None,
    folder: Path,
    device: torch.device,
    seed: int,
    resume: bool = False,
    observers: Sequence[Observer] = (),
    profile: bool = False,
    strategy: Single | None = None,
    beginning: Beginning | None = None,
) -> Outcome:
    """Train a classifier and leave config, metrics, pictures and checkpoints in `folder`.

    Args:
        background: recordings that run on behind the events; None uses a synthetic one and says so.
        observers: told of the beginning, every epoch and the end; each may end training early.
        profile: write torch's trace of some steps to folder/profile.
        strategy: how many processes and devices train; all of them call this, the leading one writes and speaks.
        beginning: weights to begin with, of another run; None: random ones.

    Raises:
        DataError, SettingsError, ModelError: what was found, what was wanted.
    """
    strategy = strategy or Single()
    resume = resume or (signed_by_us(folder) and (folder / "checkpoints" / LAST).is_file())
    tell = say if strategy.leads else nothing
    step = step_of(config, device, strategy)
    recorded = background
    with strategy.leader_first():
        if strategy.leads:
            prepare_folder(folder, resume)
        background = background or synthetic_background_pack(folder, config.spectrogram.rate_hz, seed)
    torch.manual_seed(seed)
    selection = select_clips(pack, config.data, seed)
    plan = window_plan(config, pack, selection, background, seed)
    streams = plan.scene_streams()
    events_per_window = config.training.streams * config.training.window_seconds / streams.mean_period_seconds
    steps_per_epoch = max(LEAST_STEPS, round(len(selection.train) / events_per_window))
    steps = steps_per_epoch * config.training.epochs

    state = new_state(config, plan, device, seed, strategy, beginning)
    metadata = make_metadata(config, plan, state, pack, background, seed)
    tell(
        f"{len(selection.train)} training and {len(selection.validation)} validation clips of "
        f"{len(plan.classes)} classes ({', '.join(plan.classes)}); "
        f"{parameters(state)} parameters; {steps_per_epoch} steps an epoch; {device}{of_several(strategy)}"
    )
    values: dict[str, Any] = {}
    begun_with = config
    if resume:
        values = load_checkpoint(folder / "checkpoints" / LAST)
        begun_with, metadata = same_run(values, metadata, config, pack, folder)
        state.load(values)
        tell(f"goes on at step {state.step} of {steps}")
    elif strategy.leads:
        write_record(folder, config, metadata, pack, background, recorded is not None, selection, device)

    keeper = Follower()
    if strategy.leads:
        begin_session(folder, device, state.step)
        for observer in observers:
            observer.begin(folder)
        tracker = Tracker(folder, observers)
        keeper = EpochKeeper(begun_with, pack, selection, folder, state, metadata, tracker)
        if resume:
            keeper.go_on(values)

    def after_epoch(epoch: int, figures: dict[str, float]) -> str:
        return keeper.after_epoch(epoch, figures, state.to_dict())

    def ends() -> bool:
        return stop.wanted or any(observer.wants_stop() for observer in observers)

    monitor = SILENT
    if strategy.leads:
        trace = folder / "profile" if profile else None
        monitor = RunMonitor(device, config.training.streams, tracker.board, trace)
    with StopRequest() if strategy.leads else StopRequest(nothing) as stop, closing(strategy):
        strategy.start(state, config, plan, steps, steps_per_epoch)
        own = plan.part(strategy.share(plan.streams)) if strategy.processes > 1 else plan
        windows = batches(own, range(state.step, steps), config.training.workers, device)
        run(state, windows, steps, steps_per_epoch, config, after_epoch, ends, monitor, step)
        monitor.close()
        if state.step < steps:
            keeper.save(LAST, state.to_dict())
    outcome = Outcome(state.step >= steps, keeper.best_epoch, state.best_accuracy)
    if strategy.leads:
        keeper.finish()
        tracker.close()
        if outcome.finished:
            say(calibration_text(calibrate_run(folder, pack, background, recorded, device)))
        figures = {"best_epoch": outcome.best_epoch, "best_accuracy": outcome.best_accuracy}
        known = {"parameters": parameters(state), "checkpoints": checkpoint_hashes(folder)}
        end_session(folder, state.step, outcome.finished, {**figures, **known})
        for observer in observers:
            observer.end(folder, outcome.finished)
    return outcome


def same_run(
    values: dict[str, Any], metadata: ModelMetadata, config: Config, pack: Pack, folder: Path
) -> tuple[Config, ModelMetadata]:
    """What the run was begun with. The number of workers may be another one now: the audio is the same.

    Raises:
        SettingsError: it was something else than now.
    """
    begun_with = Config.from_dict(values["config"], config.name)
    one, other = (changed(c, ["training.workers=0"]) for c in (begun_with, config))
    if one.hash != other.hash:
        told = in_words(changes(flat(one.to_dict()), flat(other.to_dict())))
        raise SettingsError(f"{folder} was trained with another config ({told}); resume needs the same one.")
    if values["data_fingerprint"] != pack.fingerprint:
        raise SettingsError(
            f"{folder} was trained on other data ({values['data_fingerprint']}, these are {pack.fingerprint}); "
            "resume needs the same ones."
        )
    began = ModelMetadata.from_strings(values["metadata"], str(folder))
    for key, what in (("seed", "seed"), ("background_fingerprint", "background")):
        if began.provenance[key] != metadata.provenance[key]:
            raise SettingsError(
                f"{folder} was begun with the {what} {began.provenance[key]}, not {metadata.provenance[key]}; "
                "resume needs the same one."
            )
    return begun_with, began


def of_several(strategy: Single) -> str:
    return f", {strategy.processes} processes ({strategy.name})" if strategy.processes > 1 else ""


def prepare_folder(folder: Path, resume: bool) -> None:
    last = folder / "checkpoints" / LAST
    if resume and not last.is_file():
        raise SettingsError(f"{folder} holds no checkpoint to go on from. Leave out --resume to begin there.")
    if not resume and signed_by_us(folder):
        shutil.rmtree(folder)  # a start of this run that came to no checkpoint
    if not resume and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SettingsError(f"{folder} is not empty. Go on with --resume, or choose another folder for --run.")
    (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    sign(folder)


def synthetic_background_pack(folder: Path, rate_hz: int, seed: int) -> Pack:
    path = folder / "background"
    if not path.exists():
        say("no --background given: a synthetic one is used (noise, hum, clatter, babble); real room sound is better")
        write_background_pack(path, SYNTHETIC_SECONDS, rate_hz, seed)
    return Pack.open(path)


def window_plan(config: Config, pack: Pack, selection: Selection, background: Pack, seed: int) -> WindowPlan:
    settings = config.spectrogram
    if background.rate_hz != settings.rate_hz or pack.rate_hz != settings.rate_hz:
        raise DataError(
            f"The config wants {settings.rate_hz} Hz; the data have {pack.rate_hz} Hz and the background "
            f"{background.rate_hz} Hz. Import with --rate {settings.rate_hz}."
        )
    recordings = [i for i, c in enumerate(background.clips) if c.split in ("", "train")]
    if not recordings:
        raise DataError(f"{background.path} has no recordings to train on (splits: {background.info['splits']}).")
    labels = [label for label in pack.labels if label not in (BACKGROUND, *config.data.leave_out)]
    return WindowPlan(
        pack=pack,
        clips=tuple(selection.train),
        background=background,
        recordings=tuple(recordings),
        scenes=config.scenes,
        augment=config.augment,
        classes=tuple(labels) if pack.multi_label else (BACKGROUND, *labels),
        multi_label=pack.multi_label,
        streams=config.training.streams,
        window_samples=config.window_samples,
        hop_samples=settings.hop_samples,
        evidence_samples=round(config.loss.evidence_seconds * settings.rate_hz),
        release_samples=round(config.loss.release_seconds * settings.rate_hz),
        seed=seed,
    )


def new_state(
    config: Config,
    plan: WindowPlan,
    device: torch.device,
    seed: int,
    strategy: Single | None = None,
    beginning: Beginning | None = None,
) -> TrainingState:
    """Weights, normalisation and random numbers at the start; `plan` is of all streams."""
    strategy = strategy or Single()
    model = make_classifier(config, len(plan.classes))
    if beginning is None:
        model.fit_normalisation(normalisation_audio(plan))
    else:
        new_weights(beginning, model, plan.classes)
    model = strategy.prepared(model.to(device))
    if strategy.rank:  # weights are drawn alike everywhere, what hides and drops features is not
        torch.manual_seed(seed + strategy.rank)
    generator = torch.Generator(device).manual_seed(seed + strategy.rank)
    average = flattened(copy.deepcopy(model).requires_grad_(False)) if config.training.average else None
    bank = model.zero_state(len(strategy.share(plan.streams)))
    optimizer = new_optimizer(model, config, device)
    return TrainingState(model, average, optimizer, bank, generator, torch.zeros((), device=device), strategy)


def normalisation_audio(plan: WindowPlan) -> Any:
    """Audio of the streams' first windows: the mean and deviation of the features come from it."""
    windows = MixedWindows(plan.part(range(min(plan.streams, NORMALISATION_STREAMS))))
    return torch.cat([windows[number].audio for number in range(NORMALISATION_WINDOWS)], 1).numpy()


def make_metadata(
    config: Config, plan: WindowPlan, state: TrainingState, pack: Pack, background: Pack, seed: int
) -> ModelMetadata:
    default = config.events.get("default", EventSettings())
    return ModelMetadata(
        labels=plan.classes,
        activation="sigmoid" if plan.multi_label else "softmax",
        spectrogram=config.spectrogram,
        state_size=state.model.state_size,
        events={label: config.events.get(label, default) for label in plan.classes if label != BACKGROUND},
        embedding_size=config.model.embedding,
        report_as=dict(config.data.report_as),
        provenance={
            "run_id": uuid.uuid4().hex[:12],
            "config": config.name,
            "config_hash": config.hash,
            "data_fingerprint": pack.fingerprint,
            "audio_fingerprint": audio_fingerprint(pack.rate_hz, pack.clips),
            "background_fingerprint": background.fingerprint,
            "licence": str(pack.info.get("licence", "")),
            "seed": seed,
            **code_state(),
            "versions": environment(),
        },
    )


def parameters(state: TrainingState) -> int:
    return sum(p.numel() for p in state.model.parameters())


class Follower:
    """What a process that does not lead keeps of an epoch: nothing."""

    best_epoch = 0

    def go_on(self, last: dict[str, Any]) -> None:
        """A resumed run's count of epochs."""

    def after_epoch(self, epoch: int, figures: dict[str, float], values: dict[str, Any]) -> str:
        return ""

    def save(self, name: str, values: dict[str, Any]) -> None:
        """A checkpoint."""

    def finish(self) -> None:
        """Training has ended, for now or for good."""


class EpochKeeper(Follower):
    """After every epoch: validate, write down, keep the best and the last checkpoint."""

    def __init__(
        self,
        config: Config,
        pack: Pack,
        selection: Selection,
        folder: Path,
        state: TrainingState,
        metadata: ModelMetadata,
        tracker: Tracker,
    ) -> None:
        self._config, self._pack, self._selection, self._folder = config, pack, selection, folder
        self._state, self._metadata, self._tracker = state, metadata, tracker
        self._epoch = 0
        self._accuracy: float | None = None  # of the weights as they are now
        self._validated_step = 0
        self._best: dict[str, Any] | None = None  # not drawn yet
        self._drawn_seconds = time.monotonic()
        self.best_epoch = 0

    def go_on(self, last: dict[str, Any]) -> None:
        """Take up the count of epochs where the last checkpoint left it."""
        self._epoch, self.best_epoch = last["epoch"], last["best_epoch"]

    def after_epoch(self, epoch: int, figures: dict[str, float], values: dict[str, Any]) -> str:
        """`values` are the state's, gathered from all processes."""
        self._epoch, state = epoch, self._state
        result = evaluate(TorchScorer(state.kept, self._metadata), self._pack, self._selection.validation)
        accuracy, loss = result["accuracy"], figures["train/loss"]
        self._accuracy, self._validated_step = accuracy, state.step
        self._tracker.log(state.step, {"epoch": epoch, **figures, "validation/accuracy": accuracy})
        # Of two epochs that are equally right the later one, with the lower loss, has seen more.
        if (accuracy, -loss) >= (state.best_accuracy, -state.best_loss):
            state.best_accuracy, state.best_loss, self.best_epoch = accuracy, loss, epoch
            self.save(BEST, values)
            self._best = result
        if time.monotonic() - self._drawn_seconds >= DRAW_SECONDS:
            self._draw()
        if self._config.training.keep_every and epoch % self._config.training.keep_every == 0:
            self.save(f"epoch-{epoch:04d}.pt", values)
        self.save(LAST, values)
        best = state.best_accuracy
        return f"epoch {epoch}: loss {loss:.3f}, validation {100 * accuracy:.1f} % (best {100 * best:.1f} %)"

    def save(self, name: str, values: dict[str, Any]) -> None:
        provenance = {
            **self._metadata.provenance,
            "checkpoint": name,
            "checkpoint_hash": weights_hash(self._state.kept),
        }
        accuracy = self._accuracy if self._validated_step == self._state.step else None
        if accuracy is not None:
            provenance["metrics"] = {"validation_accuracy": accuracy, "clips": len(self._selection.validation)}
        metadata = ModelMetadata(**{**self._metadata.__dict__, "provenance": provenance})
        values = {
            **values,
            "best_accuracy": self._state.best_accuracy,
            "best_loss": self._state.best_loss,
            "epoch": self._epoch,
            "best_epoch": self.best_epoch,
            "validation_accuracy": accuracy,
            "config": self._config.to_dict(),
            "config_hash": self._config.hash,
            "data_fingerprint": self._pack.fingerprint,
            "metadata": metadata.to_strings(),
            "metadata_labels": list(metadata.labels),
        }
        save_checkpoint(self._folder / "checkpoints" / name, values)

    def finish(self) -> None:
        if self._epoch:
            self._draw()

    def _draw(self) -> None:
        """Not after every epoch: of a small training it would be most of the time."""
        pictures, result, self._best = self._folder / "pictures", self._best, None
        self._drawn_seconds = time.monotonic()
        save(curves_figure(read_metrics(self._folder)), pictures / "curves.png")
        if result is None:  # the best epoch's are there
            return
        write_text(self._folder / "validation.txt", as_text(result) + "\n")
        if not self._pack.multi_label:
            figure = confusion_figure(result)
            save(figure, pictures / "confusion.png")
            self._tracker.picture("confusion", figure, self._state.step)


class StopRequest:
    """SIGINT and SIGTERM ask the loop to end after the step; a second one ends at once."""

    def __init__(self, tell: Callable[[str], None] | None = None) -> None:
        self.wanted, self._tell = False, tell or say
        self._old: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._old[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.wanted:
            raise KeyboardInterrupt
        self.wanted = True
        self._tell("stopping after this step; a checkpoint is written")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def nothing(text: str) -> None:
    """What the processes say that do not lead."""
