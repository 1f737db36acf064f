"""Files of ``torch.save`` since PyTorch 1.6, a zip archive: read, and written, without PyTorch.

``NAME/data.pkl`` is a pickle in which every tensor's numbers are called by a key; the numbers
themselves lie bare in ``NAME/data/KEY``. Nothing in such a file is run, see `pickles`.
"""

import math
import struct

import numpy as np

from minisr.errors import CheckpointError
from minisr.weights.formats import zips
from minisr.weights.formats.pickles import Machine
from minisr.weights.formats.torch_tensors import NAMES, Storage, tensors_in

BYTEORDERS = {b"little": "<", b"big": ">"}
WRITTEN = {"float32": ("FloatStorage", "<f4"), "int64": ("LongStorage", "<i8")}


def is_torch(archive):
    """Return whether an archive is one of ``torch.save``.

    Parameters
    ----------
    archive : minisr.weights.formats.zips.Archive
    """
    return any(name.endswith("/data.pkl") for name in archive.members)


def read(archive):
    """Read the tensors of a state dictionary.

    Parameters
    ----------
    archive : minisr.weights.formats.zips.Archive

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    CheckpointError
        If it is damaged, or holds something else than a table of tensors.
    """
    pickle = next(name for name in archive.members if name.endswith("/data.pkl"))
    root = pickle.removesuffix("data.pkl")

    def storage(called):
        if len(called) != 5 or called[0] != "storage":
            raise CheckpointError("has a storage in its pickle that makes no sense")
        _, kind, key, _, count = called
        return Storage(kind, key, count)

    value, _ = Machine(archive.read(pickle), NAMES, storage).run()
    order = b"little"  # what files from before this member was invented are
    if f"{root}byteorder" in archive.members:
        order = archive.read(f"{root}byteorder")
    if order not in BYTEORDERS:
        raise CheckpointError(f"has the byte order {order[:20]!r}, expected little or big")
    tensors, storages = {}, {}
    for name, tensor in tensors_in(value).items():
        key = tensor.storage.key
        if key not in storages:  # many tensors may share one
            storages[key] = archive.read(f"{root}data/{key}")
        tensors[name] = tensor.array(storages[key], BYTEORDERS[order])
    return tensors


def write(tensors, comment):
    """Return the bytes of a file that ``torch.load`` reads, with ``weights_only=True`` too.

    Parameters
    ----------
    tensors : dict of str to ndarray, float32 or int64
    comment : bytes
        The archive's; PyTorch does not look at it.
    """
    members = {"archive/data.pkl": _pickle(tensors), "archive/byteorder": b"little"}
    for key, array in enumerate(tensors.values()):
        _, dtype = WRITTEN[array.dtype.name]
        members[f"archive/data/{key}"] = np.ascontiguousarray(array, dtype).tobytes()
    members["archive/version"] = b"3\n"
    return zips.pack(members, comment)


def _pickle(tensors):
    """Return the program that builds an ordered dictionary of tensors; `pickles` has the words."""
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
