"""PyTorch's tensors as its files describe them: storages, and views of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from minisr.errors import CheckpointError
from minisr.weights.formats.pickles import Constructor, malformed
from minisr.weights.formats.shapes import size_without_empty_axes

if TYPE_CHECKING:
    from typing import Any

# NumPy's dtype for each kind of storage; None for bfloat16, which NumPy lacks.
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
MAX_DIMENSIONS = 8
MAX_VALUES = 16 << 20  # in all tensors of a file; expanded tensors repeat one number many times
EXPECTED_TABLE = "expected a table of weights: torch.save(network.state_dict(), FILE)"


@dataclass(frozen=True)
class StorageKind:
    """The meaning of a name such as ``torch.FloatStorage``."""

    dtype: str | None

    @property
    def itemsize(self) -> Any:
        """Bytes per number."""
        return np.dtype(self.dtype).itemsize if self.dtype else 2


@dataclass(frozen=True)
class Storage:
    """Numbers stored elsewhere in the file.

    Attributes
    ----------
    kind : StorageKind
    key : str
        Its name in the file.
    count : int
        How many numbers it has.
    """

    kind: StorageKind
    key: str
    count: int

    def __post_init__(self) -> None:
        fits = isinstance(self.kind, StorageKind) and isinstance(self.key, str)
        if not fits or not _is_count(self.count):
            raise malformed("storage")

    def numbers(self, content: Any, byteorder: Any) -> Any:
        """Return the numbers as a 1-D array, without a copy; bfloat16 as uint16."""
        need = self.count * self.kind.itemsize
        if len(content) < need:
            raise CheckpointError(
                f"is cut short: storage {self.key[:80]!a} has {len(content)} bytes, expected {need}"
            )
        return np.frombuffer(memoryview(content)[:need], byteorder + (self.kind.dtype or "u2"))


@dataclass(frozen=True)
class Tensor:
    """A view of a storage. Its numbers are not read yet: most of a checkpoint is never needed.

    Attributes
    ----------
    storage : Storage
    offset : int
    size, stride : tuple of int
        In numbers, not bytes.
    """

    storage: Storage
    offset: int
    size: tuple
    stride: tuple

    def __post_init__(self) -> None:
        if len(self.size) != len(self.stride) or len(self.size) > MAX_DIMENSIONS:
            raise malformed("tensor")
        if not all(map(_is_count, (self.offset, *self.size, *self.stride))):
            raise malformed("tensor")
        if size_without_empty_axes(self.size) > MAX_VALUES:
            raise CheckpointError(
                f"has a tensor of shape {self.size}, larger than any network needs"
            )
        steps = zip(self.size, self.stride, strict=True)
        last = self.offset + sum((size - 1) * stride for size, stride in steps)
        if 0 not in self.size and last >= self.storage.count:
            raise CheckpointError(
                f"is damaged: a tensor of shape {self.size} exceeds its storage of "
                f"{self.storage.count} numbers"
            )

    def array(self, content: bytes, byteorder: str = "<") -> np.ndarray:
        """Return the values, given the bytes of the storage.

        Parameters
        ----------
        content : bytes
        byteorder : {"<", ">"}, optional

        Returns
        -------
        ndarray
            A C-contiguous copy in native byte order.
        """
        numbers = self.storage.numbers(content, byteorder)
        strides = [stride * numbers.itemsize for stride in self.stride]
        view = np.lib.stride_tricks.as_strided(numbers[self.offset :], self.size, strides)
        array = np.array(view, dtype=numbers.dtype.newbyteorder("="), order="C")
        if self.storage.kind.dtype:
            return array
        # A bfloat16 is the upper half of a float32.
        return (array.astype(np.uint32) << np.uint32(16)).view(np.float32)


def _is_count(value):
    return type(value) is int and 0 <= value < 1 << 40


def _rebuild_tensor(storage, offset, size, stride, requires_grad, hooks, metadata=None):
    if not isinstance(storage, Storage) or type(size) is not tuple or type(stride) is not tuple:
        raise malformed("tensor")
    return Tensor(storage, offset, size, stride)


# All names that a pickle of tensors may use.
NAMES = {
    "collections.OrderedDict": Constructor(lambda: {}),
    "collections.Counter": Constructor(lambda counts: counts),  # a scheduler's milestones
    "torch._utils._rebuild_tensor_v2": Constructor(_rebuild_tensor),
    "torch._utils._rebuild_parameter": Constructor(lambda data, requires_grad, hooks: data),
    "torch.Size": Constructor(lambda size: size),
} | {f"torch.{name}": StorageKind(dtype) for name, dtype in STORAGES.items()}


def tensors_in(value: Any) -> dict[Any, Any]:
    """Return the tensors of a table, or of a table inside it.

    Parameters
    ----------
    value : object
        The content of a pickle.

    Returns
    -------
    dict of str to Tensor
    """
    for wrapper in ("params_ema", "params", "state_dict", "model_state_dict"):
        if isinstance(value, dict) and isinstance(value.get(wrapper), dict):
            value = value[wrapper]
            break
    if isinstance(value, Tensor):
        raise CheckpointError(f"holds a single tensor, {EXPECTED_TABLE}")
    if not isinstance(value, dict):
        raise CheckpointError(f"holds a value of type {type(value).__name__}, {EXPECTED_TABLE}")
    found = {key: item for key, item in value.items() if isinstance(item, Tensor)}
    if not found:
        raise CheckpointError(f"holds a table without tensors, {EXPECTED_TABLE}")
    for key in found:
        if not isinstance(key, str):
            raise CheckpointError(
                f"has a tensor named by the {type(key).__name__} {key}, expected text"
            )
    if sum(math.prod(tensor.size) for tensor in found.values()) > MAX_VALUES:
        raise CheckpointError("has tensors with more values than any network needs")
    return found
