"""Pickles from strangers: a small machine that can build tables, and can run nothing.

A pickle is a program. `pickle.load` lets it name any function of any module and call it, which is
why a file of weights can be a virus. This machine knows the instructions that a table of weights
is made of and refuses all others; a name is looked up in a short list that its caller gives, never
in a module. Nor can a pickle eat the machine: it has a largest size, numbers are short, and tables
have keys of text or numbers alone, since hashing tuples of tuples of tuples may take for ever.

References
----------
Python's ``Lib/pickletools.py``, which describes every instruction.
"""

import struct

from minisr.errors import CheckpointError

MOST_BYTES = 256 << 10  # some hundred for each tensor
LONGEST_NAME = 200


class Constructor:
    """What a name in a pickle stands for: one of our own functions, to be called with values."""

    def __init__(self, function):
        self.function = function


class _Mark:
    """Where a run of values begins on the stack."""


MARK = _Mark()


class Machine:
    """Reads one pickle.

    Parameters
    ----------
    content : bytes
        Of any length: a pickle ends where it says so, at the latest after ``MOST_BYTES``.
    names : dict of str to object
        What may be named, "module.name", and what it stands for: a `Constructor` or a plain value.
    persistent : callable
        Given what the pickle calls the name of something outside of it, returns it.
    """

    def __init__(self, content, names, persistent):
        self.content, self.names, self.persistent = content, names, persistent
        self.stack, self.memo = [], {}

    def run(self, start=0):
        """Return the value, and the place behind the pickle.

        Raises
        ------
        CheckpointError
            If it is damaged, or wants what this machine does not do; it says what.
        """
        self.at, self.end = start, min(len(self.content), MOST_BYTES)
        while True:
            code = self.take(1)
            if code == b".":
                return self.pop(), self.at
            step = STEPS.get(code)
            if step is None:
                raise CheckpointError(
                    f"has the pickle instruction {code!r}, which no table of weights needs"
                )
            step(self)

    def take(self, count):
        """Return the next bytes."""
        at = self.at + count
        if at > self.end:
            if at > len(self.content):
                raise CheckpointError("ends in the middle of its pickle")
            raise CheckpointError(f"has more than {MOST_BYTES >> 10} KiB of pickle")
        taken = self.content[self.at : at]
        self.at = at
        return taken

    def number(self, code):
        """Return the next number, of a kind that `struct` knows."""
        return struct.unpack(code, self.take(struct.calcsize(code)))[0]

    def line(self):
        """Return the text up to the end of the line."""
        at = self.content.find(b"\n", self.at, self.at + LONGEST_NAME)
        if at < 0:
            raise CheckpointError("has a name without an end in its pickle")
        return self.decode(self.take(at + 1 - self.at)[:-1])

    def decode(self, content):
        """Return bytes as text."""
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            raise CheckpointError("has text in its pickle that is no text") from error

    def push(self, value):
        """Put a value on the stack."""
        self.stack.append(value)

    def pop(self, kind=object):
        """Take a value of some kind from the stack."""
        value = self.stack.pop() if self.stack else MARK
        if value is MARK or not isinstance(value, kind):
            raise CheckpointError("has a pickle that makes no sense")
        return value

    def pop_to_mark(self):
        """Take all values that were put there since the last mark."""
        values = []
        while self.stack:
            value = self.stack.pop()
            if value is MARK:
                return values[::-1]
            values.append(value)
        raise CheckpointError("has a pickle that makes no sense")

    def top(self, kind):
        """Return the value on top of the stack and leave it there."""
        self.push(self.pop(kind))
        return self.stack[-1]

    def named(self):
        """Look a name up."""
        module, name = self.line(), self.line()
        full = f"{module}.{name}"
        if full not in self.names:
            raise CheckpointError(
                f"names {full!a}, which minisr does not run: it is no plain table of weights. "
                "Where it was made, save the table alone: torch.save(network.state_dict(), FILE)"
            )
        self.push(self.names[full])

    def reduce(self):
        """Call a constructor."""
        values, constructor = self.pop(tuple), self.pop(Constructor)
        try:
            self.push(constructor.function(*values))
        except CheckpointError:
            raise
        except (TypeError, ValueError, OverflowError) as error:
            raise CheckpointError("has a pickle that makes no sense") from error

    def long(self):
        """Put a whole number of up to 255 bytes on the stack."""
        self.push(int.from_bytes(self.take(self.number("<B")), "little", signed=True))

    def get(self, key):
        """Put a remembered value on the stack."""
        if key not in self.memo:
            raise CheckpointError("has a pickle that makes no sense")
        self.push(self.memo[key])

    def put(self, key):
        """Remember the value on top."""
        self.memo[key] = self.top(object)

    def collect(self, count):
        """Make the last values a tuple."""
        self.push(tuple([self.pop() for _ in range(count)][::-1]))

    def extend(self, values):
        """Put values at the end of a list."""
        self.top(list).extend(values)

    def update(self, values):
        """Put keys and values, in turns, into a table."""
        table = self.top(dict)
        keys = values[::2]
        # Short numbers: long ones can be chosen so that all fall into one place of the table.
        if len(values) % 2 or not all(
            isinstance(key, str) or (isinstance(key, int) and abs(key) < 1 << 31) for key in keys
        ):
            raise CheckpointError("has a table in its pickle whose keys are no text and no number")
        table.update(zip(keys, values[1::2], strict=True))

    def protocol(self):
        """Check the version: later ones have other words for the same, which PyTorch never used."""
        version = self.number("<B")
        if version != 2:
            raise CheckpointError(f"has a pickle of protocol {version}, expected 2, torch.save's")

    def build(self):
        """Drop the attributes of a table: PyTorch's ``_metadata``, on which no weight depends."""
        self.pop(dict)
        self.top(dict)


STEPS = {
    b"\x80": Machine.protocol,
    b"c": Machine.named,
    b"R": Machine.reduce,
    b"Q": lambda m: m.push(m.persistent(m.pop(tuple))),
    b"b": Machine.build,
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
    b"\x8a": Machine.long,
    b"\x88": lambda m: m.push(True),
    b"\x89": lambda m: m.push(False),
    b"N": lambda m: m.push(None),
}
