"""Read and write the zip archives that ``torch.save`` makes since PyTorch 1.6, without PyTorch.

``NAME/data.pkl`` is a pickle that refers to the numbers of each tensor by a key; the raw numbers
are in ``NAME/data/KEY``. Nothing in such a file is executed, see `pickles`.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING

import numpy as np

from minisr.errors import CheckpointError
from minisr.weights.formats import zips
from minisr.weights.formats.pickles import Unpickler, malformed
from minisr.weights.formats.torch_tensors import NAMES, Storage, tensors_in

if TYPE_CHECKING:
    from typing import Any

    from minisr.weights.formats.zips import Archive

BYTEORDERS = {b"little": "<", b"big": ">"}
WRITTEN = {"float32": ("FloatStorage", "<f4"), "int64": ("LongStorage", "<i8")}


def is_torch(archive: Archive) -> bool:
    """Return whether ``torch.save`` wrote an archive.

    Parameters
    ----------
    archive : minisr.weights.formats.zips.Archive
    """
    return any(name.endswith("/data.pkl") for name in archive.members)


def read(archive: Archive) -> dict[Any, Any]:
    """Read the tensors of a state dict.

    Parameters
    ----------
    archive : minisr.weights.formats.zips.Archive

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    CheckpointError
        If it is damaged or holds anything but a table of tensors.
    """
    pickle = next(name for name in archive.members if name.endswith("/data.pkl"))
    root = pickle.removesuffix("data.pkl")

    def storage(reference):
        if len(reference) != 5 or reference[0] != "storage":
            raise malformed("storage")
        _, kind, key, _, count = reference
        return Storage(kind, key, count)

    value, _ = Unpickler(archive.read(pickle), NAMES, storage).run()
    order = b"little"  # of files older than this member
    if f"{root}byteorder" in archive.members:
        order = archive.read(f"{root}byteorder")
    if order not in BYTEORDERS:
        raise CheckpointError(f"has the byte order {order[:20]!r}, expected little or big")
    tensors, storages = {}, {}
    for name, tensor in tensors_in(value).items():
        key = tensor.storage.key
        if key not in storages:  # tensors may share one
            storages[key] = archive.read(f"{root}data/{key}")
        tensors[name] = tensor.array(storages[key], BYTEORDERS[order])
    return tensors


def write(tensors: Any, comment: bytes) -> Any:
    """Return the bytes of a file for ``torch.load``, also with ``weights_only=True``.

    Parameters
    ----------
    tensors : dict of str to ndarray, float32 or int64
    comment : bytes
        The archive's comment, which PyTorch ignores.
    """
    members = {"archive/data.pkl": _pickle(tensors), "archive/byteorder": b"little"}
    for key, array in enumerate(tensors.values()):
        _, dtype = WRITTEN[array.dtype.name]
        members[f"archive/data/{key}"] = np.ascontiguousarray(array, dtype).tobytes()
    members["archive/version"] = b"3\n"
    return zips.pack(members, comment)


def _pickle(tensors):
    """Return a pickle that builds an OrderedDict of tensors; `pickles` lists the instructions."""
    ordered_dictionary = b"ccollections\nOrderedDict\n)R"
    words = [b"\x80\x02", ordered_dictionary, b"("]
    for key, (name, array) in enumerate(tensors.items()):
        kind, _ = WRITTEN[array.dtype.name]
        strides = [math.prod(array.shape[axis + 1 :]) for axis in range(array.ndim)]
        words += [_text(name), b"ctorch._utils\n_rebuild_tensor_v2\n("]
        words += [b"(", _text("storage"), f"ctorch\n{kind}\n".encode()]
        words += [_text(str(key)), _text("cpu"), _number(array.size), b"tQ"]
        words += [_number(0), _numbers(array.shape), _numbers(strides)]
        words += [b"\x89", ordered_dictionary, b"tR"]  # no gradient, no hooks
    return b"".join([*words, b"u."])


def _text(value):
    content = value.encode()
    return b"X" + struct.pack("<I", len(content)) + content


def _number(value):
    return b"J" + struct.pack("<i", value)


def _numbers(values):
    return b"(" + b"".join(map(_number, values)) + b"t"
