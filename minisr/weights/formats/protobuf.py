"""Protocol buffers on the wire: numbered fields, and bytes that may be messages themselves.

Enough to read and write TensorFlow's graphs without TensorFlow. A message is a run of fields, each
a number and a kind, and then a whole number of seven bits a byte (kind 0), eight bytes (1), four
bytes (5), or a length and so many bytes (2).

References
----------
Protocol Buffers Documentation, "Encoding".
"""

import numpy as np

from minisr.errors import CheckpointError

MOST_FIELDS = 20_000  # of one file; one of ESPCN has some three hundred
MOST_PACKED = 100  # bytes of packed whole numbers
FIXED = {1: 8, 5: 4}


class Budget:
    """How many more fields a file may have: nested messages are read again and again."""

    def __init__(self):
        self.left = MOST_FIELDS

    def spend(self):
        """Raise CheckpointError if there are too many."""
        self.left -= 1
        if self.left < 0:
            raise CheckpointError(f"has more than {MOST_FIELDS} fields, which no network needs")


def message(content, budget):
    """Read the fields of a message.

    Parameters
    ----------
    content : memoryview
    budget : Budget

    Returns
    -------
    dict of int to list of int or memoryview
        By the fields' numbers, in the order of the file; bytes are not copied.

    Raises
    ------
    CheckpointError
        If these bytes are no message.
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
                raise CheckpointError("ends in the middle of a field")
        else:
            raise CheckpointError(f"has a field of kind {kind}, which nothing writes")
        fields.setdefault(number, []).append(value)
    return fields


def varint(content, at):
    """Return the whole number at a place, and the place behind it."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(content):
            raise CheckpointError("ends in the middle of a number")
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise CheckpointError("has a number of more than ten bytes")


def varints(values):
    """Return whole numbers that are one a field, or packed many into one; there must be few."""
    numbers = []
    for value in values:
        if isinstance(value, int):
            numbers.append(value)
            continue
        if len(value) > MOST_PACKED:
            raise CheckpointError(f"has {len(value)} bytes of numbers where a few are enough")
        at = 0
        while at < len(value):
            number, at = varint(value, at)
            numbers.append(number)
    return numbers


def floats(values):
    """Return float32 numbers that are one a field, or packed many into one."""
    packed = b"".join(bytes_of(value) for value in values)
    if len(packed) % 4:
        raise CheckpointError("has half a number")
    return np.frombuffer(packed, "<f4")


def bytes_of(value):
    """Return a field's bytes; raise CheckpointError if it is a number."""
    if isinstance(value, int):
        raise CheckpointError("has a number where there should be bytes")
    return bytes(value)


def text(value):
    """Return a field's text."""
    try:
        return bytes_of(value).decode()
    except UnicodeDecodeError as error:
        raise CheckpointError("has a name that is no text") from error


def nested(value, budget):
    """Read a field that is a message itself."""
    if isinstance(value, int):
        raise CheckpointError("has a number where there should be a message")
    return message(value, budget)


def whole(value):
    """Return a field's number; raise CheckpointError if it is bytes."""
    if not isinstance(value, int):
        raise CheckpointError("has bytes where there should be a number")
    return value


def field(number, value):
    """Return a field's bytes, to be put beside others.

    Parameters
    ----------
    number : int
    value : int, bytes or str
        Not negative; a nested message is bytes.
    """
    if isinstance(value, int):
        return _encoded(number << 3) + _encoded(value)
    content = value.encode() if isinstance(value, str) else value
    return _encoded(number << 3 | 2) + _encoded(len(content)) + content


def _encoded(value):
    """Return a whole number, seven bits a byte, the lowest first."""
    content = bytearray()
    while value > 127:
        content.append(value & 127 | 128)
        value >>= 7
    return bytes([*content, value])
