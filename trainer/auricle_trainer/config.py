"""A training config: frozen tables that mirror the TOML, shipped ones by name, changes with `--set a.b=value`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from auricle_shared.errors import SettingsError
from auricle_shared.scenes import SceneSettings
from auricle_shared.settings import EventSettings, SpectrogramSettings, from_table, settings_hash
from auricle_shared.variation import AugmentSettings


def _within(table: str, settings: object, **limits: tuple[float, float]) -> None:
    """Raises SettingsError for a value outside its (lowest, highest)."""
    for name, (lowest, highest) in limits.items():
        if not lowest <= getattr(settings, name) <= highest:
            found = getattr(settings, name)
            raise SettingsError(f"{table}.{name} is {found}; it must lie between {lowest:g} and {highest:g}.")


@dataclass(frozen=True)
class DataSettings:
    held_out_column: str = ""
    """'fold', 'speaker' or 'group': keep clips with held_out_value in it out of training; splits are then ignored"""
    held_out_value: str = ""
    folds: int = 0
    """deal the training clips (without what is held out) into so many folds by speaker (else group) and validate on
    one; 0: no folds"""
    fold_number: int = 0
    """which fold validates, from 0; the folds are the same for every seed"""
    validation_share: float = 0.1
    """part of the training clips kept for choosing the best epoch, where the data bring no 'val' split"""
    leave_out: tuple[str, ...] = ()
    """labels that are not trained on: what is to be enrolled, to see how well that works"""
    report_as: dict[str, str] = field(default_factory=dict)
    """label in training -> label in reports: train fine, report coarse; what is reported as 'background' is no event"""

    def __post_init__(self) -> None:
        if self.held_out_column not in ("", "fold", "speaker", "group"):
            raise SettingsError(
                f"data.held_out_column is {self.held_out_column!r}; wanted 'fold', 'speaker' or 'group'."
            )
        if bool(self.held_out_column) != bool(self.held_out_value):
            raise SettingsError("data.held_out_column and data.held_out_value go together; only one is set.")
        if self.folds and not 0 <= self.fold_number < self.folds >= 2:
            raise SettingsError(
                f"data.fold_number is {self.fold_number} of data.folds = {self.folds}; wanted at least 2 folds and a "
                "number from 0 to one less."
            )
        if not 0 < self.validation_share < 0.5:
            raise SettingsError(f"data.validation_share is {self.validation_share}; wanted between 0 and 0.5.")
        for label, coarse in self.report_as.items():
            if not isinstance(coarse, str):
                raise SettingsError(f"data.report_as.{label} is {coarse!r}; it must be a label.")


@dataclass(frozen=True)
class GRUSettings:
    kind: str = "gru"
    hidden: int = 128
    """units a layer; up to 128 and a multiple of 8 where the GPU's fast kernel is wanted"""
    layers: int = 1
    dropout: float = 0.0
    embedding: int = 0
    """length of the embedding (auricle enroll needs one); 0: none"""

    def __post_init__(self) -> None:
        _within("model", self, hidden=(1, 4096), layers=(1, 16), dropout=(0.0, 0.9), embedding=(0, 1024))


@dataclass(frozen=True)
class ConvGRUSettings:
    kind: str = "conv_gru"
    hidden: int = 128
    layers: int = 1
    dropout: float = 0.0
    """of what goes into the GRU and of what comes out"""
    channels: tuple[int, ...] = (16, 32)
    """of each convolution, one after another"""
    kernel_frames: int = 3
    kernel_bands: int = 5
    stride_bands: int = 2
    embedding: int = 0
    """length of the embedding (auricle enroll needs one); 0: none"""

    def __post_init__(self) -> None:
        _within("model", self, hidden=(1, 4096), layers=(1, 16), dropout=(0.0, 0.9), embedding=(0, 1024))
        _within("model", self, kernel_frames=(2, 100), kernel_bands=(1, 1000), stride_bands=(1, 1000))
        _positive("model.channels", self.channels)


