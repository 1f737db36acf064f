"""NumPy's files: a header is trusted only if the file has as many bytes as it claims."""

import io
import json
import struct
import zipfile

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import minisr
from minisr.errors import CheckpointError
from minisr.system import tensor_files
from minisr.weights import formats
from minisr.weights.convert import convert


def test_numpy_reads_our_files(tmp_path, rng):
    model = minisr.ESPCN(2, channels=(5, 4), rng=rng)
    minisr.weights.save(model, tmp_path / "own", {"pictures": ["a"]})
    _, origin = convert(tmp_path / "own", tmp_path / "out.npz")
    assert origin == {"pictures": ["a"]}
    with np.load(tmp_path / "out.npz") as file:
        assert sorted(file) == sorted(model.state_dict())  # nothing but weights
        for key, array in model.state_dict().items():
            assert_array_equal(file[key], array)
    again = minisr.load(tmp_path / "out.npz")
    assert repr(again) == repr(model)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_of_every_kind_come_back(save, tmp_path, rng):
    arrays = {
        "f8": rng.random((3, 4)),
        "big": rng.random(5).astype(">f4"),
        "fortran": np.asfortranarray(rng.random((3, 4, 2))),
        "scalar": np.float32(2.5),
        "empty": np.zeros((0, 3)),
        "i2": np.arange(4, dtype=np.int16),
        "?": np.array([True, False]),
        "unicode key ü": np.ones(1),
    }
    save(tmp_path / "w.npz", **arrays)
    tensors, hints = formats.read(tmp_path / "w.npz")
    assert hints == {"container": "npz"}
    for key, array in arrays.items():
        assert_array_equal(tensors[key], array)
        assert tensors[key].dtype.isnative


def test_a_comment_too_long_for_a_zip_omits_the_training_history(tmp_path):
    model = minisr.ESPCN(2, channels=(5, 4))
    minisr.weights.save(model, tmp_path / "own", {"pictures": ["x" * 70_000]})
    convert(tmp_path / "own", tmp_path / "out.npz")
    again, origin = minisr.weights.load_with_origin(tmp_path / "out.npz")
    assert origin == {}
    assert again.settings == model.settings


def npy(header, content=b"\0" * 8, version=b"\x01\x00"):
    text = header.encode("latin-1")
    return b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text + content


HEADER = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n"


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (npy(HEADER.replace("(2,)", "(3,)")), r"'a' has 8 bytes of values for shape \(3,\)"),
        (npy(HEADER.replace("(2,)", "(999999999999,)")), "has 8 bytes of values for shape"),
        (npy(HEADER.replace("(2,)", "(-2,)")), "has a member 'a' that is not an array of numbers"),
        (npy(HEADER.replace("(2,)", "(2 3,)")), "that is not an array of numbers"),
        (npy(HEADER.replace("<f4", "|O")), "that is not an array of numbers"),
        (npy(HEADER.replace("<f4", "<f9")), "that is not an array of numbers"),
        (npy(HEADER.replace("<f4", "<U2")), "that is not an array of numbers"),
        (npy("__import__('os').system('ls')"), "that is not an array of numbers"),
        (npy("(" * 5000), "that is not an array of numbers"),
        (npy(HEADER, version=b"\x07\x00"), "has a member 'a' that is damaged or not an array"),
        (npy(HEADER)[:20], "has a member 'a' that is damaged or not an array"),
        (npy(HEADER)[:-1], "has 7 bytes of values"),
        (b"", "has a member 'a' that is damaged or not an array"),
        (b"no array", "has a member 'a' that is damaged or not an array"),
    ],
)
def test_a_member_with_a_false_header_ends_in_one_error(member, message, tmp_path):
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
        archive.writestr("a.npy", member)
    with pytest.raises(CheckpointError, match=rf"w\.npz .*{message}"):
        formats.read(tmp_path / "w.npz")


def test_the_header_above_is_right():
    assert_array_equal(np.load(io.BytesIO(npy(HEADER))), np.zeros(2))


