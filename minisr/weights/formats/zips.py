"""Read zip archives from untrusted sources, within limits; write reproducible ones."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import TYPE_CHECKING

from minisr.errors import CheckpointError

if TYPE_CHECKING:
    from typing import Any

MAX_MEMBERS = 10_000
MAX_BYTES = 64 << 20  # all members, decompressed; these networks come nowhere near it
ENTRY = b"PK\x01\x02"  # the start of a member's entry in the central directory


class Archive:
    """A zip archive in memory.

    Parameters
    ----------
    content : bytes

    Raises
    ------
    CheckpointError
        If it is damaged, has too many members or would decompress to too many bytes.
    """

    def __init__(self, content: bytes) -> None:
        if content.count(ENTRY) > MAX_MEMBERS:  # before zipfile parses every one
            raise CheckpointError(f"has more than {MAX_MEMBERS} members")
        try:
            self.zip = zipfile.ZipFile(io.BytesIO(content))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
            raise CheckpointError(f"is a damaged zip archive: {error}") from error
        members = self.zip.infolist()
        self.members = {member.filename: member for member in members}
        self.comment = self.zip.comment
        size = sum(member.file_size for member in members)
        if size > MAX_BYTES:
            raise CheckpointError(
                f"would decompress to {size >> 20} MiB; minisr reads at most {MAX_BYTES >> 20} MiB"
            )

    def read(self, name: Any) -> Any:
        """Return a member's bytes."""
        member = self.members.get(name)
        if member is None:
            raise CheckpointError(f"is damaged: it has no member {name}")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise CheckpointError(
                f"has {name} in an unknown compression, expected none or deflate; save it again"
            )
        try:
            with self.zip.open(member) as file:
                # Without a size zipfile decompresses up to 2 GiB before it truncates them.
                content = file.read(member.file_size)
        # RuntimeError: it is encrypted. The others are what zipfile and zlib raise for damage.
        except (
            zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError,
        ) as error:  # fmt: skip
            raise CheckpointError(f"has a damaged member {name}: {error}") from error
        if len(content) != member.file_size:
            raise CheckpointError(f"has a damaged member {name}: it is truncated")
        return content


def pack(members: dict[Any, Any], comment: bytes) -> Any:
    """Return the bytes of an uncompressed archive without dates: equal members give equal bytes.

    Parameters
    ----------
    members : dict of str to bytes
    comment : bytes
    """
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
        archive.comment = comment
    return target.getvalue()