@dataclass(frozen=True)
class TCNSettings:
    kind: str = "tcn"
    channels: int = 96
    kernel_frames: int = 5
    dilations: tuple[int, ...] = (1, 2, 4, 8, 1, 2, 4, 8)
    """one block each: frames between the frames that it sees"""
    dropout: float = 0.0
    embedding: int = 0
    """length of the embedding (auricle enroll needs one); 0: none"""

    def __post_init__(self) -> None:
        _within("model", self, channels=(1, 4096), kernel_frames=(2, 100), dropout=(0.0, 0.9), embedding=(0, 1024))
        _positive("model.dilations", self.dilations)


ModelSettings = GRUSettings | ConvGRUSettings | TCNSettings
MODELS: dict[str, type[ModelSettings]] = {"gru": GRUSettings, "conv_gru": ConvGRUSettings, "tcn": TCNSettings}


def model_settings(table: Mapping[str, Any]) -> ModelSettings:
    """The settings of the network that [model] names; a setting of another network is an error."""
    kind = table.get("kind", "gru")
    if kind not in MODELS:
        raise SettingsError(f"model.kind is {kind!r}; known networks: {', '.join(sorted(MODELS))}.")
    return from_table(MODELS[kind], dict(table), "model")


def _positive(name: str, values: tuple[int, ...]) -> None:
    if not values or not all(type(v) is int and v >= 1 for v in values):
        raise SettingsError(f"{name} is {list(values)}; wanted a list of whole numbers from 1.")


@dataclass(frozen=True)
class MaskSettings:
    """Bands and moments hidden from the network in training (SpecAugment, Park et al., Interspeech 2019)."""

    band_share: float = 0.15
    """most neighbouring bands hidden at once, as a share of all bands"""
    band_masks: int = 2
    seconds: float = 0.1
    """longest time hidden at once; a few sounds are hardly longer"""
    time_masks: int = 2

    def __post_init__(self) -> None:
        _within("mask", self, band_share=(0.0, 1.0), seconds=(0.0, 60.0), band_masks=(0, 100), time_masks=(0, 100))


@dataclass(frozen=True)
class ShiftSettings:
    """Spectra moved along the bands in training, a different way for every stream and window."""

    bands: float = 0.0
    """farthest move up or down; 0 moves nothing"""

    def __post_init__(self) -> None:
        _within("shift", self, bands=(0.0, 100.0))


@dataclass(frozen=True)
class ResponseSettings:
    """Bands boosted and cut in training as other microphones would, a different way for every stream and window."""

    most_db: float = 0.0
    """strongest boost or cut; 0 changes nothing"""
    points: int = 5
    """bands, spread evenly over all, at which it is drawn; straight lines between them"""

    def __post_init__(self) -> None:
        _within("response", self, most_db=(0.0, 30.0), points=(2, 100))


@dataclass(frozen=True)
class LossSettings:
    evidence_seconds: float = 1.0
    """an event that goes on past the window's end is asked for once this much of it was heard"""
    release_seconds: float = 0.3
    """frames after an event in which the network is asked nothing: it cannot know yet that it is over"""
    frame_weight: float = 0.0
    """loss of frames inside an event that say another class than its own or background, beside the pooled loss"""
    background_weight: float = 1.0
    """loss of background frames beside the loss of events"""
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        weight, seconds = (0.0, 1000.0), (0.0, 3600.0)
        _within("loss", self, evidence_seconds=seconds, release_seconds=seconds, label_smoothing=(0.0, 0.9))
        _within("loss", self, frame_weight=weight, background_weight=weight)


@dataclass(frozen=True)
class EmbeddingSettings:
    """The triplet loss of an embedding head, beside the classification loss; without the head nothing of it is used."""

    weight: float = 1.0
    margin: float = 0.2
    """by which another class must be less similar (cosine) than the own one"""
    semi_hard: float = 0.3
    """share of training with semi-hard triplets; afterwards those that multi-similarity mining finds, harder ones"""

    def __post_init__(self) -> None:
        _within("embedding", self, weight=(0.0, 1000.0), margin=(0.0, 2.0), semi_hard=(0.0, 1.0))


