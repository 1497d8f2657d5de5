"""Calls whose state stays in the accelerator's memory: it would travel to the host and back for nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .session import bound_run, needs_onnxruntime

STATE_IN, STATE_OUT = "state", "next_state"


class DeviceState:
    """A state [B, S] that lies on the device; goes into the next call as it is, and `np.asarray` fetches it."""

    def __init__(self, value: Any) -> None:
        self.value = value

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.value.shape())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array: np.ndarray = self.value.numpy()
        return array if dtype is None else array.astype(dtype)


class ResidentCall:
    """What `session.run` does, through an IO binding.

    Args:
        session: an open InferenceSession.
        device: where the state is kept, 'cuda' or 'cpu'.
    """

    def __init__(self, session: Any, device: str) -> None:
        self._session, self._device = session, device
        self._from_numpy = needs_onnxruntime().OrtValue.ortvalue_from_numpy

    def __call__(self, outputs: Sequence[str], feeds: dict[str, Any], options: Any) -> list[Any]:
        """Values of `outputs` in their order: arrays, and the next state as a DeviceState."""
        state = feeds[STATE_IN]
        kept = state.value if isinstance(state, DeviceState) else self._from_numpy(state, self._device, 0)
        binding = self._session.io_binding()
        binding.bind_ortvalue_input(STATE_IN, kept)
        for name, values in feeds.items():
            if name != STATE_IN:
                binding.bind_cpu_input(name, np.ascontiguousarray(values))
        for name in outputs:
            binding.bind_output(name, self._device if name == STATE_OUT else "cpu")
        bound_run(self._session, binding, options)()
        binding.synchronize_outputs()
        found = zip(outputs, binding.get_outputs(), strict=True)
        return [DeviceState(value) if name == STATE_OUT else value.numpy() for name, value in found]
