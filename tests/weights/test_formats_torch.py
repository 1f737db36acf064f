"""PyTorch's files without PyTorch: the same arrays as its own reader, and nothing is executed."""

import collections
import io
import pickle
import struct
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from other_networks import FourConvolutions, Yjn870, saved, seeded, torch

import minisr
from minisr.errors import CheckpointError
from minisr.weights import formats
from minisr.weights.convert import convert
from minisr.weights.formats import pickles, torch_legacy, torch_tensors, torch_zip
from minisr.weights.formats.zips import Archive

LEGACY = {"_use_new_zipfile_serialization": False}


def read(content):
    """Read a file of either format with minisr's own reader."""
    zipped = content[:2] == b"PK"
    return torch_zip.read(Archive(content)) if zipped else torch_legacy.read(content)


def tensors():
    """Return tensors of every dtype, and views of every kind."""
    torch.manual_seed(3)
    whole = torch.randn(4, 6)
    kinds = [torch.float64, torch.float16, torch.int64, torch.int32, torch.int16]
    kinds += [torch.int8, torch.uint8, torch.bool]
    return {
        "whole": whole,
        "shares its storage": whole[1:3, ::2],
        "transposed": torch.randn(3, 4, 5, 5).permute(3, 0, 2, 1),
        "channels last": torch.randn(2, 3, 5, 4).to(memory_format=torch.channels_last),
        "expanded": torch.randn(1, 3).expand(4, 3),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "parameter": torch.nn.Parameter(torch.randn(2, 2)),
    } | {str(kind): (torch.randn(7) * 50).to(kind) for kind in kinds}


@pytest.mark.parametrize("options", [{}, LEGACY], ids=["zip", "legacy"])
def test_both_readers_give_the_same_arrays(options):
    content = saved(tensors(), **options)
    theirs = torch.load(io.BytesIO(content), weights_only=True)
    ours = read(content)
    assert list(ours) == list(theirs)
    for key, tensor in theirs.items():
        expected = tensor.detach().numpy()
        assert_array_equal(ours[key], expected, err_msg=key)
        assert ours[key].dtype == expected.dtype, key
        assert ours[key].flags.c_contiguous, key


@pytest.mark.parametrize("options", [{}, LEGACY], ids=["zip", "legacy"])
def test_bfloat16_becomes_float32(options):
    tensor = torch.randn(9).bfloat16()
    assert_array_equal(read(saved({"a": tensor}, **options))["a"], tensor.float().numpy())


@pytest.mark.parametrize("options", [{}, LEGACY], ids=["zip", "legacy"])
def test_a_training_checkpoint_is_read(options):
    network = seeded(Yjn870, 2)
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.rand(1, 1, 8, 8)).sum().backward()
    optimizer.step()
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 4])  # has a Counter in it
    content = saved(
        {
            "epoch": 10**12,
            "optimizer": optimizer.state_dict(),
            "schedule": schedule.state_dict(),
            "state_dict": network.state_dict(),
        },
        **options,
    )
    for key, array in read(content).items():
        assert_array_equal(array, network.state_dict()[key].numpy())


def test_big_endian_numbers_are_read():
    content = saved({"a": torch.arange(6.0)})
    members = {name: Archive(content).read(name) for name in Archive(content).members}
    (data,) = (name for name in members if name.endswith("/data/0"))
    (order,) = (name for name in members if name.endswith("/byteorder"))
    members[data] = np.arange(6, dtype=">f4").tobytes()
    members[order] = b"big"
    assert_array_equal(read(rezipped(members))["a"], np.arange(6, dtype=np.float32))
    members[order] = b"middle"
    with pytest.raises(CheckpointError, match="byte order b'middle'"):
        read(rezipped(members))


def rezipped(members, method=zipfile.ZIP_STORED):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return target.getvalue()