@dataclass(frozen=True)
class TrainingSettings:
    epochs: int = 40
    """one epoch: as many events as there are training clips"""
    streams: int = 32
    """streams side by side: the batch"""
    window_seconds: float = 1.5
    """audio of each stream a step sees; the gradient goes this far back, the state further"""
    learning_rate: float = 3e-3
    """peak, after warm-up; falls to 0 along a cosine"""
    learning_rate_batch: int = 0
    """streams for which learning_rate was chosen; for other numbers it goes with the square root; 0: it stays"""
    warm_up: float = 0.1
    """share of all steps"""
    weight_decay: float = 0.01
    clip_norm: float = 2.0
    """longest gradient"""
    average: float = 0.0
    """decay a step of the weights' moving average, for instance 0.995; the average is what is kept. 0: no average"""
    workers: int = 1
    """processes that mix audio ahead; 0 mixes in the training process; the audio is the same"""
    graph: bool = False
    """on a GPU: the whole step recorded once as a CUDA graph; pays where steps are short"""
    autocast: str = ""
    """'bfloat16': the network computes in it where torch deems it safe; features, loss and weights stay float32"""
    keep_every: int = 0
    """keep a checkpoint of every so many epochs; 0 keeps best and last alone"""

    def __post_init__(self) -> None:
        _within("training", self, epochs=(1, 10**6), streams=(1, 10**5), window_seconds=(0.0, 600.0), workers=(0, 64))
        _within(
            "training",
            self,
            warm_up=(0.0, 1.0),
            average=(0.0, 0.99999),
            weight_decay=(0.0, 100.0),
            keep_every=(0, 10**6),
            learning_rate_batch=(0, 10**5),
        )
        if self.autocast not in ("", "bfloat16"):
            raise SettingsError(f"training.autocast is {self.autocast!r}; wanted 'bfloat16', or '' for float32.")
        for name in ("learning_rate", "clip_norm"):
            if not getattr(self, name) > 0:
                raise SettingsError(f"training.{name} is {getattr(self, name)}; it must be above 0.")

    def learning_rate_for(self, batch: int) -> float:
        """The peak for a batch of so many streams: in proportion to its square root."""
        return self.learning_rate * (batch / (self.learning_rate_batch or self.streams)) ** 0.5


@dataclass(frozen=True)
class CalibrationSettings:
    """Scenes from the validation clips, after training: they set the temperature and the events' thresholds."""

    minutes: float = 20.0
    """most audio of them; 0 calibrates nothing"""
    false_alarms_per_hour: float = 0.5
    """wanted of all classes together, where nothing happens"""
    snr_low_db: float = 5.0
    snr_high_db: float = 20.0
    gap_seconds: float = 2.0
    """mean pause between events, on top of 0.5 s"""

    def __post_init__(self) -> None:
        _within("calibration", self, minutes=(0.0, 24 * 60.0), false_alarms_per_hour=(0.0, 3600.0))
        _within("calibration", self, gap_seconds=(0.0, 3600.0), snr_low_db=(-100.0, 100.0))
        _within("calibration", self, snr_high_db=(self.snr_low_db, 100.0))


