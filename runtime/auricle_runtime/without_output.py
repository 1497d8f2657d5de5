"""An ONNX file's bytes without one of its outputs and without the nodes that only this output needs.

ONNX Runtime computes every node at every call, wanted or not. A device has no package onnx to edit the graph with, so
this reads the few fields of the protobuf format that it needs (https://protobuf.dev/programming-guides/encoding/) and
copies all others as they are.
"""

from __future__ import annotations

from collections.abc import Iterator

GRAPH, NODE, INITIALIZER, OUTPUT = 7, 1, 5, 12
"""Numbers of ModelProto.graph and of GraphProto.node, initializer and output in onnx.proto"""
NODE_INPUT, NODE_OUTPUT, VALUE_NAME, TENSOR_NAME = 1, 2, 1, 8
BYTES = 2
"""Wire type of strings and messages"""


def without_output(model: bytes, name: str) -> bytes:
    """The model as bytes, less the output `name` and what leads to nothing else."""
    return b"".join(
        _field(GRAPH, _pruned(value, name)) if number == GRAPH else raw for number, value, raw in _fields(model)
    )


def _pruned(graph: bytes, name: str) -> bytes:
    parts = list(_fields(graph))
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


def _strings(message: bytes, field: int) -> list[str]:
    return [value.decode() for number, value, _ in _fields(message) if number == field]


def _fields(message: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """(number, value, the whole field as it stands) of a message's fields; a value that is no bytes is empty."""
    at = 0
    while at < len(message):
        begin = at
        key, at = _varint(message, at)
        value = b""
        if key & 7 == BYTES:
            length, at = _varint(message, at)
            value, at = message[at : at + length], at + length
        elif key & 7 == 0:
            _, at = _varint(message, at)
        else:
            at += {1: 8, 5: 4}[key & 7]
        yield key >> 3, value, message[begin:at]


def _field(number: int, value: bytes) -> bytes:
    return _as_varint(number << 3 | BYTES) + _as_varint(len(value)) + value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number in seven bits a byte, lowest first, and the place behind it."""
    number = shift = 0
    while True:
        byte = data[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at


def _as_varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)
