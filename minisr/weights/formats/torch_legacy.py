"""Files by ``torch.save`` before PyTorch 1.6: a series of pickles, then raw numbers.

There are five pickles: a magic number, a version, a table about the machine, the value itself, and
the keys of its storages. Then follow, for each key, a count and that many numbers.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from minisr.errors import CheckpointError
from minisr.weights.formats.pickles import Unpickler, malformed
from minisr.weights.formats.torch_tensors import NAMES, Storage, tensors_in

if TYPE_CHECKING:
    from typing import Any

MAX_STORAGES = 10_000


def read(content: bytes) -> dict[Any, Any]:
    """Read the tensors of a state dict.

    Parameters
    ----------
    content : bytes
        The whole file.

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    CheckpointError
        If it is damaged or holds anything but a table of tensors.
    """
    storages = {}

    def storage(reference):
        if len(reference) != 6 or reference[0] != "storage" or reference[5] is not None:
            raise malformed("storage")
        _, kind, key, _, count, _ = reference
        storages[key] = Storage(kind, key, count)
        return storages[key]

    parts, at = [], 0
    for _ in range(5):
        value, at = Unpickler(content, NAMES, storage).run(at)
        parts.append(value)
    _, version, about, value, keys = parts
    if version != 1001 or not isinstance(about, dict) or about.get("little_endian") is not True:
        raise CheckpointError(
            "has an unknown format version or byte order, expected 1001, little-endian; save it "
            "again with PyTorch 1.6 or later"
        )
    tensors = tensors_in(value)
    if not isinstance(keys, list) or len(keys) > MAX_STORAGES:
        raise CheckpointError(f"is damaged: expected a list of at most {MAX_STORAGES} storages")
    places = {}
    for key in keys:
        if not isinstance(key, str) or key not in storages or at + 8 > len(content):
            raise CheckpointError(
                "is cut short or damaged: its storages are not those of its pickle"
            )
        (count,) = struct.unpack_from("<q", content, at)
        if count != storages[key].count:
            raise CheckpointError(
                f"is damaged: storage {key!a} has {count} numbers, expected {storages[key].count}"
            )
        end = at + 8 + count * storages[key].kind.itemsize
        places[key] = memoryview(content)[at + 8 : end]
        at = end
    missing = [name for name, tensor in tensors.items() if tensor.storage.key not in places]
    if missing:
        raise CheckpointError(f"is damaged: it has no storage for {missing[0]!a}")
    return {name: tensor.array(places[tensor.storage.key]) for name, tensor in tensors.items()}
