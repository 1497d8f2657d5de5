"""model.onnx as a scorer, through ONNX Runtime: one thread, no spinning, and no belief in promises.

The file carries its own metadata; what it says about itself is checked against what it does before it is trusted.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from auricle_shared.errors import DataError, ModelError
from auricle_shared.metadata import ModelMetadata
from auricle_shared.scorer import ScoredFrames, zero_state

from .bound_call import BoundCall
from .resident import ResidentCall
from .session import first_line, needs_onnxruntime, open_session, plain_run
from .without_output import without_output

INPUTS = ("audio", "state")
OUTPUTS = ("logits", "scores", "next_state")
EMBEDDING = "embedding"
"""Computed by `embed` alone: a stream that does not ask for it never pays for it"""


class OnnxScorer:
    """A model.onnx, opened.

        scorer = OnnxScorer("model.onnx")
        frames = scorer(audio, state)      # audio [B, k * hop], state [B, S]; see auricle_shared.scorer

    Args:
        path: a file written by `auricle export`.
        provider: 'cpu', 'cuda', or 'auto': CUDA where it really runs, else the CPU.

    Raises:
        ModelError: missing, truncated, foreign, or a graph that does not do what its metadata say.
        DeviceError: CUDA was asked for and does not run here.
        AuricleError: ONNX Runtime is not installed.
    """

    def __init__(self, path: str | Path, provider: str = "auto") -> None:
        self.path = Path(path)
        self._session, self.provider = open_session(self.path, provider)
        self._plain_session = self._session  # gives no embedding
        self.metadata = ModelMetadata.from_strings(self._strings(), str(self.path))
        self._hop = self.metadata.hop_samples
        self._options = needs_onnxruntime().RunOptions()  # making one at every call would cost 4 us
        self._run = self._run_embedding = _call_of(self._session, self.provider)
        if self.metadata.embedding_size:
            plain = without_output(self.path.read_bytes(), EMBEDDING)
            self._plain_session, _ = open_session(self.path, provider, plain)
            self._run = _call_of(self._plain_session, self.provider)
        self._check_names()
        self._check_one_frame()

    def __call__(self, audio: np.ndarray, state: np.ndarray) -> ScoredFrames:
        """Raises DataError for audio that is not [B, k * hop] float32 with k >= 1."""
        self._check_length(audio)
        logits, scores, next_state = self._run(OUTPUTS, {"audio": audio, "state": state}, self._options)
        return ScoredFrames(logits, scores, next_state)

    def embed(self, audio: np.ndarray, state: np.ndarray) -> ScoredFrames:
        """The same with the embedding; ModelError for a model without one."""
        self._check_length(audio)
        if not self.metadata.embedding_size:
            raise ModelError(
                f"{self.path} has no embedding. Wanted: a model of a config with one ('auricle train embedding')."
            )
        feeds = {"audio": audio, "state": state}
        return ScoredFrames(*self._run_embedding((*OUTPUTS, EMBEDDING), feeds, self._options))

    def for_one_stream(self) -> Callable[[np.ndarray, np.ndarray], ScoredFrames]:
        """The same for one stream alone, faster; the state it gives holds until the call after the next."""
        if self.provider != "cpu":
            return self
        from_numpy = needs_onnxruntime().OrtValue.ortvalue_from_numpy
        return BoundCall(self._plain_session, self._options, from_numpy, self, self.metadata)

    def _check_length(self, audio: np.ndarray) -> None:
        samples = audio.shape[-1]
        if not samples or samples % self._hop:  # on 0 samples, ONNX Runtime's GRU would abort the whole process
            raise DataError(
                f"A block of {samples} samples was given to the model; wanted a multiple of {self._hop}, at least one. "
                "StreamingClassifier takes blocks of any size."
            )

    @property
    def runtime_version(self) -> str:
        return str(needs_onnxruntime().__version__)

    def shapes(self) -> dict[str, dict[str, list[int | str]]]:
        """Inputs and outputs by name, with their dimensions; a named dimension is free."""
        return {
            "inputs": {node.name: list(node.shape) for node in self._session.get_inputs()},
            "outputs": {node.name: list(node.shape) for node in self._session.get_outputs()},
        }

    def _strings(self) -> dict[str, str]:
        try:
            strings: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
            self.shapes()
        except UnicodeDecodeError as error:
            raise ModelError(f"{self.path} is damaged: a name in it is no text ({error}). Export it again.") from error
        return strings

    def _check_names(self) -> None:
        found = self.shapes()
        outputs = (*OUTPUTS, EMBEDDING) if self.metadata.embedding_size else OUTPUTS
        missing = [n for n in INPUTS if n not in found["inputs"]] + [n for n in outputs if n not in found["outputs"]]
        extra = [n for n in found["inputs"] if n not in INPUTS]
        if missing or extra:
            raise ModelError(
                f"{self.path} has the inputs {', '.join(found['inputs'])} and the outputs "
                f"{', '.join(found['outputs'])}; wanted {', '.join(INPUTS)} and {', '.join(outputs)}. "
                "Export the run again."
            )

    def _check_one_frame(self) -> None:
        """Score one hop of silence: the graph must do what the metadata say. It also warms up for the first block."""
        meta = self.metadata
        judge = self.embed if meta.embedding_size else self
        try:
            found = judge(np.zeros((1, self._hop), np.float32), zero_state(meta))
        except Exception as error:  # ONNX Runtime's errors share no base class
            raise ModelError(f"{self.path} cannot be run ({first_line(error)}). Export the run again.") from error
        frame = (1, 1, len(meta.labels))
        wanted = [frame, frame, (1, meta.state_size)] + [(1, 1, meta.embedding_size)] * bool(meta.embedding_size)
        shapes = [values.shape for values in found if values is not None]
        if shapes != wanted:
            raise ModelError(
                f"{self.path} gives outputs of the shapes {shapes} for one hop of audio; its metadata promise {wanted} "
                f"({len(meta.labels)} labels, state size {meta.state_size}, embedding size {meta.embedding_size}). "
                "Export the run again."
            )


def open_if_onnx(path: Path) -> OnnxScorer | None:
    """The entry point behind `auricle_shared.scorer.open_scorer`: None for what is not an ONNX file."""
    if not path.is_file() or not (path.suffix.lower() == ".onnx" or _starts_like_onnx(path)):
        return None
    return OnnxScorer(path)


def _starts_like_onnx(path: Path) -> bool:
    """An ONNX file is a protobuf that begins with field 1, ir_version, a small number, and a field 2 to 8 after it."""
    with open(path, "rb") as file:
        start = file.read(3)
    return len(start) == 3 and start[0] == 0x08 and 1 <= start[1] <= 32 and 2 <= start[2] >> 3 <= 8


def _call_of(session: Any, provider: str) -> Any:
    """(outputs, feeds, options) -> values. With a GPU, the state stays on it from call to call."""
    if provider == "cuda":
        return ResidentCall(session, "cuda")
    return plain_run(session)
