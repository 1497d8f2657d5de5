"""How weights can be stored small; apart, so that `auricle export --help` need not load onnx."""

from __future__ import annotations

from typing import Literal, get_args

Kind = Literal["fp16", "int8"]
KINDS: tuple[Kind, ...] = get_args(Kind)
