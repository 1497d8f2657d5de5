"""A classifier becomes one ONNX file: audio and state in; logits, scores, embedding and the next state out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx

from auricle_shared.file_hash import UNSEALED, sealed
from auricle_shared.files import write_whole
from auricle_shared.metadata import PREFIX, ModelMetadata
from auricle_trainer.models.classifier import Classifier

from .recorder import Recorder


def build_model(classifier: Classifier, metadata: ModelMetadata) -> onnx.ModelProto:
    """The classifier as an ONNX model with open batch and length.

    Inputs: audio [batch, samples] (whole hops), state [batch, state_size], both float32. Outputs: logits and scores
    [batch, frames, classes], next_state [batch, state_size]; with the head also embedding [batch, frames, size].
    """
    classifier.eval()
    graph = Recorder()
    size, classes = metadata.state_size, len(metadata.labels)
    audio = graph.input("audio", ["batch", "samples"])
    state = graph.input("state", ["batch", size])
    logits, after, embedding = classifier.step(graph, graph.constant, audio, state)
    scaled = logits if metadata.temperature == 1.0 else logits * np.float32(1.0 / metadata.temperature)
    scores = graph.softmax(scaled) if metadata.activation == "softmax" else graph.sigmoid(scaled)
    graph.output("logits", logits, ["batch", "frames", classes])
    graph.output("scores", scores, ["batch", "frames", classes])
    graph.output("next_state", after, ["batch", size])
    if embedding is not None:
        graph.output("embedding", embedding, ["batch", "frames", metadata.embedding_size])
    return graph.model("auricle", metadata.to_strings())


def write_model(path: Path, classifier: Classifier, metadata: ModelMetadata) -> None:
    """Build the model and write it so that an old file stays whole until the new one is."""
    data = sealed_bytes(build_model(classifier, metadata))
    write_whole(path, lambda file: file.write(data))


def sealed_bytes(model: onnx.ModelProto) -> bytes:
    """The file, with its own hash among the metadata; see `auricle_shared.file_hash`."""
    strings = {entry.key: entry.value for entry in model.metadata_props}
    onnx.helper.set_model_props(model, {**strings, PREFIX + "file_hash": json.dumps(UNSEALED)})
    return sealed(model.SerializeToString())
