"""Unpickle tables of weights from untrusted files without executing anything.

A pickle is a program. `pickle.load` lets it name any function of any module and call it, so a file
of weights can be a virus. The unpickler here knows only the instructions that build a table of
weights and refuses all others. Names are looked up in a short list that the caller provides, never
in a module. Nor can a pickle exhaust time or memory: its size is limited, integers are short, and
the keys of tables must be text or numbers, since hashing nested tuples can take forever.

References
----------
Python's ``Lib/pickletools.py``, which describes every instruction.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from minisr.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

MAX_BYTES = 256 << 10  # a tensor takes a few hundred
MAX_NAME = 200  # bytes


def malformed(what: Any) -> Any:
    """Return the error for a pickle, or a part of one, that ``torch.save`` cannot have written."""
    return CheckpointError(
        f"has a malformed {what}; expected one by torch.save, so fetch or save the file again"
    )


class Constructor:
    """The meaning of a name in a pickle: one of our own functions, which the pickle may call."""

    def __init__(self, function: Any) -> None:
        self.function = function


class _Mark:
    """Marks the start of a sequence of values on the stack."""


MARK = _Mark()


class Unpickler:
    """Reads one pickle.

    Parameters
    ----------
    content : bytes
        The pickle, and anything after it: it must stop by itself within ``MAX_BYTES``.
    names : dict of str to object
        The names that a pickle may use, "module.name", with a `Constructor` or a plain value each.
    persistent : callable
        Maps the pickle's reference to an external object, a tuple, to that object.
    """

    def __init__(
        self, content: bytes, names: dict[Any, Any], persistent: Callable[..., Any]
    ) -> None:
        self.content, self.names, self.persistent = content, names, persistent
        self.stack, self.memo = [], {}

    def run(self, start: int = 0) -> Any:
        """Return the value, and the position after the pickle.

        Raises
        ------
        CheckpointError
            If the pickle is damaged or uses anything that is refused here; the message says what.
        """
        self.at, self.end = start, min(len(self.content), MAX_BYTES)
        while True:
            code = self.take(1)
            if code == b".":
                return self.pop(), self.at
            instruction = INSTRUCTIONS.get(code)
            if instruction is None:
                raise CheckpointError(
                    f"has the pickle instruction {code!r}, which no table of weights needs"
                )
            instruction(self)

    def take(self, count: Any) -> Any:
        """Return the next bytes."""
        at = self.at + count
        if at > self.end:
            if at > len(self.content):
                raise CheckpointError("is cut short: it ends in the middle of its pickle")
            raise CheckpointError(f"has more than {MAX_BYTES >> 10} KiB of pickle")
        taken = self.content[self.at : at]
        self.at = at
        return taken

    def number(self, code: Any) -> Any:
        """Return the next number, in a format of `struct`."""
        return struct.unpack(code, self.take(struct.calcsize(code)))[0]

    def line(self) -> Any:
        """Return the rest of the line as text."""
        at = self.content.find(b"\n", self.at, self.at + MAX_NAME)
        if at < 0:
            raise CheckpointError(
                f"has a name in its pickle that does not end within {MAX_NAME} bytes"
            )
        return self.decode(self.take(at + 1 - self.at)[:-1])

    def decode(self, content: Any) -> Any:
        """Return bytes as text."""
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            raise CheckpointError("has text in its pickle that is not UTF-8") from error

    def push(self, value: Any) -> None:
        """Put a value on the stack."""
        self.stack.append(value)

    def pop(self, kind: Any = object) -> Any:
        """Take a value of the given type from the stack."""
        value = self.stack.pop() if self.stack else MARK
        if value is MARK or not isinstance(value, kind):
            raise malformed("pickle")
        return value

    def pop_to_mark(self) -> Any:
        """Take all values down to the last mark from the stack."""
        values = []
        while self.stack:
            value = self.stack.pop()
            if value is MARK:
                return values[::-1]
            values.append(value)
        raise malformed("pickle")

    def top(self, kind: Any) -> Any:
        """Return the value on top of the stack without removing it."""
        self.push(self.pop(kind))
        return self.stack[-1]

    def named(self) -> None:
        """Look up a name and put its meaning on the stack."""
        module, name = self.line(), self.line()
        full = f"{module}.{name}"
        if full not in self.names:
            raise CheckpointError(
                f"names {full!a}, which minisr does not run; expected a plain table of weights. "
                "Save one in the program that made it: torch.save(network.state_dict(), FILE)"
            )
        self.push(self.names[full])

    def reduce(self) -> None:
        """Call a constructor with a tuple of values."""
        values, constructor = self.pop(tuple), self.pop(Constructor)
        try:
            self.push(constructor.function(*values))
        except CheckpointError:
            raise
        except (TypeError, ValueError, OverflowError) as error:
            raise malformed("pickle") from error

    def long(self) -> None:
        """Put an integer of up to 255 bytes on the stack."""
        self.push(int.from_bytes(self.take(self.number("<B")), "little", signed=True))

    def get(self, key: Any) -> None:
        """Put a value from the memo on the stack."""
        if key not in self.memo:
            raise malformed("pickle")
        self.push(self.memo[key])

    def put(self, key: Any) -> None:
        """Store the value on top of the stack in the memo."""
        self.memo[key] = self.top(object)

    def collect(self, count: Any) -> None:
        """Replace the last ``count`` values by a tuple of them."""
        self.push(tuple([self.pop() for _ in range(count)][::-1]))

    def extend(self, values: Any) -> None:
        """Append values to the list on top of the stack."""
        self.top(list).extend(values)

    def update(self, values: Any) -> None:
        """Add alternating keys and values to the table on top of the stack."""
        table = self.top(dict)
        keys = values[::2]
        # Long integers can be chosen to have equal hashes, which makes a table slow.
        if len(values) % 2 or not all(
            isinstance(key, str) or (isinstance(key, int) and abs(key) < 1 << 31) for key in keys
        ):
            raise CheckpointError(
                "has a malformed table in its pickle; expected keys of text or short integers, "
                "each with a value"
            )
        table.update(zip(keys, values[1::2], strict=True))

    def protocol(self) -> None:
        """Check the protocol: later ones have other instructions, which PyTorch never used."""
        version = self.number("<B")
        if version != 2:
            raise CheckpointError(
                f"has a pickle of protocol {version}, expected 2, which torch.save uses"
            )

    def build(self) -> None:
        """Drop the attributes of a table: PyTorch's ``_metadata``, which affects no weight."""
        self.pop(dict)
        self.top(dict)


