"""A queue between listening and whoever is slow: bounded, oldest dropped, everything that was lost is counted."""

from __future__ import annotations

import io
import os
import threading
import time
from pathlib import Path

import pytest

from auricle_runtime.sinks.queued import QueuedSink
from auricle_runtime.sinks.writer import Writer


class Slow(QueuedSink[int]):
    def __init__(self, said: list[str], capacity: int = 4) -> None:
        self.free, self.got = threading.Event(), list[int]()
        super().__init__("Slow", said.append, capacity)

    def deliver(self, item: int) -> None:
        while not self.free.is_set():
            if not self.wait(0.01):
                raise TimeoutError("gave up")
        if item < 0:
            raise ValueError("a broken item")
        self.got.append(item)


def test_order_is_kept_and_nothing_is_lost_while_there_is_room() -> None:
    said: list[str] = []
    sink = Slow(said, 1000)
    for i in range(1000):
        sink.put(i)
    sink.free.set()
    sink.close()
    assert sink.got == list(range(1000))
    assert said == []


def test_of_too_many_the_oldest_are_dropped_and_counted() -> None:
    said: list[str] = []
    sink = Slow(said)
    sink.put(0)
    time.sleep(0.1)  # the thread holds it now
    for i in range(1, 11):
        sink.put(i)
    sink.free.set()
    sink.close()
    assert sink.got == [0, 7, 8, 9, 10]
    assert sink.dropped == 6
    assert "too slow" in said[0]
    assert said[-1] == "Slow: 6 could not be delivered"


def test_broken_item_does_not_end_the_sink() -> None:
    said: list[str] = []
    sink = Slow(said)
    sink.free.set()
    for item in (1, -1, 2):
        sink.put(item)
    sink.close()
    assert sink.got == [1, 2]
    assert said == ["Slow: a broken item", "Slow: works again", "Slow: 1 could not be delivered"]


def test_end_is_not_held_up_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auricle_runtime.sinks.queued.CLOSE_SECONDS", 0.2)
    said: list[str] = []
    sink = Slow(said)
    for i in range(3):
        sink.put(i)
    began = time.monotonic()
    sink.close()
    assert time.monotonic() - began < 5
    assert said[-1] == "Slow: 3 could not be delivered"


def test_reader_that_does_not_read_stops_nobody() -> None:
    """A real pipe, which is full after 64 KiB."""
    said: list[str] = []
    reading, writing = os.pipe()
    writer = Writer(open(writing, "w"), said.append)
    began = time.monotonic()
    for i in range(5000):
        writer.write(f"{i:100}\n")
    assert time.monotonic() - began < 5
    assert any("too slow" in text for text in said)
    received = io.StringIO()

    def read() -> None:
        with open(reading) as pipe:
            received.write(pipe.read())

    reader = threading.Thread(target=read)
    reader.start()
    writer.close()
    os.close(writing)
    reader.join(10)
    numbers = [int(line) for line in received.getvalue().splitlines()]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == 4999
    assert said[-1].endswith(f"{5000 - len(numbers)} could not be delivered")


def test_recording_waits_for_its_reader() -> None:
    reading, writing = os.pipe()
    writer = Writer(open(writing, "w"), print, waits=True)
    received: list[str] = []
    reader = threading.Thread(target=lambda: received.extend(open(reading)))
    reader.start()
    for i in range(5000):
        writer.write(f"{i:100}\n")
    writer.close()
    os.close(writing)
    reader.join(10)
    assert [int(line) for line in received] == list(range(5000))


@pytest.mark.parametrize("alone", [True, False])
def test_reader_who_is_gone_ends_the_listening_only_where_nobody_else_listens(alone: bool, tmp_path: Path) -> None:
    said: list[str] = []
    reading, writing = os.pipe()
    writer = Writer(open(writing, "w"), said.append, alone=alone)
    os.close(reading)
    writer.write("first\n")
    deadline = time.monotonic() + 10
    try:
        while time.monotonic() < deadline and not said:
            writer.write("more\n")
            time.sleep(0.01)
        assert not alone
        assert "Broken pipe" in said[0]
    except BrokenPipeError:
        assert alone
    writer.close()


def test_a_sink_that_cannot_deliver_is_not_made() -> None:
    """Found out in its thread, it would be told as a peer's fault, event by event."""

    class Deaf(QueuedSink[int]):
        pass

    with pytest.raises(TypeError, match="deliver"):
        Deaf("Deaf", print)  # type: ignore[abstract]
