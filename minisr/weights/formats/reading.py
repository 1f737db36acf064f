"""Read a table of tensors from a file of any known container."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from minisr.errors import CheckpointError, short
from minisr.system import tensor_files

if TYPE_CHECKING:
    from typing import Any

    from minisr.types import PathLike

# Limits in bytes. All networks in `families` take about 100 kB; minisr's own files may be larger.
MAX_BYTES = 64 << 20
MAX_SAFETENSORS_BYTES = 256 << 20
MAX_HEADER_BYTES = 4 << 20  # the list of tensors in a safetensors file
# PyTorch's magic number, pickled: the first bytes of its files before they were zip archives.
TORCH_LEGACY = b"\x80\x02\x8a\n" + 0x1950A86A20F9469CFC6C.to_bytes(10, "little") + b"."
# The first bytes of files that cannot be read, and what to do about them.
UNSUPPORTED = {
    b"\x89PNG": "is a picture, not a file of weights",
    b"\xff\xd8\xff": "is a picture, not a file of weights",
    b"\x89HDF": "is HDF5, as Keras writes it; save its arrays with numpy.savez, kernels as OIHW",
    b"\x1f\x8b": "is compressed with gzip; decompress it first",
    b"\x08": "seems to be ONNX, which minisr writes but does not read",
    b"version https:": "is a pointer of Git LFS, not the file itself; fetch it with git lfs pull",
    b"\x80": "is a pickle, but not one by torch.save; save only the tensors, in the program that "
    "made it: torch.save(network.state_dict(), FILE)",
}


def read(path: PathLike) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """Read the tensors of a file of weights.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    tensors : dict of str to ndarray
    hints : dict
        What else the file says: ``container`` ("safetensors", "npz", "torch" or "tensorflow");
        ``minisr``, if minisr stored its settings there; for a graph, what `tensorflow.read` finds.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, too large or of an unknown kind. The message names the
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
    """Return a file's kind and content; None for safetensors, which `tensor_files` reads itself.

    Error messages here, and in everything that this module calls, leave out the file's name.
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        begin = file.read(16)
        kind = _kind(begin, size)
        limit = MAX_SAFETENSORS_BYTES if kind == "safetensors" else MAX_BYTES
        if size > limit:
            raise CheckpointError(
                f"has {size >> 20} MiB; minisr reads at most {limit >> 20} MiB of {kind}"
            )
        return kind, None if kind == "safetensors" else begin + file.read()


def _kind(begin, size):
    """Return the kind of a file from its first bytes; safetensors if they match nothing else."""
    header = tensor_files.header_length(begin, size)
    if header is not None:
        if header > MAX_HEADER_BYTES:
            raise CheckpointError(
                f"has a list of tensors of {header >> 20} MiB; "
                f"minisr reads at most {MAX_HEADER_BYTES >> 20} MiB"
            )
        return "safetensors"
    if begin[:2] == b"PK":
        return "zip"
    if begin.startswith(TORCH_LEGACY):
        return "torch's old format"
    if any(begin.startswith(start) for start in UNSUPPORTED):
        return "unsupported"
    return "tensorflow" if begin[:1] == b"\n" else "safetensors"


def _parse(content, kind):
    """Return tensors and hints. Each reader is imported only when it is needed."""
    if kind == "unsupported":
        raise CheckpointError(
            next(text for start, text in UNSUPPORTED.items() if content.startswith(start))
        )
    if kind == "tensorflow":
        from minisr.weights.formats import tensorflow

        tensors, graph = tensorflow.read(content)
        return tensors, {"container": kind} | graph
    if kind != "zip":
        from minisr.weights.formats import torch_legacy

        return torch_legacy.read(content), {"container": "torch"}
    from minisr.weights.formats import npz, torch_zip
    from minisr.weights.formats.zips import Archive

    archive = Archive(content)
    container, reader = ("torch", torch_zip) if torch_zip.is_torch(archive) else ("npz", npz)
    comment = tensor_files.parse_object(archive.comment) or {}
    metadata = comment.get(tensor_files.KEY)
    return reader.read(archive), {"container": container} | _own(metadata)


def _own(metadata):
    return {"minisr": metadata} if isinstance(metadata, dict) else {}
