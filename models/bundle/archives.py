"""Zip archives of unknown origin: checked before anything is unpacked, unpacked within limits."""

import io
import zlib
from pathlib import PurePosixPath
from typing import Final
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

MOST_ENTRIES: Final = 10_000

#: Of all compressed entries together, unpacked; those that are not compressed are as large as
#: they lie there. What is large in a bundle, its numbers, is never compressed.
MOST_UNPACKED: Final = 64 * 2**20

_MAGIC = b"PK\x03\x04"
_ENCRYPTED = 0x1

# What Python's reader of zip archives raises for broken ones, and for what it does not read:
# versions to come, patches, strong encryption.
_BROKEN: Final = (
    BadZipFile, zlib.error, EOFError, OSError, ValueError, OverflowError, NotImplementedError,
)  # fmt: skip


def open_archive(content: bytes) -> ZipFile:
    """Return an archive of which every entry has a plain name and an allowed size.

    Raises:
        ValueError: If it is no zip archive, or has entries that are too many, too large, named
            twice or named like a path that leads out of a folder.
    """
    if not content.startswith(_MAGIC):
        raise ValueError(f"it is no zip archive: it begins with {content[:8]!r}")
    try:
        archive = ZipFile(io.BytesIO(content))
    except _BROKEN as error:
        raise ValueError(f"its zip archive is broken: {error}") from error
    entries = archive.infolist()
    if len(entries) > MOST_ENTRIES:
        raise ValueError(f"it may have {MOST_ENTRIES} entries, and has {len(entries)}")
    names = set()
    for entry in entries:
        _check_entry(entry)
        if entry.filename in names:
            raise ValueError(f"its entry {entry.filename[:80]!r} is there twice")
        names.add(entry.filename)
    stored = sum(entry.file_size for entry in entries if entry.compress_type == ZIP_STORED)
    if stored > len(content):
        raise ValueError(
            f"its entries state {stored} bytes, and it has {len(content)}: they lie on each other"
        )
    unpacked = sum(entry.file_size for entry in entries if entry.compress_type == ZIP_DEFLATED)
    if unpacked > MOST_UNPACKED:
        raise ValueError(
            f"its compressed entries state {unpacked >> 20} MB unpacked, more than the "
            f"{MOST_UNPACKED >> 20} MB that are allowed"
        )
    return archive


def read_entry(archive: ZipFile, entry: ZipInfo) -> bytes:
    """Return what an entry holds: as many bytes as it states, or nothing.

    Raises:
        ValueError: If it holds fewer or others, or is broken.
    """
    try:
        with archive.open(entry) as file:
            content = file.read(entry.file_size)
            is_all = len(content) == entry.file_size and not file.read(1)
    except _BROKEN as error:
        raise ValueError(f"its entry {entry.filename[:80]!r} is broken: {error}") from error
    if not is_all:
        raise ValueError(
            f"its entry {entry.filename[:80]!r} does not have the {entry.file_size} bytes it states"
        )
    return content


def _check_entry(entry: ZipInfo) -> None:
    name = entry.filename
    parts = PurePosixPath(name).parts
    if not name.isprintable() or "\\" in name or name.startswith("/") or ".." in parts:
        raise ValueError(f"its entry {name[:80]!r} leads out of it")
    if entry.flag_bits & _ENCRYPTED or entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise ValueError(f"its entry {name[:80]!r} is neither stored nor deflated")
    if entry.compress_type == ZIP_STORED and entry.file_size != entry.compress_size:
        raise ValueError(f"its entry {name[:80]!r} states two sizes")
