"""Files of ``torch.save`` before PyTorch 1.6: pickles one after the other, then bare numbers.

A magic number, a version, a table about the machine, the value itself, the keys of its storages,
each a pickle; then for each key a count, and so many numbers.
"""

import struct

from minisr.errors import CheckpointError
from minisr.weights.formats.pickles import Machine
from minisr.weights.formats.torch_tensors import NAMES, Storage, tensors_in

MOST_STORAGES = 10_000


def read(content):
    """Read the tensors of a state dictionary.

    Parameters
    ----------
    content : bytes
        Of the whole file.

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    CheckpointError
        If it is damaged, or holds something else than a table of tensors.
    """
    storages = {}

    def storage(called):
        if len(called) != 6 or called[0] != "storage" or called[5] is not None:
            raise CheckpointError("has a storage in its pickle that makes no sense")
        _, kind, key, _, count, _ = called
        storages[key] = Storage(kind, key, count)
        return storages[key]

    parts, at = [], 0
    for _ in range(5):
        value, at = Machine(content, NAMES, storage).run(at)
        parts.append(value)
    _, version, about, value, keys = parts
    if version != 1001 or not isinstance(about, dict) or about.get("little_endian") is not True:
        raise CheckpointError("is of a version of PyTorch, or of a machine, that is not read")
    tensors = tensors_in(value)
    if not isinstance(keys, list) or len(keys) > MOST_STORAGES:
        raise CheckpointError("has a list of storages that makes no sense")
    places = {}
    for key in keys:
        if not isinstance(key, str) or key not in storages or at + 8 > len(content):
            raise CheckpointError(
                "is cut short or damaged: its storages are not as its pickle says"
            )
        (count,) = struct.unpack_from("<q", content, at)
        if count != storages[key].count:
            raise CheckpointError(f"is damaged: storage {key!a} has another size than it should")
        end = at + 8 + count * storages[key].kind.itemsize
        places[key] = memoryview(content)[at + 8 : end]
        at = end
    missing = [name for name, tensor in tensors.items() if tensor.storage.key not in places]
    if missing:
        raise CheckpointError(f"is damaged: it has no numbers for {missing[0]!a}")
    return {name: tensor.array(places[tensor.storage.key]) for name, tensor in tensors.items()}
