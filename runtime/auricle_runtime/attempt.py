"""Doing what may hang."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Attempt(Generic[T]):
    """An action in a thread of its own: one that hangs, as a sound server's do, is left behind.

    attempt = Attempt(open_it)
    while not attempt.done_within(1.0):
        ...
    stream = attempt.result()          # or raises what the action raised
    """

    def __init__(self, action: Callable[[], T]) -> None:
        self._found: list[T] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, args=(action,), daemon=True)
        self._thread.start()

    def _work(self, action: Callable[[], T]) -> None:
        try:
            self._found.append(action())
        except BaseException as error:  # handed over: whoever asks for the result gets it
            self._error = error

    def done_within(self, seconds: float) -> bool:
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._found[0]
