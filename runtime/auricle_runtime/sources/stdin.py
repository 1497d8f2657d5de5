"""Standard input as a source: raw 16-bit samples, or a WAV stream, from another program.

arecord -f S16_LE -r 16000 -c 1 -t raw | auricle listen model.onnx --stdin
ffmpeg -i radio.mp3 -f wav - | auricle listen model.onnx --stdin
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np

from auricle_shared.audio import MAX_RATE_HZ, MIN_RATE_HZ, Resampler, check_channel, one_channel
from auricle_shared.errors import DataError
from auricle_shared.pcm import to_float

from . import DEFAULT_BLOCK_MS, Block, Lost, nobody, samples_per_block
from .pipe import PipeReader
from .run import resampled

HEAD_BYTES = 12
"""'RIFF', a size, 'WAVE'"""
PCM, EXTENSIBLE = 1, 0xFFFE
"""Format codes of the fmt chunk (Microsoft, Multimedia Programming Interface and Data Specifications 1.0; mmreg.h)."""
MAX_CHUNK_BYTES = 1 << 20
"""A chunk before the audio that claims to be longer is damage, not a comment."""
UNKNOWN_BYTES = 0x7FFF0000
"""Programs that write WAV into a pipe do not know its length: they claim 0 or nearly 2 or 4 GiB."""


class WavHeader(NamedTuple):
    rate_hz: int
    channels: int
    data_bytes: int | None
    """None: until the stream ends"""


class StdinSource:
    """Blocks of what a pipe brings, as they come.

    Args:
        stream: binary, read to its end.
        rate_hz: the model's rate.
        stream_rate_hz: rate of raw samples (a WAV header overrides it); None means the model's.
        channel: the one of a WAV's that is heard, counted from 1; None: the mean of all.
        lost: called when nothing comes, until `blocks` gets its own.

    Raises:
        DataError: nothing arrives, a WAV header that cannot be used.
    """

    def __init__(
        self,
        stream: BinaryIO,
        rate_hz: int,
        stream_rate_hz: int | None = None,
        block_ms: float = DEFAULT_BLOCK_MS,
        channel: int | None = None,
        lost: Lost = nobody,
    ) -> None:
        self._pipe, self._channel = PipeReader(stream, lost), channel
        self._head = self._pipe.read(HEAD_BYTES)
        if not self._head:
            raise DataError("No audio arrived on standard input. Wanted: 16-bit little-endian mono samples, or a WAV.")
        self._is_wav = self._head[:4] == b"RIFF" and self._head[8:] == b"WAVE"
        if self._is_wav:
            self._head = b""
            self._header = read_wav_header(self._pipe)
        else:
            self._header = WavHeader(stream_rate_hz or rate_hz, 1, None)
        check_channel(channel, self._header.channels, "The audio on standard input")
        self._resampler = Resampler(self._header.rate_hz, rate_hz)
        self._block_samples = samples_per_block(block_ms, self._header.rate_hz)

    @property
    def description(self) -> str:
        kind = "a WAV stream" if self._is_wav else "raw 16-bit samples"
        return f"standard input ({kind}, {self._header.rate_hz} Hz, {self._header.channels} channel(s))"

    @property
    def problems(self) -> list[str]:
        return []

    def blocks(self, lost: Lost = nobody) -> Iterator[Block]:
        self._pipe.lost = lost
        return resampled(self._pieces(), self._resampler)

    def _pieces(self) -> Iterator[np.ndarray]:
        channels = self._header.channels
        left = self._header.data_bytes
        data, self._head = self._head, b""
        while True:
            wanted = self._block_samples * 2 * channels
            if left is not None:
                wanted = min(wanted, left)
            data += self._pipe.read(max(0, wanted - len(data)))
            if left is not None:
                left -= len(data)
            whole = len(data) // (2 * channels)
            if not whole:  # the end, or the odd byte before it
                return
            values = to_float(np.frombuffer(data, "<i2", count=whole * channels))
            yield one_channel(values.reshape(-1, channels), self._channel)
            data = b""

    def close(self) -> None:
        """The stream belongs to whoever opened it."""


def read_wav_header(stream: PipeReader) -> WavHeader:
    """Read from after 'WAVE' to the first byte of audio; the standard library's reader wants to seek, a pipe cannot."""
    found: WavHeader | None = None
    while True:
        head = stream.read(8)
        if len(head) < 8:
            raise DataError("The WAV on standard input ends before its audio begins.")
        name, size = head[:4], struct.unpack("<I", head[4:])[0]
        if name == b"data":
            if found is None:
                raise DataError("The WAV on standard input has no fmt chunk before its audio: it is damaged.")
            unknown = size == 0 or size >= UNKNOWN_BYTES
            return found._replace(data_bytes=None if unknown else size)
        if size > MAX_CHUNK_BYTES:
            raise DataError(f"The WAV on standard input has a chunk {name!r} of {size} bytes: it is damaged.")
        body = stream.read(size + size % 2)
        if name == b"fmt ":
            found = _parse_format(body)


def _parse_format(body: bytes) -> WavHeader:
    if len(body) < 16:
        raise DataError(f"The WAV on standard input has a fmt chunk of {len(body)} bytes; wanted at least 16.")
    code, channels, rate_hz, _, _, bits = struct.unpack("<HHIIHH", body[:16])
    if code == EXTENSIBLE and len(body) >= 26:
        code = struct.unpack("<H", body[24:26])[0]
    if code != PCM or bits != 16 or not channels or not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise DataError(
            f"The WAV on standard input has format {code}, {bits} bits, {channels} channel(s), {rate_hz} Hz; wanted "
            f"format {PCM} (PCM), 16 bits, {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz. For instance: ffmpeg -i IN -f wav "
            "-c:a pcm_s16le - | auricle listen MODEL.onnx --stdin."
        )
    return WavHeader(rate_hz, channels, None)
