"""Arrays that do not compute but write ONNX nodes.

The export calls the classifier's own body with these arrays: what ran in training is what stands in the graph, node for
node, with batch and length left open.

    graph = Recorder()
    audio = graph.input("audio", ["batch", "samples"])
    found = classifier.step(graph, graph.constant, audio, state)
    graph.output("logits", found.logits, ["batch", "frames", 12])
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from auricle_trainer.models.arrays import Convolution, Norm, folded

OPSET = 17
IR_VERSION = 8
"""What ONNX Runtime 1.14 and later load; newer versions would shut out devices that lag."""
END = np.iinfo(np.int64).max
COPY = 0
"""In a reshape: keep the size that is there. Stands for the open batch size."""


class Node:
    """A value in the graph. Only what the front end and the networks use is there."""

    def __init__(self, graph: Recorder, name: str, rank: int) -> None:
        self._graph, self.name, self.rank = graph, name, rank

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes are not known in the graph; 0 says so, and means 'copy' to `reshape`."""
        return (COPY,) * self.rank

    def reshape(self, *shape: int) -> Node:
        return self._graph.add("Reshape", [self, self._graph.constant(np.array(shape, np.int64))], len(shape))

    def __getitem__(self, key: Any) -> Node:
        slices = key if isinstance(key, tuple) else (key,)
        axes = [i for i, s in enumerate(slices) if s != slice(None)]
        if any(not isinstance(slices[i], slice) or slices[i].step not in (None, 1) for i in axes):
            raise TypeError("The recorder slices with constant ends and step 1 only.")
        if not axes:
            return self
        ends = {i: END if slices[i].stop is None else slices[i].stop for i in axes}
        return self.sliced({i: Cut(slices[i].start or 0, ends[i], 1) for i in axes})

    def sliced(self, cuts: dict[int, Cut]) -> Node:
        """Cut along these axes."""
        return Sliced(self, cuts)

    def __add__(self, other: Any) -> Node:
        return self._graph.binary("Add", self, other)

    def __sub__(self, other: Any) -> Node:
        return self._graph.binary("Sub", self, other)

    def __mul__(self, other: Any) -> Node:
        return self._graph.binary("Mul", self, other)

    def __truediv__(self, other: Any) -> Node:
        return self._graph.binary("Div", self, other)

    def __matmul__(self, other: Any) -> Node:
        return self._graph.binary("MatMul", self, other)


class Cut(NamedTuple):
    """What one axis of a slice keeps; ends as ONNX means them: negative ones count from the end."""

    start: int
    end: int
    step: int

    def then(self, after: Cut) -> Cut | None:
        """One cut that does the work of both; None where that depends on the length."""
        if self.step != 1 or self.start < 0 or self.end < 0:
            return None
        if after == WHOLE_BACKWARDS:
            return None if self.end in (0, END) else Cut(self.end - 1, self.start - 1 if self.start else -END, -1)
        if after.step != 1 or after.start < 0 or after.end < 0:
            return None
        end = self.end if after.end == END else min(self.end, self.start + after.end)
        return Cut(self.start + after.start, end, 1)


WHOLE_BACKWARDS = Cut(-1, -END, -1)


class Sliced(Node):
    """A slice, written into the graph when something looks at it: a slice of a slice becomes one node, not two.

    The front end and the state are slices of slices, and on a small network every node costs about a microsecond a
    block: 4 % for three of them.
    """

    _name: str

    def __init__(self, of: Node, cuts: dict[int, Cut]) -> None:
        super().__init__(of._graph, "", of.rank)
        self._of, self._cuts = of, cuts

    @property
    def name(self) -> str:
        if not self._name:
            self._name = self._graph.slice(self._of, self._cuts).name
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        self._name = name

    def sliced(self, cuts: dict[int, Cut]) -> Node:
        joined: dict[int, Cut | None] = {**self._cuts, **cuts}
        for axis in self._cuts.keys() & cuts.keys():
            joined[axis] = self._cuts[axis].then(cuts[axis])
        known = {axis: cut for axis, cut in joined.items() if cut is not None}
        return Sliced(self._of, known) if len(known) == len(joined) else super().sliced(cuts)