INSTRUCTIONS = {
    b"\x80": Unpickler.protocol,
    b"c": Unpickler.named,
    b"R": Unpickler.reduce,
    b"Q": lambda m: m.push(m.persistent(m.pop(tuple))),
    b"b": Unpickler.build,
    b"(": lambda m: m.push(MARK),
    b")": lambda m: m.push(()),
    b"]": lambda m: m.push([]),
    b"}": lambda m: m.push({}),
    b"t": lambda m: m.push(tuple(m.pop_to_mark())),
    b"\x85": lambda m: m.collect(1),
    b"\x86": lambda m: m.collect(2),
    b"\x87": lambda m: m.collect(3),
    b"a": lambda m: m.extend([m.pop()]),
    b"e": lambda m: m.extend(m.pop_to_mark()),
    b"s": lambda m: m.update([m.pop(), m.pop()][::-1]),
    b"u": lambda m: m.update(m.pop_to_mark()),
    b"q": lambda m: m.put(m.number("<B")),
    b"r": lambda m: m.put(m.number("<I")),
    b"h": lambda m: m.get(m.number("<B")),
    b"j": lambda m: m.get(m.number("<I")),
    b"X": lambda m: m.push(m.decode(m.take(m.number("<I")))),
    b"K": lambda m: m.push(m.number("<B")),
    b"M": lambda m: m.push(m.number("<H")),
    b"J": lambda m: m.push(m.number("<i")),
    b"G": lambda m: m.push(m.number(">d")),
    b"\x8a": Unpickler.long,
    b"\x88": lambda m: m.push(True),
    b"\x89": lambda m: m.push(False),
    b"N": lambda m: m.push(None),
}
