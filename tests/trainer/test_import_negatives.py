"""Long recordings as clips of background."""

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from auricle_shared.errors import DataError
from auricle_shared.pack import Pack
from auricle_trainer.importers.command import import_
from auricle_trainer.importers.negatives import negative_clips

RATE_HZ = 16000


@pytest.fixture
def recordings(tmp_path):
    """Twenty short dogs, and two long recordings whose every sample says where it lies."""
    rng = np.random.default_rng(0)
    (tmp_path / "sounds" / "dog").mkdir(parents=True)
    for i in range(20):
        soundfile.write(tmp_path / "sounds" / "dog" / f"{i}.wav", rng.normal(0, 0.1, 8000), RATE_HZ)
    (tmp_path / "talk" / "speech").mkdir(parents=True)
    for name, seconds in (("long", 9.0), ("short", 4.3)):
        ramp = np.linspace(-0.9, 0.9, round(seconds * RATE_HZ))
        soundfile.write(tmp_path / "talk" / "speech" / f"{name}.flac", ramp, RATE_HZ, subtype="PCM_16")
    return tmp_path


def test_the_clips_together_are_the_recordings_as_background(recordings):
    folder = recordings / "talk"
    done = CliRunner().invoke(
        import_, [str(recordings / "sounds"), str(recordings / "pack"), "--negatives", str(folder)]
    )
    assert done.exit_code == 0, done.output
    pack = Pack.open(recordings / "pack")
    assert pack.labels == ("background", "dog")
    for name, seconds in (("long", [4.0, 4.0, 1.0]), ("short", [4.0])):  # 0.3 s at the end are too short to be a clip
        clips = [i for i, c in enumerate(pack.clips) if c.source.startswith(f"negatives/speech/{name}")]
        assert [pack.clips[i].length_samples / RATE_HZ for i in clips] == seconds
        assert {pack.clips[i].labels for i in clips} == {("background",)}
        assert len({pack.clips[i].split for i in clips}) == 1
        stored = np.concatenate([pack.audio(i) for i in clips])
        whole = soundfile.read(folder / "speech" / f"{name}.flac", dtype="int16")[0]
        np.testing.assert_array_equal(stored, whole[: len(stored)])


def test_negatives_of_another_split_are_left_for_counting_false_alarms(recordings):
    talk = recordings / "talk"
    (talk / "manifest.csv").write_text(
        "path,label,split\nspeech/long.flac,background,train\nspeech/short.flac,background,val\n"
    )
    assert {c.source.split("#")[0] for c in negative_clips(talk, keep_split=True)} == {"negatives/speech/long.flac"}
    assert {c.split for c in negative_clips(talk, keep_split=True)} == {"train"}
    assert {c.split for c in negative_clips(talk, keep_split=False)} == {""}
    (talk / "manifest.csv").write_text("path,label,split\nspeech/short.flac,background,val\n")
    with pytest.raises(DataError, match="another split"):
        negative_clips(talk, keep_split=True)


def test_a_broken_recording_is_listed_and_the_rest_goes_on(recordings):
    (recordings / "talk" / "speech" / "noise.wav").write_bytes(b"RIFF no sound in here")
    done = CliRunner().invoke(
        import_, [str(recordings / "sounds"), str(recordings / "pack"), "--negatives", str(recordings / "talk")]
    )
    assert done.exit_code == 0, done.output
    assert "1 recordings could not be used" in done.output
    assert "negatives/speech/noise.wav" in done.output
