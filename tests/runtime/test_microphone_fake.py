"""What no real sound server can be made to do here: no microphone, no PortAudio, lost samples, a slow program."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np
import pytest

from auricle_runtime.sources import Block, capture, microphone
from auricle_runtime.sources.capture import Clock
from auricle_runtime.sources.microphone import Microphone, find_microphone
from auricle_shared.errors import DataError, DeviceError

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Fake = Callable[..., dict[str, str]]


def devices() -> list[dict[str, Any]]:
    return [
        {"index": 0, "name": "Speakers", "max_input_channels": 0, "default_samplerate": 48000.0},
        {"index": 1, "name": "USB Microphone: Audio (hw:1,0)", "max_input_channels": 2, "default_samplerate": 48000.0},
        {"index": 2, "name": "USB Webcam", "max_input_channels": 1, "default_samplerate": 16000.0},
    ]


class Status:
    def __init__(self, input_overflow: bool = False) -> None:
        self.input_overflow = input_overflow


class FakeStream:
    """Calls back from `start` with the blocks it was told, then stays active or not."""

    script: list[tuple[np.ndarray, bool]]
    stays_active = False
    refuses_channels: tuple[int, ...] = ()

    def __init__(self, channels: int, callback: Any, **_: Any) -> None:
        if channels in self.refuses_channels:
            raise FakeSoundDevice.PortAudioError("Invalid number of channels")
        self.channels, self._callback, self.active = channels, callback, True

    def start(self) -> None:
        for samples, overflow in self.script:
            data = np.repeat(samples[:, None], self.channels, axis=1).astype(np.float32)
            self._callback(data, len(data), None, Status(overflow))
            data[:] = np.nan  # PortAudio's buffer is its own: who keeps it without a copy keeps rubbish
        self.active = self.stays_active

    def close(self) -> None:
        self.active = False


class FakeSoundDevice:
    class PortAudioError(Exception):
        pass

    InputStream = FakeStream
    devices = devices()
    default: int | None = 1

    lists: list[Any]
    """What PortAudio will find each time it is started anew"""

    @classmethod
    def _terminate(cls) -> None:
        pass

    @classmethod
    def _initialize(cls) -> None:
        if cls.lists:
            cls.devices = cls.lists.pop(0)

    @staticmethod
    def _exit_handler() -> None:
        pass

    @classmethod
    def query_devices(cls, kind: str | None = None) -> Any:
        if kind is None:
            return cls.devices
        if cls.default is None:
            raise cls.PortAudioError("Error querying device -1")
        return cls.devices[cls.default]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeSoundDevice]:
    """A fresh pair of classes, so that a test may change them."""

    class Stream(FakeStream):
        script = []

    class Fake(FakeSoundDevice):
        InputStream = Stream
        lists: list[Any] = []

    monkeypatch.setitem(sys.modules, "sounddevice", Fake)
    return Fake


class Lost(Exception):
    """Raised by who is told that the microphone is lost: it would be opened again for ever."""


def give_up(reason: str) -> NoReturn:
    raise Lost(reason)


def come(mic: Microphone, *blocks: np.ndarray) -> None:
    """As if PortAudio had called back with these."""
    for samples in blocks:
        mic._capture._callback(samples[:, None].astype(np.float32), len(samples), None, Status())


def hear(mic: Microphone) -> tuple[list[Block], str]:
    """All blocks until the microphone is lost, and how that is told."""
    blocks: list[Block] = []
    with pytest.raises(Lost) as ended:
        blocks.extend(mic.blocks(give_up))
    mic.close()
    return blocks, str(ended.value)


@pytest.mark.parametrize(
    ("wanted", "index"), [(None, 1), ("2", 2), ("USB Webcam", 2), ("webcam", 2), ("hw:1", 1), ("MICROPHONE", 1)]
)
def test_found_by_index_name_or_part(fake: type[FakeSoundDevice], wanted: str | None, index: int) -> None:
    assert find_microphone(wanted).index == index


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("Speakers", "is no microphone here.*1: USB Microphone.*2: USB Webcam"),
        ("0", "is no microphone here"),
        ("7", "is no microphone here"),
        ("usb", "fits several.*1: USB Microphone.*2: USB Webcam"),
        ("", "fits several"),
    ],
)
def test_not_found_lists_the_real_ones(fake: type[FakeSoundDevice], wanted: str, said: str) -> None:
    with pytest.raises(DeviceError, match=said):
        find_microphone(wanted)


def test_first_one_where_portaudio_has_no_default(fake: type[FakeSoundDevice]) -> None:
    fake.default = None
    assert find_microphone(None).index == 1


def test_samples_are_copied_and_times_run_on(fake: type[FakeSoundDevice], rng: np.random.Generator) -> None:
    audio = rng.uniform(-1, 1, 16000).astype(np.float32)
    fake.InputStream.script = [(audio[i : i + 1280], False) for i in range(0, 16000, 1280)]
    blocks, ended = hear(Microphone(16000, "webcam"))
    np.testing.assert_array_equal(np.concatenate([b.samples for b in blocks]), audio)
    assert [b.start_seconds for b in blocks] == pytest.approx([i * 0.08 for i in range(len(blocks))])
    assert not any(b.gap for b in blocks)
    assert "is gone" in ended


def test_overflow_is_counted_and_is_a_gap(fake: type[FakeSoundDevice]) -> None:
    quiet = np.zeros(1280)
    fake.InputStream.script = [(quiet, False), (quiet, True), (quiet, False), (quiet, True)]
    mic = Microphone(16000, "webcam")
    blocks, _ = hear(mic)
    assert ["overflow" in str(b.gap) for b in blocks] == [False, True, False, True]
    assert "2 gap(s)" in mic.problems[0]


@pytest.mark.parametrize(("device", "rate_hz"), [("webcam", 16000), ("hw:1", 48000)])
def test_what_does_not_fit_the_queue_is_dropped_counted_and_leaves_time_true(
    fake: type[FakeSoundDevice], monkeypatch: pytest.MonkeyPatch, device: str, rate_hz: int
) -> None:
    monkeypatch.setattr(capture, "QUEUE_SECONDS", 0.4)  # five blocks of 80 ms
    block = round(0.08 * rate_hz)
    fake.InputStream.script = [(np.zeros(block), False)]
    mic = Microphone(16000, device)
    found = mic.blocks(give_up)
    blocks = [next(found)]
    come(mic, *[np.zeros(block)] * 11)
    blocks += [next(found) for _ in range(5)]  # now the queue has room again, and sound goes on after the hole
    come(mic, *[np.zeros(block)] * 2)
    with pytest.raises(Lost):
        blocks.extend(found)
    assert mic.problems == ["0.48 s of audio were lost in 1 gap(s), each of them told above"]
    gaps = [b for b in blocks if b.gap]
    assert [g.gap.lost_seconds for g in gaps if g.gap] == [pytest.approx(0.48)]
    assert [b.start_seconds for b in gaps] == pytest.approx([12 * 0.08])
    before = sum(len(b.samples) for b in blocks if b.start_seconds < 0.9)
    assert before == pytest.approx(6 * 0.08 * 16000, abs=1)


@pytest.mark.parametrize("came", [3, 9])
def test_listens_while_the_model_is_opened(
    fake: type[FakeSoundDevice], monkeypatch: pytest.MonkeyPatch, came: int
) -> None:
    """What came meanwhile is heard; if it was more than is kept, it begins with now, and that is no gap."""
    monkeypatch.setattr(capture, "QUEUE_SECONDS", 0.4)  # five blocks of 80 ms
    mic = Microphone(None, "webcam")
    come(mic, *[np.full(1280, 0.001 * number) for number in range(came)])
    mic.rate_hz = 16000
    found = mic.blocks(give_up)
    if came > 5:
        threading.Timer(0.1, lambda: come(mic, np.full(1280, 0.5))).start()
        mic._capture._stream.active = True
    first = next(found)
    assert first.samples == pytest.approx(0.5 if came > 5 else 0.0)
    assert first.start_seconds == 0
    assert not mic.problems
    mic.close()


def test_sound_card_without_a_single_channel(fake: type[FakeSoundDevice]) -> None:
    fake.InputStream.refuses_channels = (1,)
    fake.InputStream.script = [(np.full(3840, 0.5), False)]
    blocks, _ = hear(Microphone(48000, "hw:1"))
    np.testing.assert_allclose(blocks[0].samples, 0.5)


def test_microphone_that_cannot_be_opened(fake: type[FakeSoundDevice]) -> None:
    fake.InputStream.refuses_channels = (1, 2)
    with pytest.raises(DeviceError, match="cannot be opened.*Invalid number of channels"):
        Microphone(16000, "hw:1")


def test_silent_stall_is_seen_by_the_wall_clock(fake: type[FakeSoundDevice], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "STALL_SECONDS", 0.5)
    fake.InputStream.script, fake.InputStream.stays_active = [(np.zeros(1280), False)] * 3, True
    blocks, ended = hear(Microphone(16000, "webcam"))
    assert len(blocks) == 3
    assert "gives no audio" in ended


def test_stream_that_cannot_be_closed_does_not_hold_the_program(
    fake: type[FakeSoundDevice], monkeypatch: pytest.MonkeyPatch
) -> None:
    left_behind = []
    monkeypatch.setattr(microphone, "CLOSE_SECONDS", 0.05)
    monkeypatch.setattr(microphone, "leave_portaudio_behind", lambda: left_behind.append(True))
    mic = Microphone(16000, "webcam")
    mic._capture._stream = SimpleNamespace(close=lambda: time.sleep(1))
    mic.close()
    assert left_behind == [True]


def test_one_channel_of_several(fake: type[FakeSoundDevice], rng: np.random.Generator) -> None:
    class Stereo(fake.InputStream):  # type: ignore[name-defined,misc]
        def start(self) -> None:
            self._callback(np.array([[0.25, -0.5]] * 3840, np.float32), 3840, None, Status())
            self.active = False

    fake.InputStream = Stereo
    for channel, wanted in ((1, 0.25), (2, -0.5)):
        blocks, _ = hear(Microphone(48000, "hw:1", channel=channel))
        np.testing.assert_allclose(blocks[0].samples, wanted)
    with pytest.raises(DataError, match="has 2 channel.*channel 3 is not one"):
        Microphone(48000, "hw:1", channel=3)


def test_opened_again_after_every_loss(fake: type[FakeSoundDevice], monkeypatch: pytest.MonkeyPatch) -> None:
    """Lost, twice not there, then back as another index: the same microphone, the hole in its place."""
    monkeypatch.setattr(microphone, "FIRST_PAUSE_SECONDS", 0.05)
    fake.InputStream.script = [(np.full(1280, 0.1), False)] * 3
    mic = Microphone(16000, "2")
    told: list[str] = []
    found = mic.blocks(told.append)
    before = [next(found) for _ in range(3)]
    absent = fake.devices[:2]
    returned = [*fake.devices[:2], {**fake.devices[2], "index": 5}]
    fake.lists = [absent, absent, returned]
    after = next(found)
    assert len(told) == 1
    assert "is gone" in told[0]
    assert fake.lists == []
    assert mic.info.index == 5
    assert after.gap is not None
    assert 0.1 < after.gap.lost_seconds < 30
    assert after.start_seconds == pytest.approx(3 * 0.08 + after.gap.lost_seconds)
    assert not any(b.gap for b in before)
    mic.close()


def test_another_microphone_at_the_same_index_is_not_taken(
    fake: type[FakeSoundDevice], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(microphone, "FIRST_PAUSE_SECONDS", 0.05)
    fake.InputStream.script = [(np.zeros(1280), False)]
    mic = Microphone(16000, "2")
    found = mic.blocks()
    next(found)
    fake.lists = [[*fake.devices[:2], {**fake.devices[2], "name": "Camera"}], fake.devices]
    next(found)
    assert mic.info.name == "USB Webcam"
    assert fake.lists == []
    mic.close()


def arrivals(seconds: float, late: Callable[[float], float]) -> list[float]:
    """Missing seconds that the clock finds in blocks of 80 ms, each as late as it is told."""
    clock = Clock(16000)
    ends = np.arange(1, round(seconds / 0.08) + 1)
    found = [clock.missing_seconds(1280 * int(i), 5000 + 0.08 * i + late(0.08 * i)) for i in ends]
    return [missing for missing in found if missing]


def test_clock_sees_a_loss_that_nobody_reports(rng: np.random.Generator) -> None:
    jitter = lambda t: float(rng.uniform(0, 0.05))  # noqa: E731
    assert arrivals(120, jitter) == []
    assert arrivals(120, lambda t: jitter(t) + 0.004 * t) == []  # a slow sound card
    assert arrivals(120, lambda t: jitter(t) - 0.004 * t) == []  # a fast one
    assert arrivals(60, lambda t: 30 - t if 27 < t < 30 else jitter(t)) == []  # held up, and made up for
    assert arrivals(60, lambda t: 2.0 if t < 0.5 else jitter(t)) == []  # a server that wakes up
    for lost in (0.3, 1.0, 5.0):
        found = arrivals(60, lambda t, lost=lost: jitter(t) + (lost if t > 30 else 0))
        assert sum(found) == pytest.approx(lost, abs=0.1)
        assert len(found) == 1


def test_no_microphone(fake_sounddevice: Fake, run_auricle: Run, tiny_model: Path) -> None:
    env = fake_sounddevice("\nDEVICES = DEVICES[:1]\n")
    for args in (("listen", tiny_model), ("listen", tiny_model, "--device", "usb"), ("devices",)):
        done = run_auricle(*args, check=False, env=env)
        assert done.returncode == 1
        assert "No microphone was found" in done.stderr
        assert "Traceback" not in done.stderr
    assert run_auricle("devices", "--json", check=False, env=env).stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise OSError('PortAudio library not found')", "apt install libportaudio2"),
        ("raise ImportError('no such package')", "pip install 'auricle-runtime[mic]'"),
    ],
)
def test_no_portaudio_and_no_package(
    fake_sounddevice: Fake, run_auricle: Run, tiny_model: Path, two_tones: Callable[[int], Path], code: str, said: str
) -> None:
    env = fake_sounddevice(code, base="")
    for args in (("listen", tiny_model), ("devices",)):
        done = run_auricle(*args, check=False, env=env)
        assert done.returncode == 1
        assert said in done.stderr
        assert "Traceback" not in done.stderr
    assert run_auricle("listen", tiny_model, "--wav", two_tones(16000), env=env).returncode == 0


def test_devices_marks_the_default(fake_sounddevice: Fake, run_auricle: Run) -> None:
    lines = run_auricle("devices", env=fake_sounddevice("")).stdout.splitlines()
    assert lines == [
        "*   1  USB Microphone: Audio (hw:1,0)  2 channel(s), 48000 Hz  (default)",
        "    2  USB Webcam  1 channel(s), 16000 Hz",
    ]
