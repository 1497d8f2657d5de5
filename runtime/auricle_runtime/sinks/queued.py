"""What sinks have in common that talk to somebody slow: a thread and a bounded queue of their own.

    listening --put--> queue of at most CAPACITY --thread--> deliver(item), which may take its time

Nobody who is slow, dead or frozen at the other end ever stops the listening.
"""

from __future__ import annotations

import queue
import threading
import time
from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from . import Sink, Tell

T = TypeVar("T")

CAPACITY = 256
"""Items that wait; of more, the oldest are dropped and counted."""
CLOSE_SECONDS = 5.0
"""What still waits at the end has this long to get away."""


class QueuedSink(Sink, ABC, Generic[T]):
    """Base of such sinks; they `put` and override `deliver`.

    Args:
        name: whose it is, for messages: 'Webhook http://host'.
        tell: problems are told here, each kind once until it is over.
        capacity: items that wait.
    """

    def __init__(self, name: str, tell: Tell, capacity: int = CAPACITY) -> None:
        self.name, self._tell_person = name, tell
        self._queue: queue.Queue[T | None] = queue.Queue(capacity)
        self._stopping = threading.Event()
        self.dropped = 0
        self._failing = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    @abstractmethod
    def deliver(self, item: T) -> None:
        """In the sink's own thread. What it raises is told, and the item counts as dropped."""

    def put(self, item: T) -> None:
        """Never waits."""
        while True:
            try:
                self._queue.put_nowait(item)
                return
            except queue.Full:
                self.failing("is too slow; of what waits for it, the oldest is dropped")
                self._drop_oldest()

    def wait(self, seconds: float) -> bool:
        """For pauses within `deliver`; False when it is time to give up."""
        return not self._stopping.wait(seconds)

    def failing(self, problem: str) -> None:
        """Told when it begins, not at every attempt."""
        if not self._failing:
            self._failing = True
            self._tell_person(f"{self.name}: {problem}")

    def close(self) -> None:
        """Wait a little for what is under way, then leave it."""
        deadline = time.monotonic() + CLOSE_SECONDS
        try:
            self._queue.put(None, timeout=CLOSE_SECONDS)
        except queue.Full:
            pass
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if self._thread.is_alive():
            self._stopping.set()
            self._thread.join(0.5)
        # A thread that gave up in time has counted the item it held; one that hangs has not.
        left = sum(item is not None for item in list(self._queue.queue)) + self._thread.is_alive()
        if self.dropped + left:
            self._tell_person(f"{self.name}: {self.dropped + left} could not be delivered")

    def _drop_oldest(self) -> None:
        try:
            self._queue.get_nowait()
        except queue.Empty:
            return
        self.dropped += 1

    def _work(self) -> None:
        while not self._stopping.is_set():
            item = self._queue.get()
            if item is None:
                return
            try:
                self.deliver(item)
                self._succeeded()
            except Exception as error:  # whatever goes wrong at the other end, the listening goes on
                self.dropped += 1
                self.failing(str(error) or type(error).__name__)

    def _succeeded(self) -> None:
        if self._failing and self._queue.qsize() <= self._queue.maxsize // 2:
            self._failing = False
            self._tell_person(f"{self.name}: works again")
