"""Weights stored small and unfolded when the file is opened: half or a quarter of the size, at the same speed.

    fp16    float16 -> Cast                       half the size
    int8    int8 -> Cast -> times a scale         a quarter; one scale an output (column, channel)

ONNX Runtime computes these nodes once, when it opens the model, and runs float32 as before: nothing of it is left in
the graph that listens. (DequantizeLinear it would keep, for kernels in whole numbers, and it has none for a GRU.)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from .kinds import Kind

LEAST_VALUES = 1024
"""Smaller constants stay as they are: a few hundred bytes would be won"""
LARGEST_INT8 = 127


class Stored(NamedTuple):
    """A float32 constant as it stands in the file."""

    constants: list[onnx.TensorProto]
    nodes: list[onnx.NodeProto]
    """give the constant its old name, in float32"""
    value: np.ndarray
    """float32, what these nodes give"""


def shrink(model: onnx.ModelProto, kind: Kind) -> onnx.ModelProto:
    """A copy of the model with its large constants stored as `kind`."""
    kept, stored = _parts(model, kind)
    return _with(model, [*kept, *(c for s in stored for c in s.constants)], [n for s in stored for n in s.nodes])


def rounded(model: onnx.ModelProto, kind: Kind) -> onnx.ModelProto:
    """A copy in plain float32 with the very values that `shrink` leaves: what the small model must equal."""
    kept, stored = _parts(model, kind)
    names = [s.nodes[-1].output[0] for s in stored]
    values = [numpy_helper.from_array(s.value, name) for s, name in zip(stored, names, strict=True)]
    return _with(model, [*kept, *values], [])


def _parts(model: onnx.ModelProto, kind: Kind) -> tuple[list[onnx.TensorProto], list[Stored]]:
    """Constants that stay, and those that become small."""
    kept, stored = [], []
    for constant in model.graph.initializer:
        array = numpy_helper.to_array(constant)
        if array.dtype != np.float32 or array.size < LEAST_VALUES:
            kept.append(constant)
        else:
            stored.append(_as_float16(constant.name, array) if kind == "fp16" else _as_int8(constant.name, array))
    return kept, stored


def _as_float16(name: str, array: np.ndarray) -> Stored:
    small = array.astype(np.float16)
    cast = helper.make_node("Cast", [f"{name}_fp16"], [name], to=TensorProto.FLOAT)
    return Stored([numpy_helper.from_array(small, f"{name}_fp16")], [cast], small.astype(np.float32))


def _as_int8(name: str, array: np.ndarray) -> Stored:
    others = tuple(axis for axis in range(array.ndim) if axis != _output_axis(array.shape))
    scale = np.abs(array).max(axis=others, keepdims=True) / np.float32(LARGEST_INT8)
    scale[scale == 0] = 1.0
    small = np.rint(array / scale).astype(np.int8)
    constants = [numpy_helper.from_array(small, f"{name}_int8"), numpy_helper.from_array(scale, f"{name}_scale")]
    nodes = [
        helper.make_node("Cast", [f"{name}_int8"], [f"{name}_whole"], to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{name}_whole", f"{name}_scale"], [name]),
    ]
    return Stored(constants, nodes, small.astype(np.float32) * scale)


def _output_axis(shape: tuple[int, ...]) -> int:
    """MatMul [in, out]; GRU [1 direction, gates * hidden, in]; Conv [out, in, taps, ...]."""
    return 1 if len(shape) == 2 or (len(shape) == 3 and shape[0] == 1) else 0


def _with(
    model: onnx.ModelProto, constants: Iterable[onnx.TensorProto], nodes_before: Iterable[onnx.NodeProto]
) -> onnx.ModelProto:
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    nodes = [*nodes_before, *model.graph.node]
    del changed.graph.initializer[:], changed.graph.node[:]
    changed.graph.initializer.extend(constants)
    changed.graph.node.extend(nodes)
    onnx.checker.check_model(changed, full_check=True)
    return changed
