import gzip
import pickle
import zipfile
import zlib
from pathlib import Path

import pytest

from portal.common.refusals import Refused
from registry.producers import artefact
from registry.producers.artefact import NUMPY


class Evil:
    """Leaves a trace where it is loaded."""

    def __reduce__(self):
        return Path.touch, (Path("/tmp/broadsheet-test-loaded"),)


def refusal_of(folder, name, content):
    (folder / name).write_bytes(content)
    with pytest.raises(Refused) as refused:
        artefact.inspect(folder, name)
    assert not Path("/tmp/broadsheet-test-loaded").exists()
    return refused.value.code


def array(head, numbers=b""):
    head = head.ljust(117).encode() + b"\n"
    return NUMPY + b"\x01\x00" + len(head).to_bytes(2, "little") + head + numbers


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", ["a.pkl", "a.pickle", "a.joblib", "a.pt"])
def test_pickles_are_refused_unloaded(tmp_path, name, protocol):
    assert refusal_of(tmp_path, name, pickle.dumps(Evil(), protocol)) == "unsafe_pickle"


@pytest.mark.parametrize(
    "pack",
    [zlib.compress, gzip.compress, lambda content: b"BZh9" + content, lambda c: b"\xfd7zXZ" + c],
)
def test_compressed_pickles_are_refused(tmp_path, pack):
    assert refusal_of(tmp_path, "a.joblib", pack(pickle.dumps(Evil()))) == "unsafe_pickle"


def test_pickle_with_numbers_between_is_refused(tmp_path):
    content = pickle.dumps(Evil())[:-1] + b"\xfe" * 100 + b"."

    assert refusal_of(tmp_path, "a.joblib", content) == "unsafe_pickle"


def test_endless_pickle_is_refused_in_bounds(tmp_path):
    assert refusal_of(tmp_path, "a.pkl", b"(" * 3_000_000) == "unsafe_pickle"


def test_compressed_bomb_is_inflated_in_bounds(tmp_path):
    assert refusal_of(tmp_path, "a.pkl", zlib.compress(b"(" * 50_000_000)) == "unsafe_pickle"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.pkl", pickle.dumps(Evil())[:-3]),
        ("a.pkl", b"no pickle"),
        ("a.joblib", b"\x78\x9cnonsense"),
        ("a.npy", b"nonsense"),
        ("a.npy", array("{'descr': '<f8', 'shape': (1000000, 1000000)}")),
        ("a.npy", array("(" * 100)),
        ("a.npy", array("{'descr': '<f8'}")),
        ("a.pt", b"PK\x03\x04nonsense"),
        ("a.pmml", b"nonsense"),
    ],
)
def test_damage_is_refused(tmp_path, name, content):
    assert refusal_of(tmp_path, name, content) == "unreadable_file"


@pytest.mark.parametrize("kind", ["'|O'", "[('a', '<f8'), ('b', 'O')]"])
def test_arrays_of_objects_are_pickles(tmp_path, kind):
    content = array(f"{{'descr': {kind}, 'fortran_order': False, 'shape': (1,)}}", b"x" * 8)

    assert refusal_of(tmp_path, "a.npy", content) == "unsafe_pickle"


def test_torch_files_hold_pickles(tmp_path):
    with zipfile.ZipFile(tmp_path / "made.zip", "w") as archive:
        archive.writestr("archive/data.pkl", b"x")

    content = (tmp_path / "made.zip").read_bytes()

    assert refusal_of(tmp_path, "a.pt", content) == "unsafe_pickle"


def test_dtd_in_pmml_is_refused(tmp_path):
    content = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><PMML>&e;</PMML>'

    assert refusal_of(tmp_path, "a.pmml", content) == "xml_dtd_forbidden"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.onnx", b"\x08\x07"),
        ("a.pmml", b"<PMML/>"),
        ("a.npy", array("{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}", b"x" * 8)),
    ],
)
def test_harmless_models_are_not_taken_yet(tmp_path, name, content):
    assert refusal_of(tmp_path, name, content) == "model_not_supported"


def test_rendering_refuses_too(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"x")

    with pytest.raises(Refused):
        artefact.render(tmp_path, "a.onnx", tmp_path)
