"""PyTorch's tensors as its files describe them: a storage, and a view of it."""

import math
from dataclasses import dataclass

import numpy as np

from minisr.errors import CheckpointError
from minisr.weights.formats.pickles import Constructor
from minisr.weights.formats.shapes import room

# The kinds of storage; None is bfloat16, which NumPy lacks.
STORAGES = {
    "FloatStorage": "f4",
    "DoubleStorage": "f8",
    "HalfStorage": "f2",
    "BFloat16Storage": None,
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
MOST_DIMENSIONS = 8
MOST_VALUES = 16 << 20  # of all tensors, which may show the same number many times


@dataclass(frozen=True)
class StorageKind:
    """What a name such as ``torch.FloatStorage`` stands for."""

    dtype: str | None

    @property
    def itemsize(self):
        """Bytes of a number."""
        return np.dtype(self.dtype).itemsize if self.dtype else 2


@dataclass(frozen=True)
class Storage:
    """Numbers that lie elsewhere in the file.

    Attributes
    ----------
    kind : StorageKind
    key : str
        What the file calls it.
    count : int
    """

    kind: StorageKind
    key: str
    count: int

    def __post_init__(self):
        fits = isinstance(self.kind, StorageKind) and isinstance(self.key, str)
        if not fits or not _is_count(self.count):
            raise CheckpointError("has a storage in its pickle that makes no sense")

    def numbers(self, content, byteorder):
        """Return the numbers as an array of one dimension, nothing copied; bfloat16 as uint16."""
        need = self.count * self.kind.itemsize
        if len(content) < need:
            raise CheckpointError(
                f"is cut short: storage {self.key[:80]!a} has {len(content)} bytes of {need}"
            )
        return np.frombuffer(memoryview(content)[:need], byteorder + (self.kind.dtype or "u2"))


@dataclass(frozen=True)
class Tensor:
    """A view of a storage; no numbers yet, since most of a training checkpoint is of no interest.

    Attributes
    ----------
    storage : Storage
    offset : int
    size, stride : tuple of int
        In numbers, not in bytes.
    """

    storage: Storage
    offset: int
    size: tuple
    stride: tuple

    def __post_init__(self):
        if len(self.size) != len(self.stride) or len(self.size) > MOST_DIMENSIONS:
            raise CheckpointError("has a tensor in its pickle that makes no sense")
        if not all(map(_is_count, (self.offset, *self.size, *self.stride))):
            raise CheckpointError("has a tensor in its pickle that makes no sense")
        if room(self.size) > MOST_VALUES:
            raise CheckpointError(f"has a tensor of shape {self.size}, which no network needs")
        steps = zip(self.size, self.stride, strict=True)
        last = self.offset + sum((size - 1) * stride for size, stride in steps)
        if 0 not in self.size and last >= self.storage.count:
            raise CheckpointError(
                f"has a tensor of shape {self.size} that goes beyond its storage of "
                f"{self.storage.count} numbers"
            )

    def array(self, content, byteorder="<"):
        """Return the values, given the storage's bytes.

        Parameters
        ----------
        content : bytes
        byteorder : {"<", ">"}, optional

        Returns
        -------
        ndarray
            A copy, C-contiguous, in this machine's byte order.
        """
        numbers = self.storage.numbers(content, byteorder)
        strides = [stride * numbers.itemsize for stride in self.stride]
        view = np.lib.stride_tricks.as_strided(numbers[self.offset :], self.size, strides)
        array = np.array(view, dtype=numbers.dtype.newbyteorder("="), order="C")
        if self.storage.kind.dtype:
            return array
        return (array.astype(np.uint32) << np.uint32(16)).view(np.float32)  # the upper half of it


def _is_count(value):
    return type(value) is int and 0 <= value < 1 << 40


def _rebuild_tensor(storage, offset, size, stride, requires_grad, hooks, metadata=None):
    if not isinstance(storage, Storage) or type(size) is not tuple or type(stride) is not tuple:
        raise CheckpointError("has a tensor in its pickle that makes no sense")
    return Tensor(storage, offset, size, stride)


# All that a pickle of tensors may name.
NAMES = {
    "collections.OrderedDict": Constructor(lambda: {}),
    "collections.Counter": Constructor(lambda counts: counts),  # a scheduler's milestones
    "torch._utils._rebuild_tensor_v2": Constructor(_rebuild_tensor),
    "torch._utils._rebuild_parameter": Constructor(lambda data, requires_grad, hooks: data),
    "torch.Size": Constructor(lambda size: size),
} | {f"torch.{name}": StorageKind(dtype) for name, dtype in STORAGES.items()}


def tensors_in(value):
    """Return the tensors of a table, or of the table that it wraps.

    Parameters
    ----------
    value : object
        What a pickle holds.

    Returns
    -------
    dict of str to Tensor
    """
    for wrapper in ("params_ema", "params", "state_dict", "model_state_dict"):
        if isinstance(value, dict) and isinstance(value.get(wrapper), dict):
            value = value[wrapper]
            break
    if isinstance(value, Tensor):
        raise CheckpointError("holds a single tensor, not a table of weights")
    if not isinstance(value, dict):
        raise CheckpointError(f"holds a {type(value).__name__}, not a table of weights")
    found = {key: item for key, item in value.items() if isinstance(item, Tensor)}
    if not found:
        raise CheckpointError("holds a table without a tensor in it")
    for key in found:
        if not isinstance(key, str):
            raise CheckpointError(f"has a tensor called {key}, not by a text")
    if sum(math.prod(tensor.size) for tensor in found.values()) > MOST_VALUES:
        raise CheckpointError("has tensors of more values than any network needs")
    return found
