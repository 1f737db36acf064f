"""The wire format of Protocol Buffers: numbered fields, some of which are messages themselves.

This is enough to read and write TensorFlow's graphs without TensorFlow. A message is a sequence of
fields. Each has a number and a wire type, followed by an integer of seven bits per byte (type 0),
eight bytes (1), four bytes (5), or a length and that many bytes (2).

References
----------
Protocol Buffers Documentation, "Encoding".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minisr.errors import CheckpointError

if TYPE_CHECKING:
    from typing import Any

MAX_FIELDS = 20_000  # in one file; an ESPCN has about three hundred
MAX_PACKED_BYTES = 100  # of integers in one field
FIXED = {1: 8, 5: 4}


class Budget:
    """How many more fields may be read from a file, in which messages nest."""

    def __init__(self) -> None:
        self.left = MAX_FIELDS

    def spend(self) -> None:
        """Count a field; raise CheckpointError if there are too many."""
        self.left -= 1
        if self.left < 0:
            raise CheckpointError(f"has more than {MAX_FIELDS} fields; no network here has so many")


def message(content: Any, budget: Budget) -> Any:
    """Read the fields of a message.

    Parameters
    ----------
    content : memoryview
    budget : Budget

    Returns
    -------
    dict of int to list of int or memoryview
        Values by field number, in the order of the file. Bytes are not copied.

    Raises
    ------
    CheckpointError
        If the bytes are not a message.
    """
    fields = {}
    at = 0
    while at < len(content):
        budget.spend()
        tag, at = varint(content, at)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            value, at = varint(content, at)
        elif kind == 2 or kind in FIXED:
            length = FIXED.get(kind)
            if length is None:
                length, at = varint(content, at)
            value = content[at : at + length]
            at += length
            if at > len(content):
                raise CheckpointError("is cut short: it ends in the middle of a field")
        else:
            raise CheckpointError(
                f"is damaged: a field has wire type {kind}, expected 0, 1, 2 or 5"
            )
        fields.setdefault(number, []).append(value)
    return fields


def varint(content: Any, at: Any) -> Any:
    """Return the integer at a position, and the position after it."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(content):
            raise CheckpointError("is cut short: it ends in the middle of a number")
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise CheckpointError("is damaged: a number has more than ten bytes")


def varints(values: Any) -> Any:
    """Return a few integers, stored one per field or packed into one field."""
    numbers = []
    for value in values:
        if isinstance(value, int):
            numbers.append(value)
            continue
        if len(value) > MAX_PACKED_BYTES:
            raise CheckpointError(
                f"has {len(value)} bytes of packed numbers, expected at most {MAX_PACKED_BYTES}"
            )
        at = 0
        while at < len(value):
            number, at = varint(value, at)
            numbers.append(number)
    return numbers


def floats(values: Any) -> Any:
    """Return float32 numbers, stored one per field or packed into one field."""
    packed = b"".join(bytes_of(value) for value in values)
    if len(packed) % 4:
        raise CheckpointError("is damaged: the last float32 of a field is incomplete")
    return np.frombuffer(packed, "<f4")


def bytes_of(value: Any) -> Any:
    """Return a field's bytes; raise CheckpointError if it holds a number."""
    if isinstance(value, int):
        raise CheckpointError("is damaged: a field holds a number, expected bytes")
    return bytes(value)


def text(value: Any) -> Any:
    """Return a field's text."""
    try:
        return bytes_of(value).decode()
    except UnicodeDecodeError as error:
        raise CheckpointError("is damaged: a name is not UTF-8 text") from error


def nested(value: Any, budget: Any) -> Any:
    """Read a field that holds a message."""
    if isinstance(value, int):
        raise CheckpointError("is damaged: a field holds a number, expected a message")
    return message(value, budget)


def integer(value: Any) -> Any:
    """Return a field's number; raise CheckpointError if it holds bytes."""
    if not isinstance(value, int):
        raise CheckpointError("is damaged: a field holds bytes, expected a number")
    return value


def field(number: int, value: int | bytes | str) -> Any:
    """Encode a field; a message is the concatenation of its encoded fields.

    Parameters
    ----------
    number : int
    value : int, bytes or str
        A number must not be negative. A nested message is passed as bytes.
    """
    if isinstance(value, int):
        return _encoded(number << 3) + _encoded(value)
    content = value.encode() if isinstance(value, str) else value
    return _encoded(number << 3 | 2) + _encoded(len(content)) + content


def _encoded(value):
    """Encode an integer, seven bits per byte, lowest bits first."""
    content = bytearray()
    while value > 127:
        content.append(value & 127 | 128)
        value >>= 7
    return bytes([*content, value])
