"""Small files that demand much time or memory are refused before they get either."""

import contextlib
import io
import json
import struct
import time
import tracemalloc
import zipfile

import graphdef
import numpy as np
import pytest
from other_networks import Yjn870, saved, seeded, torch

import minisr
from minisr import models, weights
from minisr.errors import CheckpointError
from minisr.system import tensor_files
from minisr.weights import formats

SECONDS, MEMORY = 2, 500 << 20


@contextlib.contextmanager
def limits():
    tracemalloc.start()
    began = time.process_time()
    try:
        yield
        seconds, (_, peak) = time.process_time() - began, tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert seconds < SECONDS
    assert peak < MEMORY


def refused(path, message):
    with limits(), pytest.raises(CheckpointError, match=message):
        minisr.load(path)


def packed(content):
    """Return an archive with the same members, deflated."""
    target = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as source,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as out,
    ):
        for name in source.namelist():
            out.writestr(name, source.read(name))
    return target.getvalue()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_many_tensors_that_share_a_large_storage(dtype, tmp_path):
    large = torch.zeros(10 << 20, dtype=dtype)
    (tmp_path / "w.pth").write_bytes(packed(saved({str(k): large[k : k + 1] for k in range(900)})))
    refused(tmp_path / "w.pth", "has no filters of a convolution")


def test_many_tensors_that_repeat_one_number_many_times(tmp_path):
    tensors = {str(k): torch.zeros(1).expand(1 << 23) for k in range(900)}
    (tmp_path / "w.pth").write_bytes(saved(tensors))
    refused(tmp_path / "w.pth", "has tensors with more values than any network needs")
    (tmp_path / "w.pth").write_bytes(saved(tensors, _use_new_zipfile_serialization=False))
    refused(tmp_path / "w.pth", "has tensors with more values than any network needs")


def test_filters_that_repeat_one_number_many_times(tmp_path):
    state = seeded(Yjn870, 2).state_dict()
    state["first_part.0.weight"] = torch.zeros(1).expand(1 << 19, 1, 5, 5)
    (tmp_path / "w.pth").write_bytes(saved(state))
    refused(tmp_path / "w.pth", r"first_part\.0\.bias of shape \(64,\), expected \(524288,\)")


def test_arrays_that_decompress_to_much(tmp_path):
    np.savez_compressed(tmp_path / "w.npz", a=np.zeros(100 << 17))
    assert (tmp_path / "w.npz").stat().st_size < 1 << 20
    refused(tmp_path / "w.npz", "would decompress to 100 MiB")


def test_a_member_that_decompresses_to_more_than_it_claims(tmp_path):
    path, size = tmp_path / "w.npz", 600 << 20
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.npy", "w") as member,
    ):
        for _ in range(600):
            member.write(bytes(1 << 20))
    claims = struct.pack("<I", size)
    assert path.read_bytes().count(claims) == 2  # before the member, and in the directory
    path.write_bytes(path.read_bytes().replace(claims, struct.pack("<I", 99)))
    refused(path, r"has a damaged member a\.npy: Bad CRC-32")


def empty_array(shape):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


@pytest.mark.parametrize("shape", [(1 << 70, 0), (1 << 39, 1 << 39, 0), (0, 1 << 31, 1 << 31)])
def test_arrays_of_no_values_and_absurd_shape(shape, tmp_path):
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
        archive.writestr("a.npy", empty_array(shape))
    refused(tmp_path / "w.npz", "has a member 'a' of a shape that no network has")


def one_for_all(name, shape):
    lengths = b"".join(graphdef.field(2, graphdef.field(1, length)) for length in shape)
    tensor = graphdef.field(1, 1) + graphdef.field(2, lengths) + graphdef.field(5, b"\0" * 4)
    return graphdef.node(name, "Const", (), graphdef.attribute("value", graphdef.field(8, tensor)))


