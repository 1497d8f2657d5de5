"""Pickles: every form and age of them, and none that runs anything."""

import os
import pickle
import subprocess
import sys
from collections import OrderedDict, defaultdict

import numpy as np
import pytest

from auricle_shared.errors import DataError
from auricle_shared.pack import to_float
from auricle_trainer.importers import pickled
from auricle_trainer.importers.importing import import_source
from auricle_trainer.importers.source import open_source
from auricle_trainer.importers.unpickle import load

RATE_HZ = 16000
PYTHON_2 = (  # as Python 2.7 and NumPy 1 write {'dog': [np.array([1, -2, 3], 'i2')], 'caf\xc3\xa9': []} in protocol 2
    b"\x80\x02}q\x00(U\x03dogq\x01]q\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85q\x05"
    b"U\x01bq\x06\x87q\x07Rq\x08(K\x01K\x03\x85q\tcnumpy\ndtype\nq\nU\x02i2q\x0bK\x00K\x01\x87q\x0cRq\r(K\x03U\x01<q\x0e"
    b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x0fb\x89U\x06\x01\x00\xfe\xff\x03\x00q\x10tq\x11baU\x05caf\xc3\xa9]u."
)


def clip(seed, samples=400):
    return (np.random.default_rng(seed).uniform(-0.9, 0.9, samples)).astype(np.float32)


def write(folder, content, protocol=pickle.HIGHEST_PROTOCOL):
    path = folder / "sounds.pkl"
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


def listed(path, rate_hz=None):
    found = pickled.recordings(path, rate_hz)
    return sorted((r.labels, r.rate_hz, r.samples.round(4).tolist()) for r in found)


def expected(pairs, rate_hz=RATE_HZ):
    return sorted(((label,), rate_hz, samples.round(4).tolist()) for label, samples in pairs)


A, B, C = clip(1), clip(2), clip(3, 300)
DICT = {"dog": [A, C], "cat": [B]}
WANTED = expected([("dog", A), ("dog", C), ("cat", B)])
FORMS = {
    "rate and sounds": {"rate": RATE_HZ, "sounds": DICT},
    "sample_rate among labels": {"sample_rate": RATE_HZ, **DICT},
    "pair with the rate": (DICT, RATE_HZ),
    "pairs": ([(A, "dog"), (C, "dog"), (B, "cat")], RATE_HZ),
    "pairs, label first": {"sr": float(RATE_HZ), "data": [("dog", A), ("dog", C), ("cat", B)]},
    "lists in parallel": {"X": [A, C, B], "y": ["dog", "dog", "cat"], "fs": np.int64(RATE_HZ)},
    "a rate for each": {"dog": [(A, RATE_HZ), (C, RATE_HZ)], "cat": (B, RATE_HZ)},
    "object array": ({"dog": np.array([A, C], dtype=object), "cat": [B]}, RATE_HZ),
    "plain lists": ({"dog": [A.tolist(), C.tolist()], "cat": B.tolist()}, RATE_HZ),
    "ordered dict": (OrderedDict(DICT), RATE_HZ),
    "default dict": (defaultdict(list, DICT), RATE_HZ),
    "NumPy strings": ([(A, np.str_("dog")), (C, np.str_("dog")), (B, np.str_("cat"))], RATE_HZ),
    "array of labels": {"sounds": [A, C, B], "labels": np.array(["dog", "dog", "cat"]), "rate": RATE_HZ},
    "bytes as labels": ({b"dog": [A, C], b"cat": [B]}, RATE_HZ),
    "Fortran order": ({"dog": [A, C], "cat": np.asfortranarray(np.stack([B]))}, RATE_HZ),
    "big-endian": ({"dog": [A.astype(">f4"), C.astype(">f8")], "cat": [B]}, RATE_HZ),
}


@pytest.mark.parametrize("protocol", [0, 2, 3, 4, 5])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_in_every_protocol_holds_the_same_sounds(tmp_path, form, protocol):
    assert listed(write(tmp_path, FORMS[form], protocol)) == WANTED


def test_numpy_1_module_names(tmp_path):
    path = write(tmp_path, (DICT, RATE_HZ), protocol=2)
    data = path.read_bytes()
    old = data.replace(b"numpy._core.", b"numpy.core.")
    new = data.replace(b"numpy.core.", b"numpy._core.")
    assert old != new
    for version in (old, new):
        path.write_bytes(version)
        assert listed(path) == WANTED


def test_a_python_2_pickle_is_read_as_the_standard_reader_would(tmp_path):
    (tmp_path / "old.pkl").write_bytes(PYTHON_2)
    witness = pickle.loads(PYTHON_2, encoding="latin1")
    found = load(tmp_path / "old.pkl")
    np.testing.assert_array_equal(found[b"dog"][0], witness["dog"][0])
    recordings = pickled.recordings(tmp_path / "old.pkl", 8000)
    assert [(r.labels, r.rate_hz, (r.samples * 32768).tolist()) for r in recordings] == [(("dog",), 8000, [1, -2, 3])]
    assert pickled.name_of(list(found)[1]) == "café"


