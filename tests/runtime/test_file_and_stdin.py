"""Recordings and pipes as sources: the same samples whatever the blocks, the same whether read or piped."""

from __future__ import annotations

import io
import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from auricle_runtime.sources import Block, Source
from auricle_runtime.sources.file import FileSource
from auricle_runtime.sources.stdin import StdinSource
from auricle_shared.audio import resample, write_wav
from auricle_shared.errors import DataError

RATE_HZ = 16000


@pytest.fixture
def samples(rng: np.random.Generator) -> np.ndarray:
    """1.3 s and a bit, off every block's length, int16."""
    return rng.integers(-20000, 20000, 20803).astype("<i2")


def heard(source: Source) -> np.ndarray:
    """All blocks in one, after checking that each begins where the one before ended."""
    blocks: list[Block] = list(source.blocks())
    source.close()
    given = 0
    for block in blocks:
        assert block.start_seconds == pytest.approx(given / RATE_HZ, abs=1e-9)
        assert block.samples.dtype == np.float32
        assert block.samples.ndim == 1
        assert block.gap is None
        given += len(block.samples)
    return np.concatenate([block.samples for block in blocks])


@pytest.mark.parametrize("block_ms", [0.1, 1, 7.3, 80, 1000, 60000])
def test_wav_blocks_are_the_recording(samples: np.ndarray, tmp_path: Path, block_ms: float) -> None:
    write_wav(tmp_path / "a.wav", samples, RATE_HZ)
    np.testing.assert_array_equal(heard(FileSource(tmp_path / "a.wav", RATE_HZ, block_ms)), samples / np.float32(32768))


@pytest.mark.parametrize("block_ms", [1, 7.3, 80, 1000])
@pytest.mark.parametrize("file_hz", [8000, 11025, 44100, 48000])
def test_resampled_blocks_are_the_whole_resampled(
    samples: np.ndarray, tmp_path: Path, block_ms: float, file_hz: int
) -> None:
    write_wav(tmp_path / "a.wav", samples, file_hz)
    wanted = resample(samples / np.float32(32768), file_hz, RATE_HZ)
    np.testing.assert_allclose(heard(FileSource(tmp_path / "a.wav", RATE_HZ, block_ms)), wanted, atol=1e-5)


def test_blocks_have_the_length_asked_for(samples: np.ndarray, tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", samples, RATE_HZ)
    lengths = [len(b.samples) for b in FileSource(tmp_path / "a.wav", RATE_HZ, 80).blocks()]
    assert lengths == [1280] * 16 + [323]


@pytest.mark.parametrize("block_ms", [0.1, 1, 80, 3000])
def test_raw_pipe_is_the_recording(samples: np.ndarray, block_ms: float) -> None:
    source = StdinSource(io.BytesIO(samples.tobytes() + b"\x01"), RATE_HZ, None, block_ms)  # half a sample at the end
    np.testing.assert_array_equal(heard(source), samples / np.float32(32768))


def test_raw_pipe_at_another_rate(samples: np.ndarray) -> None:
    source = StdinSource(io.BytesIO(samples.tobytes()), RATE_HZ, 48000)
    np.testing.assert_allclose(heard(source), resample(samples / np.float32(32768), 48000, RATE_HZ), atol=1e-5)


def wav_bytes(samples: np.ndarray, rate_hz: int, channels: int) -> bytes:
    """By the standard library, which knows nothing of our reader."""
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(channels)
        wav.setsampwidth(2)
        wav.setframerate(rate_hz)
        wav.writeframes(samples.tobytes())
    return file.getvalue()


def test_wav_pipe_with_two_channels_is_their_mean(samples: np.ndarray) -> None:
    stereo = samples[:20000].reshape(-1, 2)
    source = StdinSource(io.BytesIO(wav_bytes(stereo, RATE_HZ, 2)), RATE_HZ, 8000)  # the header's rate counts
    np.testing.assert_allclose(heard(source), stereo.astype(np.float64).mean(1) / 32768, atol=1e-7)


@pytest.mark.parametrize("channel", [1, 2])
def test_one_channel_of_two(samples: np.ndarray, tmp_path: Path, channel: int) -> None:
    stereo = samples[:20000].reshape(-1, 2)
    wanted = stereo[:, channel - 1] / np.float32(32768)
    data = wav_bytes(stereo, RATE_HZ, 2)
    (tmp_path / "stereo.wav").write_bytes(data)
    np.testing.assert_array_equal(heard(FileSource(tmp_path / "stereo.wav", RATE_HZ, channel=channel)), wanted)
    np.testing.assert_array_equal(heard(StdinSource(io.BytesIO(data), RATE_HZ, channel=channel)), wanted)


def test_channel_that_is_not_there(samples: np.ndarray, tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", samples, RATE_HZ)
    for source in (
        lambda: FileSource(tmp_path / "a.wav", RATE_HZ, channel=2),
        lambda: StdinSource(io.BytesIO(samples.tobytes()), RATE_HZ, channel=3),
    ):
        with pytest.raises(DataError, match="has 1 channel"):
            source()


@pytest.mark.parametrize("claimed", [0, 0x7FFFFFFF, 0xFFFFFFFF])
def test_wav_pipe_of_unknown_length_runs_to_its_end(samples: np.ndarray, claimed: int) -> None:
    data = bytearray(wav_bytes(samples, RATE_HZ, 1))
    data[40:44] = struct.pack("<I", claimed)
    np.testing.assert_array_equal(heard(StdinSource(io.BytesIO(data), RATE_HZ)), samples / np.float32(32768))


def test_what_follows_the_audio_of_a_wav_is_not_heard(samples: np.ndarray) -> None:
    data = wav_bytes(samples[:1000], RATE_HZ, 1) + b"LIST" + struct.pack("<I", 500) + b"x" * 500
    assert len(heard(StdinSource(io.BytesIO(data), RATE_HZ))) == 1000


def test_extensible_header_with_a_comment_before_the_audio(samples: np.ndarray) -> None:
    """As ffmpeg writes it."""
    guid = struct.pack("<H", 1) + bytes.fromhex("000000001000800000aa00389b71")
    fmt = struct.pack("<HHIIHHHHI", 0xFFFE, 1, RATE_HZ, 2 * RATE_HZ, 2, 16, 22, 16, 4) + guid
    odd = b"abc\0"
    body = b"fmt " + struct.pack("<I", len(fmt)) + fmt + b"LIST" + struct.pack("<I", 3) + odd + b"data\xff\xff\xff\xff"
    data = b"RIFF\xff\xff\xff\xffWAVE" + body + samples.tobytes()
    np.testing.assert_array_equal(heard(StdinSource(io.BytesIO(data), RATE_HZ)), samples / np.float32(32768))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "No audio arrived"),
        (b"RIFF\0\0\0\0WAVE", "ends before its audio"),
        (b"RIFF\0\0\0\0WAVEdata\0\0\0\0", "no fmt chunk"),
        (b"RIFF\0\0\0\0WAVEfmt \x02\0\0\0ab", "2 bytes; wanted at least 16"),
        (b"RIFF\0\0\0\0WAVEjunk\xff\xff\xff\xff", "damaged"),
        (
            b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + struct.pack("<HHIIHH", 3, 1, 48000, 192000, 4, 32),
            "format 3, 32 bits, 1 channel.*wanted format 1",
        ),
    ],
)
def test_pipes_that_cannot_be_heard(data: bytes, said: str) -> None:
    with pytest.raises(DataError, match=said):
        StdinSource(io.BytesIO(data), RATE_HZ)
