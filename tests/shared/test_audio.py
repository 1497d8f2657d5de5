"""Laws of the resampler, and reading WAV without libsndfile."""

import wave

import numpy as np
import pytest

from auricle_shared.audio import AudioFile, Resampler, read_audio, resample, write_wav
from auricle_shared.errors import DataError

RATES = [8000, 11025, 22050, 44100, 48000, 96000, 192000]


def in_pieces(samples, from_hz, to_hz, seed):
    rng = np.random.default_rng(seed)
    resampler, parts, at = Resampler(from_hz, to_hz), [], 0
    while at < len(samples):
        size = int(rng.choice([0, 1, 7, 160, 4096, rng.integers(1, 20000)]))
        parts.append(resampler.feed(samples[at : at + size]))
        at += size
    parts.append(resampler.feed(np.zeros(0, np.float32), last=True))
    return np.concatenate(parts)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("from_hz", RATES)
def test_streamed_equals_whole(from_hz, seed):
    noise = np.random.default_rng(seed).uniform(-1, 1, from_hz * 2 + 17).astype(np.float32)
    whole = resample(noise, from_hz, 16000)
    streamed = in_pieces(noise, from_hz, 16000, seed)
    assert len(streamed) == len(whole)
    assert abs(len(whole) - len(noise) * 16000 / from_hz) <= 1
    assert np.abs(streamed - whole).max() <= 1e-5


@pytest.mark.parametrize("from_hz", RATES)
def test_a_click_stays_at_its_time(from_hz):
    clip = np.zeros(from_hz, np.float32)
    clip[round(0.4 * from_hz)] = 1.0
    heard = resample(clip, from_hz, 16000)
    assert abs(np.argmax(np.abs(heard)) / 16000 - round(0.4 * from_hz) / from_hz) <= 1 / 16000


@pytest.mark.parametrize("from_hz", [22050, 44100, 48000, 96000, 192000])
def test_what_lies_above_half_the_rate_vanishes_and_what_lies_below_stays(from_hz):
    seconds = np.arange(from_hz) / from_hz
    middle = slice(4000, 12000)  # the ends ring
    for tone_hz, gain in [(1000, 1.0), (7000, 1.0), (9500, 0.0), (10500, 0.0)]:
        heard = resample((0.5 * np.sin(2 * np.pi * tone_hz * seconds)).astype(np.float32), from_hz, 16000)[middle]
        level = np.sqrt(2 * np.mean(heard.astype(np.float64) ** 2)) / 0.5
        assert level == pytest.approx(gain, abs=1e-3), tone_hz


def test_a_tone_keeps_its_pitch_and_phase():
    def sine(rate_hz):
        return np.sin(2 * np.pi * 440 * np.arange(rate_hz) / rate_hz).astype(np.float32)

    heard = resample(sine(44100), 44100, 16000)
    assert np.abs(heard - sine(16000))[500:-500].max() < 1e-3


def test_the_same_rate_changes_nothing_and_reset_forgets():
    noise = np.random.default_rng(3).uniform(-1, 1, 5000).astype(np.float32)
    np.testing.assert_array_equal(resample(noise, 16000, 16000), noise)
    resampler = Resampler(48000, 16000)
    resampler.feed(noise)
    resampler.reset()
    np.testing.assert_array_equal(resampler.feed(noise, last=True), resample(noise, 48000, 16000))


def write_pcm16(path, samples, rate_hz):
    """[n, channels] int16, by the standard library alone."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(samples.astype("<i2").tobytes())


def test_sixteen_bits_come_back_as_written(tmp_path):
    stored = np.array([[-32768], [-1], [0], [1], [32767]], np.int16)
    write_pcm16(tmp_path / "a.wav", stored, 8000)
    samples, rate_hz = read_audio(tmp_path / "a.wav")
    assert rate_hz == 8000
    np.testing.assert_array_equal(samples * 32768, stored[:, 0])
    write_wav(tmp_path / "b.wav", samples, rate_hz)
    assert (tmp_path / "b.wav").read_bytes() == (tmp_path / "a.wav").read_bytes()


def test_channels_are_averaged_in_every_block(tmp_path):
    stored = np.random.default_rng(4).integers(-9000, 9000, (1001, 3)).astype(np.int16)
    write_pcm16(tmp_path / "a.wav", stored, 16000)
    with AudioFile(tmp_path / "a.wav") as file:
        blocks = list(file.blocks(64))
    assert [len(b) for b in blocks] == [64] * 15 + [41]
    np.testing.assert_allclose(np.concatenate(blocks), stored.mean(axis=1) / 32768, atol=1e-7)


def test_what_is_no_recording_is_named(tmp_path):
    write_pcm16(tmp_path / "empty.wav", np.zeros((0, 1), np.int16), 16000)
    (tmp_path / "text.wav").write_text("no audio at all")
    for name, said in [("empty.wav", "0 samples"), ("text.wav", "text.wav"), ("none.wav", "does not exist")]:
        with pytest.raises(DataError, match=said):
            read_audio(tmp_path / name)


def test_a_file_that_was_cut_off_gives_what_is_left(tmp_path):
    write_pcm16(tmp_path / "a.wav", np.ones((1000, 2), np.int16), 16000)
    whole = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[: 44 + 4 * 300 + 3])
    samples, _ = read_audio(tmp_path / "cut.wav")
    assert len(samples) == 300