@pytest.mark.parametrize(
    ("stored", "heard"),
    [
        (np.array([-32768, 16384, 0], np.int16), [-1, 0.5, 0]),
        (np.array([-128, 64, 0], np.int8), [-1, 0.5, 0]),
        (np.array([0, 192, 128], np.uint8), [-1, 0.5, 0]),
        (np.array([-(2**31), 2**30, 0], np.int32), [-1, 0.5, 0]),
        (np.array([-32768, 16384, 0], np.int64), [-1, 0.5, 0]),
        (np.array([-32768, 16384, 0], np.float64), [-1, 0.5, 0]),
        (np.array([-1, 0.5, 0], np.float16), [-1, 0.5, 0]),
        (np.array([[-1, -1], [1, 0], [0.5, -0.5]]), [-1, 0.5, 0]),
        (np.array([[-1, 1, 0.5], [-1, 0, -0.5]]), [-1, 0.5, 0]),
    ],
)
def test_scales_and_channels(tmp_path, stored, heard):
    [recording] = pickled.recordings(write(tmp_path, ([(stored, "x")], RATE_HZ)))
    np.testing.assert_allclose(recording.samples, heard, atol=1e-6)


def test_two_dimensions_under_a_label_are_clips_by_samples(tmp_path):
    path = write(tmp_path, ({"dog": np.stack([A, B])}, RATE_HZ))
    assert listed(path) == expected([("dog", A), ("dog", B)])


def test_labels_of_several_kinds(tmp_path):
    path = write(tmp_path, ([(A, 7), (B, ["rain", "wind"]), (C, "_silence_")], RATE_HZ))
    assert [r.labels for r in pickled.recordings(path)] == [("7",), ("rain", "wind"), ("background",)]


def test_without_a_rate_one_must_be_given(tmp_path):
    path = write(tmp_path, DICT)
    with pytest.raises(DataError, match="--pickle-rate"):
        pickled.recordings(path)
    assert listed(path, RATE_HZ) == WANTED
    assert {r.rate_hz for r in pickled.recordings(write(tmp_path, (DICT, 8000)), RATE_HZ)} == {8000}


def test_a_pickle_becomes_a_pack_and_broken_sounds_are_listed(tmp_path):
    bad = [
        np.zeros(0, np.float32),
        np.array([0.1, np.nan]),
        np.full(10, 1e6),
        np.array(["text"]),
        None,
        np.zeros((3, 3, 3)),
    ]
    path = write(tmp_path, ({"dog": [A, C, *bad], "cat": [B, A]}, RATE_HZ))
    result = import_source(open_source(tmp_path), tmp_path / "p", RATE_HZ)
    assert open_source(path).kind == "pickle"
    assert len(result.pack) == 4
    assert [name for name, _ in result.broken] == [f"dog/{i}" for i in range(2, 8)]
    np.testing.assert_allclose(to_float(result.pack.audio(0)), A, atol=1 / 32768)


class Reduce:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


HOSTILE = {
    "posix.system": lambda marker: Reduce(os.system, f"touch '{marker}'"),
    "subprocess.Popen": lambda marker: Reduce(subprocess.Popen, ["touch", str(marker)]),
    "builtins.eval": lambda marker: Reduce(eval, f"open({str(marker)!r}, 'w')"),
    "builtins.open": lambda marker: Reduce(open, str(marker), "w"),
    "builtins.getattr": lambda marker: Reduce(getattr, {}, "clear"),
    "numpy.fromfile": lambda marker: Reduce(np.fromfile, "/etc/passwd"),
}


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("refused", HOSTILE)
def test_a_hostile_pickle_does_not_run_and_what_it_wanted_is_named(tmp_path, refused, protocol):
    marker = tmp_path / "it ran"
    path = write(tmp_path, {"dog": [A, HOSTILE[refused](marker)]}, protocol)
    with pytest.raises(DataError, match=f"{refused.split('.')[1]}, which is refused; nothing of it was run"):
        load(path)
    assert not marker.exists()


CRASHES = {
    "objects out of raw bytes": b"cnumpy\nndarray\n((K\x01tcnumpy\ndtype\n(U\x02O8I00\nI01\ntRU\x0812345678tR.",
    "a forged dtype": (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR(K\x01(K\x01tcnumpy\ndtype\n"
        b"(U\x02V8I00\nI01\ntR(K\x03U\x01|N(U\x01atd}U\x01aNsK\x08K\x01K\x10tb\x89U\x0812345678tb."
    ),
    "objects as bytes": (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR(K\x01(K\x01tcnumpy\ndtype\n"
        b"(U\x02O8I00\nI01\ntR\x89U\x0812345678tb."
    ),
    "fewer objects than said": (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR(K\x01(K\x09tcnumpy\ndtype\n"
        b"(U\x02O8I00\nI01\ntR\x89]K\x01atb."
    ),
    "an attribute of a stand-in": b"ccollections\nOrderedDict\nN}U\x05emptyU\x01xs\x86b.",
    "another protocol's registry": b"\x80\x02\x82\x01.",
    "something outside": b"U\x01xQ.",
    "a bare end": b".",
    "nothing": b"",
    "cut off": pickle.dumps({"dog": [np.zeros(100)]})[:-60],
    "text": b"hello world",
}


@pytest.mark.parametrize("name", CRASHES)
def test_a_forged_or_damaged_pickle_is_an_error_and_no_crash(tmp_path, name):
    """In a process of its own: the real NumPy dies of the first one."""
    (tmp_path / "x.pkl").write_bytes(CRASHES[name])
    program = (
        "import sys; from pathlib import Path; from auricle_shared.errors import DataError\n"
        "from auricle_trainer.importers.unpickle import load\n"
        "try: load(Path(sys.argv[1]))\n"
        "except DataError as error: print('refused:', error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "x.pkl"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.split(":")[0]) == (0, "refused"), done.stderr


@pytest.mark.parametrize("content", [42, "text", {"dog": []}, [], [(A,)], [1, 2, 3]])
def test_a_pickle_of_something_else_says_what_is_wanted(tmp_path, content):
    with pytest.raises(DataError, match=r"sounds\.pkl"):
        pickled.recordings(write(tmp_path, content), RATE_HZ)
