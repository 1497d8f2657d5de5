"""CSV manifests and label corrections."""

import numpy as np
import pytest
import soundfile

from auricle_shared.errors import DataError
from auricle_trainer.importers.corrections import apply_corrections
from auricle_trainer.importers.importing import import_source
from auricle_trainer.importers.source import open_source

RATE_HZ = 16000


@pytest.fixture
def ramp(tmp_path):
    """Four seconds whose every sample says where it lies."""
    samples = np.linspace(-0.9, 0.9, 4 * RATE_HZ)
    soundfile.write(tmp_path / "long.wav", samples, RATE_HZ, subtype="PCM_16")
    for i in range(4):
        soundfile.write(tmp_path / f"{i}.wav", samples[i * 1000 : i * 1000 + 800], RATE_HZ, subtype="PCM_16")
    return np.rint(samples * 32768)


def load(folder, text, name="manifest.csv", encoding="utf-8"):
    (folder / name).write_text(text, encoding=encoding)
    return open_source(folder if name == "manifest.csv" else folder / name)


def test_every_column_reaches_the_pack_and_others_are_passed_over(tmp_path, ramp):
    source = load(
        tmp_path,
        "path,colour,label,split,fold,speaker,group\n"
        "0.wav,red,rain;wind ; rain,training,1,anna,g0\n"
        "1.wav,,_silence_,VALIDATION,2,,\n"
        '"2.wav",,"a, b",test,,,\n',
    )
    assert source.kind == "csv"
    clips = import_source(source, tmp_path / "p", RATE_HZ).pack.clips
    assert [c.labels for c in clips] == [("rain", "wind"), ("background",), ("a, b",)]
    assert [c.split for c in clips] == ["train", "val", "test"]
    assert [(c.fold, c.speaker, c.group) for c in clips] == [("1", "anna", "g0"), ("2", "", ""), ("", "", "")]


def test_parts_of_a_recording_are_cut_at_their_times_and_stay_together(tmp_path, ramp):
    source = load(
        tmp_path,
        "path,label,start_seconds,end_seconds\nlong.wav,a,0.5,1.25\nlong.wav,a,,0.5\nlong.wav,b,3.5,\nlong.wav,b,3,4.05\n"
        + "".join(f"{i}.wav,{label},,\n" for i in range(4) for label in "ab"),
    )
    pack = import_source(source, tmp_path / "p", RATE_HZ).pack
    for i, (start, end) in enumerate([(8000, 20000), (0, 8000), (56000, 64000), (48000, 64000)]):
        assert np.abs(pack.audio(i) - ramp[start:end]).max() <= 1
    assert {c.group for c in pack.clips[:4]} == {"long.wav"}
    assert len({c.split for c in pack.clips[:4]}) == 1
    assert pack.clips[0].source == "long.wav#t=0.5,1.25"


def test_a_part_that_is_not_there_is_listed(tmp_path, ramp):
    rows = ["5,6", "3,9", "2,1", "x,1", "-1,2", "nan,1", "1,1.000001"]
    source = load(
        tmp_path,
        "path,label,start_seconds,end_seconds\n0.wav,a,,\n1.wav,a,,\n" + "".join(f"long.wav,a,{r}\n" for r in rows),
    )
    result = import_source(source, tmp_path / "p", RATE_HZ)
    assert len(result.pack) == 2
    assert len(result.broken) == len(rows)
    assert "lasts 4.00 s" in dict(result.broken)["long.wav#t=5,6"]


def test_rows_that_cannot_be_used_are_listed_and_the_rest_goes_on(tmp_path, ramp):
    source = load(tmp_path, "path,label\n0.wav,a\n1.wav,a\nmissing.wav,a\n2.wav,\n,a\n3.wav,background;a\n")
    result = import_source(source, tmp_path / "p", RATE_HZ)
    assert len(result.pack) == 2
    reasons = [reason for _, reason in result.broken]
    for reason, said in zip(reasons, ["does not exist", "no label", "line 6", "something else"], strict=True):
        assert said in reason


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file,label\na.wav,x\n", "missing: path"),
        ("path;label\na.wav;x\n", "separated by commas"),
        ("", "missing: path, label"),
        ("path,label,split\na.wav,x,sometimes\n", "line 2: the split is 'sometimes'"),
        ("path,label\n", "no recordings"),
    ],
)
def test_a_manifest_that_makes_no_sense_says_what_is_wanted(tmp_path, text, said):
    with pytest.raises(DataError, match=said):
        load(tmp_path, text, "list.csv")


def test_a_manifest_from_a_spreadsheet_in_utf8_with_mark_and_one_in_latin1(tmp_path, ramp):
    assert load(tmp_path, "path,label\n0.wav,Tür\n", "a.csv", "utf-8-sig").recordings[0].labels == ("Tür",)
    with pytest.raises(DataError, match="UTF-8"):
        load(tmp_path, "path,label\n0.wav,Tür\n", "b.csv", "latin1")


def test_corrections_change_and_drop_and_are_part_of_the_fingerprint(tmp_path, ramp):
    text = "path,label\n0.wav,a\n1.wav,b\n2.wav,a\n3.wav,b\n"
    source = load(tmp_path, text)
    (tmp_path / "c.csv").write_text("path,label\n2.wav,b\n3.wav,\n")
    corrected, note = apply_corrections(source.recordings, tmp_path / "c.csv")
    assert [(r.source, r.labels) for r in corrected] == [("0.wav", ("a",)), ("1.wav", ("b",)), ("2.wav", ("b",))]
    assert "1 clips relabelled, 1 dropped" in note
    (tmp_path / "same.csv").write_text("path,label\n2.wav,a\n")
    same, _ = apply_corrections(source.recordings, tmp_path / "same.csv")
    assert same == source.recordings


@pytest.mark.parametrize(
    ("text", "said"), [("2.wave,b\n", "does not have, the first: '2.wave'"), ("2.wav,b\n2.wav,a\n", "twice")]
)
def test_corrections_that_fit_nothing_are_refused(tmp_path, ramp, text, said):
    source = load(tmp_path, "path,label\n2.wav,a\n")
    (tmp_path / "c.csv").write_text("path,label\n" + text)
    with pytest.raises(DataError, match=said):
        apply_corrections(source.recordings, tmp_path / "c.csv")
