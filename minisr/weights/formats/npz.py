"""NumPy's ``.npz``: a zip archive of arrays, each with a text header for dtype and shape.

`numpy.load` allocates what a header claims before it looks at the data. Here the claim is checked
first, and nothing is unpickled.
"""

from __future__ import annotations

import io
import math
import re
from typing import TYPE_CHECKING

import numpy as np

from minisr.errors import CheckpointError
from minisr.weights.formats import zips
from minisr.weights.formats.shapes import size_without_empty_axes

if TYPE_CHECKING:
    from typing import Any

    from minisr.weights.formats.zips import Archive

MAGIC = b"\x93NUMPY"
MAX_VALUES = zips.MAX_BYTES  # an archive cannot hold more
HEADER = re.compile(
    r"\{'descr': '(?P<dtype>[<>|][fiub]\d{1,2})', 'fortran_order': (?P<fortran>True|False), "
    r"'shape': \((?P<shape>[\d, ]{0,100})\), \}\s*"
)


def read(archive: Archive) -> dict[Any, Any]:
    """Read all arrays.

    Parameters
    ----------
    archive : minisr.weights.formats.zips.Archive

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    CheckpointError
        If a member is damaged or not an array of numbers.
    """
    tensors = {}
    for name in archive.members:
        key = name.removesuffix(".npy")
        if key == name:
            raise CheckpointError(f"contains {name!a}, expected .npy arrays or PyTorch's data.pkl")
        tensors[key] = _array(archive.read(name), key)
    return tensors


def _array(content, key):
    version = content[6:7]
    size = {b"\x01": 2, b"\x02": 4, b"\x03": 4}.get(version, 0)
    if content[:6] != MAGIC or not size:
        raise CheckpointError(f"has a member {key!a} that is damaged or not an array")
    start = 8 + size
    end = start + int.from_bytes(content[8:start], "little")
    if end - start > 10_000 or end > len(content):
        raise CheckpointError(f"has a member {key!a} that is damaged or not an array")
    header = HEADER.fullmatch(content[start:end].decode("latin-1"))
    if not header:
        raise CheckpointError(f"has a member {key!a} that is not an array of numbers")
    try:
        dtype = np.dtype(header["dtype"])
        shape = tuple(int(length) for length in header["shape"].split(",") if length.strip())
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"has a member {key!a} that is not an array of numbers") from error
    if math.prod(shape) * dtype.itemsize != len(content) - end:
        raise CheckpointError(
            f"is damaged: {key!a} has {len(content) - end} bytes of values for shape {shape}"
        )
    if size_without_empty_axes(shape) > MAX_VALUES:
        raise CheckpointError(f"has a member {key!a} of a shape that no network has")
    order = "F" if header["fortran"] == "True" else "C"
    array = np.frombuffer(content, dtype, offset=end).reshape(shape, order=order)
    return np.array(array, dtype=dtype.newbyteorder("="), order="C")


def write(tensors: dict[Any, Any], comment: bytes) -> Any:
    """Return the bytes of a file that `numpy.load` can read.

    Parameters
    ----------
    tensors : dict of str to ndarray
    comment : bytes
        The archive's comment, which NumPy ignores.
    """
    members = {}
    for name, array in tensors.items():
        member = io.BytesIO()
        np.lib.format.write_array(member, array, allow_pickle=False)
        members[f"{name}.npy"] = member.getvalue()
    return zips.pack(members, comment)
