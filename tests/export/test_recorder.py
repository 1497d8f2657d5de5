"""What the recorder writes into the graph, run by ONNX Runtime, against the same lines run by NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auricle_export.recorder import Recorder
from auricle_trainer.checkpoint import make_classifier
from auricle_trainer.config import load_config

ROWS, COLUMNS = 5, 7
END = st.one_of(st.none(), st.integers(-9, 9))
CUTS = st.one_of(
    st.sampled_from([(0,), (1,)]),  # flipped along
    st.tuples(st.builds(slice, END, END), st.builds(slice, END, END)),
    st.tuples(st.builds(slice, END, END)),
)


@given(st.lists(CUTS, min_size=1, max_size=5))
@settings(max_examples=200, deadline=None)
def test_slices_of_slices_are_those_of_numpy(chain: list[Any]) -> None:
    values = np.arange(ROWS * COLUMNS, dtype=np.float32).reshape(ROWS, COLUMNS)
    graph = Recorder()
    expected, node = values, graph.input("x", ["rows", "columns"])
    for cut in chain:
        is_flip = isinstance(cut[0], int)
        expected = np.flip(expected, cut) if is_flip else expected[cut]
        node = graph.flip(node, cut) if is_flip else node[cut]
    graph.output("y", node + 0.0, ["r", "c"])
    model = graph.model("slices", {})
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    np.testing.assert_array_equal(session.run(None, {"x": values})[0], expected)


@pytest.mark.parametrize("config", ["gru", "gru_linear", "conv_gru", "tcn"])
def test_no_slice_in_a_model_is_cut_again(config: str) -> None:
    """Of a network that a device runs 12 times a second every node counts."""
    classifier = make_classifier(load_config(config), 3)
    graph = Recorder()
    audio, state = graph.input("audio", ["batch", "samples"]), graph.input("state", ["batch", "state"])
    graph.output("logits", classifier.step(graph, graph.constant, audio, state)[0], ["batch", "frames", 3])
    nodes = graph.model("auricle", {}).graph.node
    sliced = {name for node in nodes if node.op_type == "Slice" for name in node.output}
    assert sliced
    assert not [node.output for node in nodes if node.op_type == "Slice" and node.input[0] in sliced]


def test_a_slice_alone_may_be_an_output() -> None:
    graph = Recorder()
    graph.output("y", graph.input("x", ["rows"])[2:], ["rest"])
    assert [list(node.output) for node in graph.model("slice", {}).graph.node] == [["y"]]