@pytest.mark.parametrize("suffix", [".pth", ".pt"])
def test_torch_reads_what_is_written(suffix, tmp_path):
    model = minisr.ESPCN(3, channels=(5, 4), rng=np.random.default_rng(1))
    minisr.weights.save(model, tmp_path / "own")
    convert(tmp_path / "own", tmp_path / f"out{suffix}")
    state = torch.load(tmp_path / f"out{suffix}", weights_only=True)
    assert isinstance(state, collections.OrderedDict)
    network = torch.nn.Module()
    network.conv1 = torch.nn.Conv2d(1, 5, 5)
    network.conv2 = torch.nn.Conv2d(5, 4, 3)
    network.conv3 = torch.nn.Conv2d(4, 9, 3)
    network.load_state_dict(state)
    for key, array in model.state_dict().items():
        assert_array_equal(network.state_dict()[key].numpy(), array)
        assert state[key].is_contiguous()
    mapped = torch.load(tmp_path / f"out{suffix}", weights_only=True, mmap=True)
    assert_array_equal(mapped["conv3.bias"].numpy(), model.state_dict()["conv3.bias"])


def test_the_same_weights_make_the_same_file():
    state = minisr.ESPCN(2, channels=(3, 2), rng=np.random.default_rng(1)).state_dict()
    assert torch_zip.write(state, b"") == torch_zip.write(state, b"")