class Recorder:
    """The array namespace whose operations append nodes to a graph."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], Node] = {}
        self._initializers: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, shape: Sequence[str | int]) -> Node:
        self._inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)))
        return Node(self, name, len(shape))

    def output(self, name: str, value: Node, shape: Sequence[str | int]) -> None:
        old = value.name
        for node in self._nodes:  # the value itself takes the name: no node only to rename it
            for names in (node.input, node.output):
                names[:] = [name if n == old else n for n in names]
        value.name = name
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)))

    def constant(self, value: Any) -> Node:
        """A tensor, array or number as an initializer; equal ones are stored once."""
        array = value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
        if array.dtype.kind == "f":
            array = array.astype(np.float32)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            name = f"c{len(self._initializers)}"
            self._initializers.append(numpy_helper.from_array(array, name))
            self._constants[key] = Node(self, name, array.ndim)
        return self._constants[key]

    def add(self, operator: str, inputs: Sequence[Node | None], rank: int, outputs: int = 1, **attributes: Any) -> Any:
        """Append a node; one output as a Node, several as a list."""
        names = ["" if x is None else x.name for x in inputs]  # first: it writes the slices among them
        made = [Node(self, f"n{len(self._nodes)}_{i}", rank) for i in range(outputs)]
        self._nodes.append(helper.make_node(operator, names, [m.name for m in made], **attributes))
        return made[0] if outputs == 1 else made

    def binary(self, operator: str, a: Node, b: Any) -> Node:
        right = b if isinstance(b, Node) else self.constant(b)
        return self.add(operator, [a, right], max(a.rank, right.rank))

    def slice(self, x: Node, cuts: dict[int, Cut]) -> Node:
        columns = zip(*((cut.start, cut.end, axis, cut.step) for axis, cut in sorted(cuts.items())), strict=True)
        return self.add("Slice", [x, *(self.constant(np.array(v, np.int64)) for v in columns)], x.rank)

    # The names that NumPy and torch share.

    def concatenate(self, parts: Sequence[Node], axis: int) -> Node:
        return parts[0] if len(parts) == 1 else self.add("Concat", parts, parts[0].rank, axis=axis)

    def flip(self, x: Node, axes: Sequence[int]) -> Node:
        return x.sliced({a % x.rank: WHOLE_BACKWARDS for a in axes})

    def log(self, x: Node) -> Node:
        return self.add("Log", [x], x.rank)

    def permute(self, x: Node, axes: Sequence[int]) -> Node:
        return self.add("Transpose", [x], x.rank, perm=list(axes))

    def relu(self, x: Node) -> Node:
        return self.add("Relu", [x], x.rank)

    def unit_length(self, x: Node) -> Node:
        return self.add("LpNormalization", [x], x.rank, axis=-1, p=2)

    # Layers.

    def convolve(self, layer: Convolution, norm: Norm | None, x: Node) -> Node:
        """One Conv; the batch norm is in its weights."""
        weight, bias = folded(layer, norm)
        attributes: dict[str, Any] = {"strides": list(layer.stride), "dilations": list(layer.dilation)}
        inputs = [x, self.constant(weight), self.constant(bias)]
        return self.add("Conv", inputs, x.rank, group=layer.groups, **attributes)

    def linear(self, layer: nn.Linear, x: Node) -> Node:
        return x @ self.constant(layer.weight.T) + self.constant(layer.bias)

    def dropout(self, layer: nn.Dropout, x: Node) -> Node:
        return x

    def gru(self, layer: nn.GRU, x: Node, hidden: Sequence[Node]) -> tuple[Node, list[Node]]:
        """One ONNX GRU a layer, with torch's form of the candidate (linear_before_reset = 1)."""
        y, last = self.add("Transpose", [x], 3, perm=[1, 0, 2]), []
        for i, h in enumerate(hidden):
            weights = [_gates(getattr(layer, f"{name}_l{i}"), layer.hidden_size) for name in ("weight_ih", "weight_hh")]
            biases = [_gates(getattr(layer, f"{name}_l{i}"), layer.hidden_size) for name in ("bias_ih", "bias_hh")]
            inputs = [y, *(self.constant(w[None]) for w in weights), self.constant(np.concatenate(biases)[None]), None]
            start = self.add("Unsqueeze", [h, self.constant(np.array([0], np.int64))], 3)
            attributes = {"hidden_size": layer.hidden_size, "linear_before_reset": 1}
            y, after = self.add("GRU", [*inputs, start], 4, outputs=2, **attributes)
            y.rank = 3
            y = self.add("Squeeze", [y, self.constant(np.array([1], np.int64))], 3)
            last.append(self.add("Squeeze", [after, self.constant(np.array([0], np.int64))], 2))
        return self.add("Transpose", [y], 3, perm=[1, 0, 2]), last

    def softmax(self, x: Node) -> Node:
        return self.add("Softmax", [x], x.rank, axis=-1)

    def sigmoid(self, x: Node) -> Node:
        return self.add("Sigmoid", [x], x.rank)

    def model(self, name: str, metadata: dict[str, str]) -> onnx.ModelProto:
        """The whole graph, checked by ONNX's own checker with shapes inferred strictly."""
        graph = helper.make_graph(self._nodes, name, self._inputs, self._outputs, self._initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        model.producer_name = "auricle"
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model, full_check=True)
        return model


def _gates(weight: Tensor, hidden: int) -> np.ndarray:
    """torch stacks the gates reset, update, new; ONNX wants update, reset, new."""
    reset, update, new = np.split(weight.detach().cpu().numpy(), 3)
    return np.concatenate([update, reset, new])