def test_objects_are_not_unpickled(tmp_path):
    np.savez(tmp_path / "w.npz", a=np.array([{}, None]))
    with pytest.raises(CheckpointError, match="has a member 'a' that is not an array of numbers"):
        minisr.load(tmp_path / "w.npz")


def test_other_archives_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(CheckpointError, match=r"contains 'readme\.txt', expected \.npy arrays"):
        minisr.load(tmp_path / "w.npz")


@pytest.mark.parametrize("comment", [b"hello", b"[1]", b'{"minisr": 3}', b"[" * 60_000, b"\xff"])
def test_a_foreign_comment_is_ignored(comment, tmp_path):
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
        archive.writestr("a.npy", npy(HEADER))
        archive.comment = comment
    assert formats.read(tmp_path / "w.npz")[1] == {"container": "npz"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x89HDF\r\n\x1a\n", "is HDF5"),
        (b"\x1f\x8b\x08\x00", "is compressed with gzip"),
        (b"\x08\x08\x12\x06minisr", "seems to be ONNX"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a pointer of Git LFS"),
        (b"PK\x03\x04", "is a damaged zip archive"),
        (b"PK\x05\x06", "is a damaged zip archive"),
        (b"\n", "is cut short: it ends in the middle"),
        (b"hello", "is damaged or not a safetensors file"),
        (b"\x89PNG\r\n\x1a\n0123456789", "is a picture, not a file of weights"),
        (b"\xff\xd8\xff\xe00123456789", "is a picture, not a file of weights"),
        (b"", "is damaged or not a safetensors file"),
    ],
)
def test_files_of_other_kinds_are_named(content, message, tmp_path):
    (tmp_path / "w.bin").write_bytes(content)
    with pytest.raises(CheckpointError, match=rf"w\.bin {message}"):
        minisr.load(tmp_path / "w.bin")


def test_a_file_with_a_name_of_one_letter_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "i"):
        np.savez(tmp_path / "w.npz", x=np.zeros(2))
        (tmp_path / "w.npz").rename(name)
        with pytest.raises(CheckpointError, match=f"^{name} has no filters"):
            minisr.load(name)
        (tmp_path / name).write_bytes(b"PK")
        with pytest.raises(CheckpointError, match=f"^{name} is a damaged zip"):
            minisr.load(name)


def test_names_in_a_file_cannot_write_on_the_terminal(tmp_path):
    model = minisr.ESPCN(2, channels=(3, 2))
    state = model.state_dict() | {"\x1b[31m\nred": np.zeros(1, np.float32)}
    tensor_files.save(tmp_path / "w", state, minisr.weights.describe(model))
    with pytest.raises(CheckpointError, match=r"\?\[31m\?red is not in this network") as caught:
        minisr.load(tmp_path / "w")
    assert str(caught.value).isprintable()


def test_what_the_safetensors_library_quotes_is_shortened_and_made_printable(tmp_path):
    entry = {"dtype": "\x1b[31m\n" + "F" * 100_000, "shape": [1], "data_offsets": [0, 4]}
    text = json.dumps({"a": entry}).encode()
    (tmp_path / "w").write_bytes(struct.pack("<Q", len(text)) + text + b"\0" * 4)
    with pytest.raises(CheckpointError, match="w is damaged or not a safetensors file") as caught:
        minisr.load(tmp_path / "w")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000


def test_enormous_files_are_not_read(tmp_path):
    for begin, suffix in ((b"PK", ".npz"), (b"\x10\0\0\0\0\0\0\0{", ".safetensors")):
        path = tmp_path / f"w{suffix}"
        with open(path, "wb") as file:
            file.write(begin)
            file.truncate(1 << 40)  # sparse, it takes no space
        with pytest.raises(CheckpointError, match="has 1048576 MiB; minisr reads at most"):
            minisr.load(path)


def test_a_training_checkpoint_is_refused(tmp_path):
    tensor_files.save(tmp_path / "c", {"a": np.zeros(2)}, {"format": "training"})
    with pytest.raises(CheckpointError, match=r"holds training, not weights; .*model\.safetensors"):
        minisr.load(tmp_path / "c")
