"""Zip archives from strangers: what is inside, within limits."""

import io
import zipfile
import zlib

from minisr.errors import CheckpointError

MOST_MEMBERS = 10_000
MOST_BYTES = 64 << 20  # of all members unpacked; no network of these kinds comes near it
ENTRY = b"PK\x01\x02"  # begins what the directory says of a member


class Archive:
    """A zip archive in memory.

    Parameters
    ----------
    content : bytes

    Raises
    ------
    CheckpointError
        If it is damaged, or would unpack to more than anybody needs.
    """

    def __init__(self, content):
        if content.count(ENTRY) > MOST_MEMBERS:  # before zipfile looks at every one
            raise CheckpointError(f"has more than {MOST_MEMBERS} members")
        try:
            self.zip = zipfile.ZipFile(io.BytesIO(content))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
            raise CheckpointError(f"is a damaged zip archive: {error}") from error
        members = self.zip.infolist()
        self.members = {member.filename: member for member in members}
        self.comment = self.zip.comment
        size = sum(member.file_size for member in members)
        if size > MOST_BYTES:
            raise CheckpointError(
                f"would unpack to {size >> 20} MiB, and at most {MOST_BYTES >> 20} MiB are read"
            )

    def read(self, name):
        """Return a member's bytes."""
        member = self.members.get(name)
        if member is None:
            raise CheckpointError(f"lacks its member {name}")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise CheckpointError(f"has {name} packed in a way that minisr does not read")
        try:
            with self.zip.open(member) as file:
                # Without a number zipfile unpacks up to 2 GiB before it cuts them to this size.
                content = file.read(member.file_size)
        # RuntimeError: it wants a password. The others are what zipfile and zlib say of damage.
        except (
            zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError,
        ) as error:  # fmt: skip
            raise CheckpointError(f"has a damaged member {name}: {error}") from error
        if len(content) != member.file_size:
            raise CheckpointError(f"has a damaged member {name}: it is cut short")
        return content


def pack(members, comment):
    """Return the bytes of an archive, unpacked and without dates: equal members, equal bytes.

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