def test_torch_is_not_needed(tmp_path):
    (tmp_path / "w.pth").write_bytes(saved(seeded(Yjn870, 2).state_dict()))
    code = (
        "import sys; sys.modules['torch'] = None; import minisr; from pathlib import Path; "
        f"folder = Path({str(tmp_path)!r}); minisr.convert(folder / 'w.pth', folder / 'out.pth')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert len(torch.load(tmp_path / "out.pth", weights_only=True)) == 6


@pytest.mark.parametrize("options", [{}, LEGACY], ids=["zip", "legacy"])
@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")
def test_a_whole_module_is_refused_by_name(options, tmp_path):
    (tmp_path / "model_epoch_9.pth").write_bytes(saved(FourConvolutions(3), **options))
    with pytest.raises(CheckpointError) as caught:
        minisr.load(tmp_path / "model_epoch_9.pth")
    message = str(caught.value)
    assert "model_epoch_9.pth names 'other_networks.FourConvolutions'" in message
    assert "torch.save(network.state_dict(), FILE)" in message


class Runs:
    """Runs a function when `pickle` unpickles it."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def with_pickle(content, program):
    """Return a file by torch.save with another pickle in it."""
    if content[:2] == b"PK":
        members = {name: Archive(content).read(name) for name in Archive(content).members}
        (name,) = (name for name in members if name.endswith("/data.pkl"))
        return rezipped(members | {name: program})
    head = b"".join(pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001))
    return head + pickle.dumps({"little_endian": True}, 2) + program + pickle.dumps([], 2)


@pytest.mark.parametrize("options", [{}, LEGACY], ids=["zip", "legacy"])
@pytest.mark.parametrize(
    ("function", "name"),
    [
        (__import__("os").system, "posix.system"),
        (eval, "__builtin__.eval"),
        (getattr, "__builtin__.getattr"),
        (torch.load, "torch.serialization.load"),
        (np.load, "numpy.load"),
    ],
)
def test_nothing_is_executed(function, name, options, tmp_path):
    canary = tmp_path / "canary"
    program = pickle.dumps({"a": Runs(function, f"open({str(canary)!r}, 'w')")}, 2)
    path = tmp_path / "w.pth"
    path.write_bytes(with_pickle(saved({"a": torch.zeros(2)}, **options), program))
    with pytest.raises(CheckpointError, match=f"names '{name}', which minisr does not run"):
        minisr.load(path)
    assert not canary.exists()


TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n"
STORAGE = (
    b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu%btQ"
)


def number(value):
    content = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(content)]) + content


def program(count=6, offset=0, size=(6,), stride=(1,), **words):
    """Return a pickle of a table with one tensor; ``words`` replace its parts."""

    def several(values):
        if isinstance(values, bytes):
            return values
        return b"(" + b"".join(map(number, values)) + b"t"

    parts = {
        "storage": STORAGE % number(count),
        "offset": number(offset),
        "size": several(size),
        "stride": several(stride),
    } | words
    return b"\x80\x02}X\x01\x00\x00\x00a" + TENSOR + b"(" + b"".join(parts.values()) + b"\x89}tRs."


def load_program(words, numbers=b"\0" * 24):
    members = {"x/data.pkl": words, "x/data/0": numbers, "x/version": b"3\n"}
    return read(rezipped(members))


def test_the_pickles_below_have_one_fault_each():
    assert_array_equal(load_program(program())["a"], np.zeros(6))
    assert_array_equal(load_program(program(size=(2, 2), stride=(3, 2)))["a"], np.zeros((2, 2)))


MALFORMED = "has a malformed (pickle|storage|tensor); expected one by torch.save"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (program(size=(7,)), r"shape \(7,\) exceeds its storage of 6 numbers"),
        (program(offset=1), "exceeds its storage"),
        (program(offset=-1), MALFORMED),
        (program(size=(2, 3), stride=(4, 1)), "exceeds its storage"),
        (program(size=(2, 3), stride=(-3, 1)), MALFORMED),
        (program(size=(6, 10**9), stride=(1, 0)), "larger than any network needs"),
        (program(size=(10**11,), stride=(0,)), "larger than any network needs"),
        (program(size=(2**39, 2**39, 0), stride=(0, 0, 0)), "larger than any network needs"),
        (program(size=(2**70,), stride=(0,)), MALFORMED),
        (program(size=(1,) * 9, stride=(1,) * 9), MALFORMED),
        (program(size=(6,), stride=()), MALFORMED),
        (program(size=(1,) * 10**4, stride=(1,) * 10**4), MALFORMED),
        (program(count=7), "is cut short: storage '0' has 24 bytes, expected 28"),
        (program(count=10**11, size=(3,)), "is cut short"),
        (program(count=-1), MALFORMED),
        (program(storage=b"K\x01"), MALFORMED),
        (program(storage=STORAGE.replace(b"storage", b"storagf", 1) % number(6)), MALFORMED),
        (program(size=b"]"), MALFORMED),
        (program(size=b"(\x88t"), MALFORMED),
        (program(size=b"(G" + struct.pack(">d", 6) + b"t"), MALFORMED),
        (program()[:-1], "ends in the middle of its pickle"),
        (b"\x80\x02.", MALFORMED),
        (b"\x80\x02(.", MALFORMED),
        (b"\x80\x02}}b.", "a table without tensors"),
        (b"\x80\x02]}b.", MALFORMED),
        (b"\x80\x02}Nb.", MALFORMED),
        (b"\x80\x02K\x01.", "holds a value of type int, expected a table"),
        (b"\x80\x02}h\x05.", MALFORMED),
        (b"\x80\x02}(NK\x01u.", "expected keys of text or short integers"),
        (b"\x80\x02}" + number(2**64) + b"K\x01s.", "expected keys of text or short integers"),
        (b"\x80\x02}(K\x01u.", "expected keys of text"),
        (b"\x80\x02ccollections\nOrderedDict\n}R.", MALFORMED),
        (b"\x80\x02ccollections\nOrderedDict\n(K\x01tR.", MALFORMED),
        (b"\x80\x02ctorch\nFloatStorage\n)R.", MALFORMED),
        (b"\x80\x02ctorch\nFloatStorage\n)\x81.", r"instruction b'\\x81'"),
        (b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R.", "names 'os.system'"),
        (
            b"\x80\x02c" + b"x" * 300 + b"\n.",
            "a name in its pickle that does not end within",
        ),
        (b"\x80\x02c\xff\n\xff\n.", "text in its pickle that is not UTF-8"),
        (b"\x80\x04\x95.", "a pickle of protocol 4, expected 2"),
        (b"\x80\x02i", "the pickle instruction b'i'"),
        (b"\x80\x02X\xff\xff\xff\xff", "ends in the middle"),
        (b"\x80\x02" + b"}" * (1 << 18) + b".", "more than 256 KiB of pickle"),
        (TENSOR + b"(" * 200_000 + b".", MALFORMED),
    ],
)
def test_a_malformed_pickle_ends_in_one_error(words, message):
    with pytest.raises(CheckpointError, match=message):
        load_program(words)


def test_deeply_nested_values_take_no_time():
    twice = (b"h%ch%c\x86q%c" % (k, k, k + 1) for k in range(200))  # 2 ** 200 leaves
    doubled = b"(}q\x00" + b"".join(twice) + b"t"
    nested = b"]" + b"\x85" * 250_000
    tables = b"}" + b"X\x01\x00\x00\x00k}" * 30_000 + b"s" * 30_000
    for bomb in (doubled, nested, tables):
        words = program()[:-1] + b"X\x01\x00\x00\x00b" + bomb + b"s."
        began = time.process_time()
        assert_array_equal(load_program(words)["a"], np.zeros(6))
        assert time.process_time() - began < 2
    with pytest.raises(CheckpointError, match="expected keys of text or short integers"):
        load_program(b"\x80\x02}" + doubled + b"K\x01s.")  # whose hash would take forever


def test_no_name_leads_to_a_module():
    assert all(
        isinstance(value, pickles.Constructor | torch_tensors.StorageKind)
        for value in torch_tensors.NAMES.values()
    )


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"x/data.pkl": program()}, "it has no member x/data/0"),
        ({"x/data.pkl": program(), "x/data/0": b""}, "is cut short"),
        ({"x/data.pkl": b""}, "ends in the middle of its pickle"),
        ({f"x/{k}": b"" for k in range(10_001)}, "more than 10000 members"),
    ],
)
def test_incomplete_archives_end_in_one_error(members, message, tmp_path):
    path = tmp_path / "w.pth"
    path.write_bytes(rezipped(members))
    with pytest.raises(CheckpointError, match=rf"w\.pth .*{message}"):
        formats.read(path)


def test_a_zip_bomb_is_not_decompressed(tmp_path):
    path = tmp_path / "w.pth"
    bomb = {"x/data.pkl": program(), "x/data/0": bytes(200 << 20)}
    path.write_bytes(rezipped(bomb, zipfile.ZIP_DEFLATED))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(CheckpointError, match=r"would decompress to 200 MiB; .* at most 64 MiB"):
        formats.read(path)
    content = path.read_bytes().replace(struct.pack("<I", 200 << 20), struct.pack("<I", 24))
    path.write_bytes(content)  # now it lies about its size
    with pytest.raises(CheckpointError, match=r"w\.pth .*damaged"):
        formats.read(path)


def test_other_compression_methods_are_refused(tmp_path):
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        path = tmp_path / "w.pth"
        path.write_bytes(rezipped({"x/data.pkl": program()}, method))
        with pytest.raises(
            CheckpointError, match="an unknown compression, expected none or deflate"
        ):
            formats.read(path)


def test_a_damaged_legacy_file_ends_in_one_error():
    content = saved({"a": torch.arange(6.0)}, **LEGACY)
    assert_array_equal(read(content)["a"], np.arange(6))
    for cut in (1, 10, 24, 30, 33, len(content) // 2):
        with pytest.raises(CheckpointError, match=r"cut short|ends in the middle|its storages"):
            read(content[:-cut])
    counted = content[:-32] + struct.pack("<q", 7) + content[-24:]
    with pytest.raises(CheckpointError, match="has 7 numbers, expected 6"):
        read(counted)
    with pytest.raises(
        CheckpointError, match="unknown format version or byte order, expected 1001"
    ):
        read(content.replace(pickle.dumps(1001, 2), pickle.dumps(1002, 2)))


def test_other_pickles_are_refused(tmp_path):
    for protocol in (2, 3, 4, 5):
        (tmp_path / "w.pth").write_bytes(pickle.dumps({"a": np.zeros(2)}, protocol))
        with pytest.raises(CheckpointError, match=r"w\.pth is a pickle, but not one by torch\."):
            minisr.load(tmp_path / "w.pth")
