"""Reading a pickle of arrays without running anything that stands in it.

A pickle is a program; the standard reader runs it. This one knows no function but the few below, which stand in for
NumPy's own. Even those are not NumPy's: with a forged dtype or a raw buffer of "objects" the real `numpy.ndarray` reads
wild addresses (it crashes the process). Here a dtype is a checked code and an array is copied out of plain bytes. The
stand-ins are instances without attributes, so that a pickle cannot alter them either.
"""

from __future__ import annotations

import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from auricle_shared.errors import DataError

NUMERIC = frozenset({"b1", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"})
BROKEN = (
    pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError, ImportError,
    OverflowError, MemoryError, RecursionError,
)  # fmt: skip
"""What the standard reader raises on a file that is damaged or no pickle"""


def load(path: Path) -> Any:
    """The content of a pickle: plain Python types and NumPy arrays; Python 2's strings come as bytes.

    Raises:
        DataError: not a pickle, or one that asks for anything else; nothing of it was run.
    """
    try:
        with open(path, "rb") as file:
            return _Unpickler(file, encoding="bytes").load()
    except BROKEN as error:
        raise DataError(
            f"{path} is not a pickle that can be read ({type(error).__name__}: {error}). "
            "Wanted: labels and NumPy arrays, written by pickle.dump."
        ) from error


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        family = module.replace("numpy._core", "numpy.core").replace("__builtin__", "builtins")
        found = ALLOWED.get((family, name))
        if found is None:
            raise DataError(
                f"The pickle asks for {module}.{name}, which is refused; nothing of it was run. A pickle may hold "
                "dicts, lists, strings, numbers and NumPy arrays. If it comes from you, save the sounds as such."
            )
        return found

    def persistent_load(self, pid: Any) -> Any:
        raise DataError(f"The pickle refers to something outside of it ({pid!r}), which is refused; nothing was run.")


class _Dtype:
    """A dtype of numbers, text or objects; nothing structured, no dates."""

    __slots__ = ("code", "order")

    def __init__(self, code: str) -> None:
        self.code, self.order = code.lstrip("<>=|"), code[0] if code[0] in "<>" else "<"
        kind, size = self.code[:1], self.code[1:]
        if self.code not in NUMERIC and not (kind in ("U", "S", "O") and size.isdigit()):
            raise DataError(f"The pickle holds an array of type {code!r}; wanted numbers or text.")

    def __setstate__(self, state: Any) -> None:
        order, fields = _text(state[1]), state[2:5]
        if any(f is not None for f in fields):
            raise DataError("The pickle holds a structured array; wanted plain arrays of numbers.")
        self.order = order if order in ("<", ">") else "<"

    @property
    def is_object(self) -> bool:
        return self.code[0] == "O"

    @property
    def numpy(self) -> np.dtype[Any]:
        return np.dtype(self.order + self.code)


class _Array(np.ndarray):
    """An array that fills itself from a checked dtype and plain bytes."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, data = state
        shape = tuple(int(n) for n in shape)
        if min(shape, default=0) < 0:
            raise DataError(f"The pickle holds an array of the shape {shape}.")
        if not dtype.is_object:
            data = bytes(_only_bytes(data))
        elif not isinstance(data, list) or len(data) != math.prod(shape):
            raise DataError("The pickle holds an array of objects that are not listed.")
        super().__setstate__((1, shape, dtype.numpy, bool(fortran), data))  # type: ignore[arg-type]


class _Reconstruct:
    """numpy.core.multiarray._reconstruct(type, shape, code): an empty array, filled by its state."""

    __slots__ = ()

    def __call__(self, *_: Any) -> _Array:
        return np.ndarray.__new__(_Array, (0,), np.float32)


class _FromBuffer:
    """numpy.core.numeric._frombuffer(data, dtype, shape, order): arrays of protocol 5"""

    __slots__ = ()

    def __call__(self, data: Any, dtype: _Dtype, shape: Any, order: Any, axes: Any = None) -> np.ndarray:
        array = np.frombuffer(_only_bytes(data), dtype.numpy)
        array = array.reshape(tuple(int(n) for n in shape), order="F" if _text(order) == "F" else "C")
        return array if axes is None else array.transpose(axes)


class _MakeDtype:
    __slots__ = ()

    def __call__(self, code: Any, *_: Any) -> _Dtype:
        return _Dtype(_text(code))


class _Scalar:
    """numpy.core.multiarray.scalar(dtype, data): one number or one string"""

    __slots__ = ()

    def __call__(self, dtype: _Dtype, data: Any = b"") -> Any:
        return data if dtype.is_object else np.frombuffer(_only_bytes(data), dtype.numpy, count=1)[0].item()


class _Encode:
    """_codecs.encode(text, 'latin1'): how Python 3 writes bytes for Python 2"""

    __slots__ = ()

    def __call__(self, text: str, encoding: Any = "latin1") -> bytes:
        if _text(encoding).lower().replace("-", "") not in ("latin1", "ascii", "utf8"):
            raise DataError(f"The pickle asks for the encoding {encoding!r}, which is refused.")
        return text.encode("utf-8" if "8" in _text(encoding) else "latin1")


class _MakeDict:
    """OrderedDict and defaultdict, as a plain dict"""

    __slots__ = ()

    def __call__(self, *_: Any) -> dict[Any, Any]:
        return {}


class _MakeBytes:
    """__builtin__.bytes and builtins.bytearray of literal content"""

    __slots__ = ()

    def __call__(self, content: Any = b"", *_: Any) -> bytes:
        return content.encode("latin1") if isinstance(content, str) else bytes(_only_bytes(content))


class _Name:
    """A type that is only mentioned, as numpy.ndarray in _reconstruct"""

    __slots__ = ()


ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Name(),
    ("numpy", "dtype"): _MakeDtype(),
    ("numpy.core.multiarray", "_reconstruct"): _Reconstruct(),
    ("numpy.core.multiarray", "scalar"): _Scalar(),
    ("numpy.core.numeric", "_frombuffer"): _FromBuffer(),
    ("_codecs", "encode"): _Encode(),
    ("collections", "OrderedDict"): _MakeDict(),
    ("collections", "defaultdict"): _MakeDict(),
    ("builtins", "list"): _Name(),
    ("builtins", "dict"): _Name(),
    ("builtins", "bytes"): _MakeBytes(),
    ("builtins", "bytearray"): _MakeBytes(),
}


def _only_bytes(content: Any) -> bytes | bytearray:
    if not isinstance(content, (bytes, bytearray)):
        raise DataError("The pickle builds bytes out of something else, which is refused.")
    return content


def _text(value: Any) -> str:
    return value.decode("latin1") if isinstance(value, bytes) else str(value)
