"""Workers as processes of their own: started, waited for, told to stop, and asked how it went."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from auricle_shared.errors import AuricleError

from ..own_gpu import own_gpu
from .worker import Stopped

T = TypeVar("T")
STOPPED_CODE = 130


def side_by_side(function: Callable[[T], object], items: Sequence[T]) -> None:
    """`function` of every item, each in a process, with a GPU of its own if there are several; of one item in this one.

    Raises:
        Stopped: one was asked to stop.
        AuricleError: one failed; it has said why.
    """
    if len(items) == 1:
        function(items[0])
        return
    spawn = get_context("spawn")
    processes = [spawn.Process(target=_main, args=(function, item, own_gpu(k))) for k, item in enumerate(items)]
    for process in processes:
        process.start()
    _wait(processes)
    codes = [process.exitcode for process in processes]
    if STOPPED_CODE in codes:
        raise Stopped
    if any(codes):
        raise AuricleError(
            f"{sum(map(bool, codes))} of {len(codes)} workers ended early. What they had finished is kept; "
            "the same command goes on."
        )


def _wait(processes: Sequence[BaseProcess]) -> None:
    """Until all have ended. Ctrl-C reaches the workers by itself, SIGTERM is handed on."""

    def hand_on(number: int, frame: Any) -> None:
        for process in processes:
            process.terminate()

    old = signal.signal(signal.SIGTERM, hand_on), signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        for process in processes:
            process.join()
    finally:
        for number, handler in zip((signal.SIGTERM, signal.SIGINT), old, strict=True):
            signal.signal(number, handler)


def _main(function: Callable[[T], object], item: T, environment: dict[str, str]) -> None:
    import torch

    os.environ.update(environment)  # in time: torch looks at it when CUDA is first used
    torch.set_num_threads(1)
    try:
        function(item)
    except (Stopped, KeyboardInterrupt):
        sys.exit(STOPPED_CODE)
    except AuricleError as error:
        print(f"auricle: {error}", file=sys.stderr)
        sys.exit(1)
