"""The few parts of the protobuf format that are needed where the package onnx is not.

https://protobuf.dev/programming-guides/encoding/ and onnx.proto.
"""

from __future__ import annotations

from collections.abc import Iterator

IR_VERSION, GRAPH, OPSET_IMPORT = 1, 7, 8
"""Numbers of fields of ModelProto"""
OPSET_DOMAIN, OPSET_VERSION = 1, 2
"""Of OperatorSetIdProto"""
NUMBER, BYTES = 0, 2
"""Wire types: of integers, and of strings and messages"""


def versions(model: bytes) -> tuple[int, int]:
    """IR version and version of ONNX' own operators; 0 where a model does not say. ValueError for what is none."""
    ir = opset = 0
    try:
        for number, value, _ in fields(model):
            if number == IR_VERSION:
                ir = varint(value, 0)[0]
            elif number == OPSET_IMPORT:
                parts = {part: content for part, content, _ in fields(value)}
                if parts.get(OPSET_DOMAIN, b"") in (b"", b"ai.onnx"):
                    opset = varint(parts[OPSET_VERSION], 0)[0]
    except (IndexError, KeyError) as error:
        raise ValueError("not an ONNX model") from error
    return ir, opset


def fields(message: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """(number, value, the whole field as it stands) of a message's fields, integers as they are encoded."""
    at = 0
    while at < len(message):
        begin = at
        key, at = varint(message, at)
        value = b""
        if key & 7 == BYTES:
            length, at = varint(message, at)
            value, at = message[at : at + length], at + length
        elif key & 7 == NUMBER:
            start = at
            _, at = varint(message, at)
            value = message[start:at]
        else:
            at += {1: 8, 5: 4}[key & 7]
        yield key >> 3, value, message[begin:at]


def field(number: int, value: bytes) -> bytes:
    return as_varint(number << 3 | BYTES) + as_varint(len(value)) + value


def varint(data: bytes, at: int) -> tuple[int, int]:
    """A number in seven bits a byte, lowest first, and the place behind it."""
    number = shift = 0
    while True:
        byte = data[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at


def as_varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)