def test_graphs_of_one_constant_and_hundreds_of_convolutions(tmp_path):
    nodes = [one_for_all("f", (5, 5, 64, 512)), one_for_all("b", (512,))]
    for k in range(600):
        nodes.append(graphdef.convolution(f"c{k}", f"a{k - 1}", "f"))
        nodes.append(graphdef.node(f"a{k}", "Add", (f"c{k}", "b")))
    (tmp_path / "w.pb").write_bytes(b"".join(nodes))
    refused(tmp_path / "w.pb", "more than 8 convolutions")


@pytest.mark.parametrize(
    "shape", [(5, 5, 1, 1 << 20), (2**40, 2**40), (1,) * 1000, (1 << 63, 0, 1, 1)]
)
def test_graphs_of_constants_of_absurd_shape(shape, tmp_path):
    nodes = [one_for_all("f", shape), graphdef.convolution("c", "x", "f")]
    (tmp_path / "w.pb").write_bytes(b"".join(nodes))
    refused(tmp_path / "w.pb", "of a shape that no network has")


def test_graphs_of_millions_of_strides_or_values(tmp_path):
    many = graphdef.field(1, graphdef.field(3, b"\1" * (10 << 20)))
    attributes = graphdef.attribute("strides", many)
    attributes += graphdef.attribute("padding", graphdef.field(2, "SAME"))
    (tmp_path / "w.pb").write_bytes(graphdef.node("c", "Conv2D", ("x", "f"), attributes))
    refused(tmp_path / "w.pb", "bytes of packed numbers, expected at most 100")
    values = np.zeros(10 << 20, np.float32)
    nodes = [graphdef.constant("f", values, packed=True), graphdef.convolution("c", "x", "f")]
    (tmp_path / "w.pb").write_bytes(b"".join(nodes))
    refused(tmp_path / "w.pb", "of a shape that no network has")
    (tmp_path / "w.pb").write_bytes(b"\n\0" * (5 << 20))
    refused(tmp_path / "w.pb", "more than 20000 fields")


def test_a_list_of_a_million_tensors(tmp_path):
    entry = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    text = json.dumps({str(k): entry for k in range(200_000)}).encode()
    (tmp_path / "w.safetensors").write_bytes(struct.pack("<Q", len(text)) + text)
    refused(
        tmp_path / "w.safetensors", "has a list of tensors of 12 MiB; minisr reads at most 4 MiB"
    )
    text = json.dumps({str(k): entry for k in range(60_000)}).encode()
    (tmp_path / "w.safetensors").write_bytes(struct.pack("<Q", len(text)) + text)
    refused(tmp_path / "w.safetensors", "has no filters of a convolution")


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("espcn", {"channels": [4096, 4096]}),
        ("srcnn", {"channels": [4096, 4096]}),
        ("edsr", {"channels": 4096, "residual_blocks": 4096}),
        ("edsr", {"channels": 1, "residual_blocks": 4096}),
        ("edsr", {"channels": 4096, "residual_blocks": 10**9}),
    ],
)
def test_settings_of_an_impossible_network(name, settings, tmp_path):
    model = models.build(name, {"upscale_factor": 2})
    about = weights.describe(model)
    about["settings"] |= settings
    tensor_files.save(tmp_path / "w", {"conv1.weight": np.zeros((4, 1, 5, 5))}, about)
    minisr.from_pretrained("espcn", 2)  # compiles or loads the kernels before the clock starts
    began = time.process_time()
    with pytest.raises(CheckpointError, match=r"w (cannot be used|has no settings)"):
        minisr.load(tmp_path / "w")
    assert time.process_time() - began < SECONDS  # memory is only reserved, not used


def test_ordinary_files_stay_within_the_limits(tmp_path):
    for content in (saved(seeded(Yjn870, 2).state_dict()), b"\n" * 10_000):
        (tmp_path / "w").write_bytes(content)
        with limits(), contextlib.suppress(CheckpointError):
            formats.read(tmp_path / "w")
