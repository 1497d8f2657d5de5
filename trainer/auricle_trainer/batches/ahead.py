"""One batch of look-ahead on a GPU: the next window is copied and mixed beside the step that learns from this one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import torch

from .batch import Batch

T = TypeVar("T")


def look_ahead(items: Iterable[T], finish: Callable[[T], Batch], device: torch.device) -> Iterator[Batch]:
    """`finish(item)` for every item, in order, on a stream of its own and one item ahead of what was taken."""
    beside, before = torch.cuda.Stream(device), None
    for item in items:
        with torch.cuda.stream(beside):
            batch = finish(item)
            ready = beside.record_event()
        if before is not None:
            yield _taken(*before, device)
        before = batch, ready
    if before is not None:
        yield _taken(*before, device)


def _taken(batch: Batch, ready: torch.cuda.Event, device: torch.device) -> Batch:
    stream = torch.cuda.current_stream(device)
    stream.wait_event(ready)
    for tensor in batch.tensors():
        tensor.record_stream(stream)  # its memory is not given away while the step reads it
    return batch
