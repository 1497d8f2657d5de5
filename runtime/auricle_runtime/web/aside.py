"""Work that takes long beside visitors who take turns: how it is called is chosen by who starts the server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Aside(Protocol):
    def __call__(self, work: Callable[[], T]) -> T:
        """What `work` returns; it raises what `work` raises."""


def at_once(work: Callable[[], T]) -> T:
    """Here and now: every visitor has a thread, or there is only one."""
    return work()


def in_a_thread(work: Callable[[], T]) -> T:
    """In a thread of gevent's, while the greenlets of the others go on. `work` must take no lock of theirs."""
    import gevent

    found: T = gevent.get_hub().threadpool.apply(work)
    return found
