"""Other people's files of weights: read without running anything in them, and written.

One file a container (`npz`, `torch_zip`, `torch_legacy`, `tensorflow`, `onnx`; safetensors is
`minisr.system.tensor_files`'s), and `recognition`, which finds out whose network, of `families`, a table of
tensors is. What a file is, its first bytes say; its name counts for nothing. No file is trusted:
none can run code, and what is read of it has limits everywhere.
"""

import json
from pathlib import Path

from minisr.errors import CheckpointError, short
from minisr.system import tensor_files
from minisr.weights.formats.families import FAMILIES, OPTIONS, Family
from minisr.weights.formats.recognition import Recognised, recognise

__all__ = ["FAMILIES", "LAYOUTS", "OPTIONS", "Family", "Recognised", "read", "recognise"]

LAYOUTS = ("nchw", "nhwc")  # of ONNX's input, see `onnx`
# Bytes. All families of `families` are of some 100 kB; what minisr writes itself may be larger.
LARGEST = 64 << 20
LARGEST_SAFETENSORS = 256 << 20
LARGEST_HEADER = 4 << 20  # of safetensors; it lists the tensors
# PyTorch's magic number, pickled: how its files began before they were zip archives.
TORCH_LEGACY = b"\x80\x02\x8a\n" + 0x1950A86A20F9469CFC6C.to_bytes(10, "little") + b"."
# What is not read, by its first bytes, and what to do about it.
UNREAD = {
    b"\x89PNG": "is a picture, not a file of weights",
    b"\xff\xd8\xff": "is a picture, not a file of weights",
    b"\x89HDF": "is HDF5, as Keras writes it; save its arrays with numpy.savez, kernels as OIHW",
    b"\x1f\x8b": "is packed by gzip; unpack it first",
    b"\x08": "seems to be ONNX, which minisr writes but does not read",
    b"version https:": "is a pointer of Git LFS, not the file itself; fetch it with git lfs pull",
    b"\x80": "is a pickle, but none of torch.save; where it was made, save the tensors alone: "
    "torch.save(network.state_dict(), FILE)",
}


def read(path):
    """Read the tensors of a file of weights.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    tensors : dict of str to ndarray
    hints : dict
        What else the file says: ``container`` ("safetensors", "npz", "torch" or "tensorflow");
        ``minisr``, where minisr has put its settings there; of a graph what `tensorflow.read` says.

    Raises
    ------
    CheckpointError
        If there is no such file, or it is damaged, too large, or of an unknown kind. It names the
        file.
    """
    path = Path(path)
    tensor_files.require_file(path)
    try:
        kind, content = _open(path)
        if kind != "safetensors":
            return _parse(content, kind)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error
    except CheckpointError as error:
        raise CheckpointError(f"{path} {short(error)}") from error
    tensors, metadata = tensor_files.read(path)
    return tensors, {"container": kind} | _own(metadata)


def _open(path):
    """Return what a file is, and its content; of safetensors, which has a reader of its own, None.

    What is wrong is raised without the file's name here, and in all that this file calls.
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        begin = file.read(16)
        kind = _kind(begin, size)
        largest = LARGEST_SAFETENSORS if kind == "safetensors" else LARGEST
        if size > largest:
            raise CheckpointError(
                f"has {size >> 20} MiB; at most {largest >> 20} MiB of {kind} are read"
            )
        return kind, None if kind == "safetensors" else begin + file.read()


def _kind(begin, size):
    """Return what a file is, by its first bytes; safetensors if nothing else."""
    header = tensor_files.header_size(begin, size)
    if header is not None:
        if header > LARGEST_HEADER:
            raise CheckpointError(
                f"has a list of tensors of {header >> 20} MiB; "
                f"at most {LARGEST_HEADER >> 20} MiB are read"
            )
        return "safetensors"
    if begin[:2] == b"PK":
        return "zip"
    if begin.startswith(TORCH_LEGACY):
        return "torch's old format"
    if any(begin.startswith(start) for start in UNREAD):
        return "unread"
    return "tensorflow" if begin[:1] == b"\n" else "safetensors"


def _parse(content, kind):
    """Return tensors and hints."""
    if kind == "unread":
        raise CheckpointError(next(UNREAD[start] for start in UNREAD if content.startswith(start)))
    if kind == "tensorflow":
        from minisr.weights.formats import tensorflow  # each reader when it is first wanted

        tensors, graph = tensorflow.read(content)
        return tensors, {"container": kind} | graph
    if kind != "zip":
        from minisr.weights.formats import torch_legacy

        return torch_legacy.read(content), {"container": "torch"}
    from minisr.weights.formats import npz, torch_zip
    from minisr.weights.formats.zips import Archive

    archive = Archive(content)
    container, reader = ("torch", torch_zip) if torch_zip.is_torch(archive) else ("npz", npz)
    try:
        said = json.loads(archive.comment)
    except (ValueError, RecursionError):
        said = {}
    metadata = said.get(tensor_files.KEY) if isinstance(said, dict) else None
    return reader.read(archive), {"container": container} | _own(metadata)


def _own(metadata):
    return {"minisr": metadata} if isinstance(metadata, dict) else {}