@dataclass(frozen=True)
class Config:
    name: str
    spectrogram: SpectrogramSettings = field(default_factory=SpectrogramSettings)
    data: DataSettings = field(default_factory=DataSettings)
    model: ModelSettings = field(default_factory=GRUSettings)
    scenes: SceneSettings = field(default_factory=SceneSettings)
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    mask: MaskSettings = field(default_factory=MaskSettings)
    shift: ShiftSettings = field(default_factory=ShiftSettings)
    response: ResponseSettings = field(default_factory=ResponseSettings)
    loss: LossSettings = field(default_factory=LossSettings)
    embedding: EmbeddingSettings = field(default_factory=EmbeddingSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    calibration: CalibrationSettings = field(default_factory=CalibrationSettings)
    events: Mapping[str, EventSettings] = field(default_factory=dict)
    """by label; 'default' holds for every label without its own table"""

    def __post_init__(self) -> None:
        if self.training.graph and self.model.embedding:
            raise SettingsError(
                "training.graph and model.embedding exclude each other: triplets are mined step by step."
            )
        if self.window_samples < self.spectrogram.hop_samples:
            raise SettingsError(f"training.window_seconds = {self.training.window_seconds} is shorter than one hop.")

    @property
    def window_samples(self) -> int:
        """Samples of a training window: whole hops."""
        hop = self.spectrogram.hop_samples
        return round(self.training.window_seconds * self.spectrogram.rate_hz) // hop * hop

    @property
    def hash(self) -> str:
        return settings_hash(self)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, table: Mapping[str, Any], name: str) -> Config:
        """Raises SettingsError for unknown tables, unknown keys and values that do not fit."""
        tables = {
            "spectrogram": SpectrogramSettings,
            "data": DataSettings,
            "scenes": SceneSettings,
            "augment": AugmentSettings,
            "mask": MaskSettings,
            "shift": ShiftSettings,
            "response": ResponseSettings,
            "loss": LossSettings,
            "embedding": EmbeddingSettings,
            "training": TrainingSettings,
            "calibration": CalibrationSettings,
        }
        values: dict[str, Any] = {}
        for key, value in table.items():
            if key == "name":
                name = str(value)
            elif key == "events":
                of_labels = _table(value, key).items()
                values[key] = {
                    label: from_table(EventSettings, _table(v, f"events.{label}"), f"events.{label}")
                    for label, v in of_labels
                }
            elif key == "model":
                values[key] = model_settings(_table(value, key))
            elif key == "mask":
                values[key] = from_table(MaskSettings, _mask_table(_table(value, key), table), key)
            elif key in tables:
                values[key] = from_table(tables[key], _table(value, key), key)
            else:
                known = ", ".join([*tables, "model", "events"])
                raise SettingsError(f"[{key}] is no table of a config. Known: {known}.")
        return cls(name=name, **values)


def _table(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SettingsError(f"{name} is {value!r}; it must be a table, [{name}].")
    return value


def _mask_table(mask: dict[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """[mask] as it is today; version 0.1 counted bands and frames, and its checkpoints are still read."""
    if "frames" not in mask and "bands" not in mask:
        return mask
    front_end = from_table(SpectrogramSettings, _table(config.get("spectrogram", {}), "spectrogram"), "spectrogram")
    known = {"band_masks": mask.get("band_masks", 2), "time_masks": mask.get("frame_masks", 2)}
    seconds = mask.get("frames", 10) * front_end.hop_seconds
    return {**known, "band_share": min(1.0, mask.get("bands", 6) / front_end.bands), "seconds": seconds}


def shipped_configs() -> list[str]:
    folder = files("auricle_trainer") / "configs"
    return sorted(f.name[: -len(".toml")] for f in folder.iterdir() if f.name.endswith(".toml"))


def load_config(name_or_path: str, changes: Iterable[str] = ()) -> Config:
    """A shipped config by name or a TOML file, with `a.b=value` changes applied.

    Raises:
        SettingsError: no such config, not TOML, or settings that do not exist or contradict each other.
    """
    path = Path(name_or_path)
    if path.suffix == ".toml":
        if not path.is_file():
            raise SettingsError(f"The config {path} does not exist. Shipped ones: {', '.join(shipped_configs())}.")
        data = path.read_bytes()
    elif name_or_path in shipped_configs():
        data = (files("auricle_trainer") / "configs" / f"{name_or_path}.toml").read_bytes()
    else:
        raise SettingsError(
            f"There is no config {name_or_path!r}. Shipped: {', '.join(shipped_configs())}; "
            "or give a file ending in .toml."
        )
    try:
        table = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{name_or_path} is not valid TOML: {error}.") from error
    for change in changes:
        _apply(table, change)
    return Config.from_dict(table, path.stem)


def changed(config: Config, changes: Iterable[str]) -> Config:
    """The config with `a.b=value` changes applied."""
    table = config.to_dict()
    for change in changes:
        _apply(table, change)
    return Config.from_dict(table, config.name)


def _apply(table: dict[str, Any], change: str) -> None:
    key, equals, text = change.partition("=")
    parts = key.strip().split(".")
    if not equals or len(parts) < 2 or not all(parts):
        raise SettingsError(f"--set {change}: wanted TABLE.KEY=VALUE, for instance training.epochs=10.")
    for i, part in enumerate(parts[:-1]):
        table = _table(table.setdefault(part, {}), ".".join(parts[: i + 1]))
    try:
        table[parts[-1]] = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        table[parts[-1]] = text.strip()  # a word without quotes is a string
