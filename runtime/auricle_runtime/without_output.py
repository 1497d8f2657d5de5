"""An ONNX file's bytes without one of its outputs and without the nodes that only this output needs.

ONNX Runtime computes every node at every call, wanted or not. A device has no package onnx to edit the graph with, so
this reads the few fields that it needs and copies all others as they are.
"""

from __future__ import annotations

from .onnx_fields import GRAPH, field, fields

NODE, INITIALIZER, OUTPUT = 1, 5, 12
"""Numbers of fields of GraphProto in onnx.proto"""
NODE_INPUT, NODE_OUTPUT, VALUE_NAME, TENSOR_NAME = 1, 2, 1, 8


def without_output(model: bytes, name: str) -> bytes:
    """The model as bytes, less the output `name` and what leads to nothing else."""
    return b"".join(
        field(GRAPH, _pruned(value, name)) if number == GRAPH else raw for number, value, raw in fields(model)
    )


def _pruned(graph: bytes, name: str) -> bytes:
    parts = list(fields(graph))
    wanted = {_name(value) for number, value, _ in parts if number == OUTPUT} - {name}
    needed = set()
    for place in reversed(range(len(parts))):  # nodes stand in order of computation: who needs a value comes later
        number, node, _ = parts[place]
        if number == NODE and wanted & set(_strings(node, NODE_OUTPUT)):
            needed.add(place)
            wanted |= set(_strings(node, NODE_INPUT))
    return b"".join(
        raw
        for place, (number, value, raw) in enumerate(parts)
        if (number != NODE or place in needed)
        and (number != OUTPUT or _name(value) != name)
        and (number != INITIALIZER or _strings(value, TENSOR_NAME)[0] in wanted)
    )


def _name(value_info: bytes) -> str:
    return _strings(value_info, VALUE_NAME)[0]


def _strings(message: bytes, wanted: int) -> list[str]:
    return [value.decode() for number, value, _ in fields(message) if number == wanted]
